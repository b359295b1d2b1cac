/** The Kubernetes API is away, silent, forgetful, or tells the truth of yesterday: nothing is lost, nobody is harmed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApiCall, type ApiProxy, goneEvent, on, startApiProxy, type WatchEvent } from '../support/api-proxy.ts';
import { randomOf, Scene, seedOf } from '../support/cluster-scene.ts';
import { askForToken, keepAsking } from '../support/cluster-tokens.ts';
import { writesOf } from '../support/kube-audit.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let proxy: ApiProxy;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  proxy = await startApiProxy(cluster);
});
afterAll(async () => {
  await proxy?.close();
  await cluster?.stop();
  await postgres?.stop();
});
afterEach(() => proxy.disarm());

const clients = { group: 'auth.nauthera.io', resource: 'clients' };

/** A scene whose server, scope and Client `batch` are Ready, served by one replica. */
async function aServedScene(): Promise<Scene> {
  const scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient()]) await scene.apply(one);
  return scene;
}

describe('F29: the API server and etcd are killed during changes', () => {
  it('the server serves on, and everything converges', async () => {
    const scene = await aServedScene();
    await using operator = await scene.operator({ restart: true });
    await using replica = await scene.replica();
    await scene.untilReason('Client', 'shop', 'batch');
    const asking = keepAsking(replica.url, (await scene.secret('shop', 'batch-oauth2')) ?? {});
    const names = Array.from({ length: 24 }, (_, index) => `job-${index}`);
    let applied = 0;
    const changing = (async () => {
      for (const name of names) {
        await until('applied', () => scene.apply(scene.aClient(name)).catch(() => undefined));
        applied += 1;
        await sleep(100);
      }
    })();
    await until('some changes were made', async () => applied >= 6);
    await Promise.all([cluster.killApiServer(), cluster.killEtcd()]);
    await expect(cluster.request('GET', '/readyz')).rejects.toThrow();
    expect(applied).toBeLessThan(names.length);
    await sleep(4000);
    await cluster.etcd.start();
    await cluster.startApiServer();
    await changing;
    for (const name of names) await scene.untilReason('Client', 'shop', name, 'Ready');
    await scene.apply(scene.aClient('batch', { displayName: 'After it' }));
    await scene.untilReason('Client', 'shop', 'batch');
    for (const name of ['job-0', 'job-23'])
      expect(await askForToken(replica.url, (await scene.secret('shop', `${name}-oauth2`)) ?? {})).toBe('200');
    await asking.stop();
    expect(asking.refusals).toEqual([]);
    expect(asking.asked).toBeGreaterThan(50);
    expect(operator.log).not.toMatch(/unexpected error/);
  });
});

describe('F30: a watch falls silent while resources change', () => {
  it('what changed meanwhile is seen once the silence has lasted too long', async () => {
    const scene = await aServedScene();
    await using operator = await OperatorHere.start(scene, { proxy, reflectors: { silence: 3000 } });
    for (const name of ['kept', 'goes']) await scene.apply(scene.aClient(name));
    for (const name of ['batch', 'kept', 'goes']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    // A watch that was quiet for that long is being opened again: both must be open at once.
    const both = [on(clients), on({ resource: 'secrets' })];
    await until('Clients and Secrets are watched', async () => both.every((each) => proxy.openWatches(each) > 0));
    expect(proxy.silence(on({}))).toBeGreaterThanOrEqual(both.length);
    await scene.apply(scene.aClient('batch', { displayName: 'Edited' }));
    await scene.apply(scene.aClient('new'));
    await scene.delete('Client', 'shop', 'goes');
    await scene.delete('secrets', 'shop', 'kept-oauth2');
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    await scene.untilReason('Client', 'shop', 'new', 'NoReplica');
    await scene.untilGone('Client', 'shop', 'goes');
    await until('the Secret is back', () => scene.secret('shop', 'kept-oauth2'));
    expect(operator.failures).toEqual([]);
  });
});

describe('F31: the API server has forgotten, refuses, or asks for patience', () => {
  /** When each list of Clients arrived at the proxy, in milliseconds. */
  function timesOfLists(): { readonly times: readonly number[] } {
    const times: number[] = [];
    proxy.count((call) => {
      const counts = call.verb === 'list' && on(clients)(call);
      if (counts) times.push(performance.now());
      return counts;
    });
    return { times };
  }

  /** Lists keep a second's distance from each other; the last one may be told a little early or late. */
  function expectDistance(times: readonly number[]): void {
    const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
    expect(span).toBeGreaterThan((times.length - 1) * 1000 - 500);
  }

  /** One Client goes and one comes without the operator hearing of it. */
  async function behindItsBack(scene: Scene, goes: string, comes: string): Promise<void> {
    await scene.patch('Client', 'shop', goes, { metadata: { finalizers: null } });
    await scene.delete('Client', 'shop', goes);
    await scene.apply(scene.aClient(comes));
  }

  async function expectNoticed(scene: Scene, goes: string, comes: string): Promise<void> {
    await scene.untilReason('Client', 'shop', comes, 'NoReplica');
    const ids = async () => (await scene.state()).registry.map((row) => (row as { id: string }).id);
    await until(`nothing of ${goes} is registered`, async () => !(await ids()).includes(`shop.${goes}`));
    await until('its Secret is gone', async () => !(await scene.secret('shop', `${goes}-oauth2`)));
  }

  it('410 in a watch, at its reconnection, and lists that fail: everything is noticed, by one list a second at most', async () => {
    const scene = await aServedScene();
    await using operator = await OperatorHere.start(scene, { proxy });
    for (const name of ['one', 'two', 'three']) await scene.apply(scene.aClient(name));
    for (const name of ['batch', 'one', 'two', 'three']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    const mine = (call: ApiCall) => on({ ...clients, namespace: scene.namespaces.shop })(call);
    const { times } = timesOfLists();

    // In the stream: what happened before it is lost with it.
    const lost = proxy.dropEvents(mine);
    await behindItsBack(scene, 'one', 'new-one');
    await until('events were lost', async () => lost.fired >= 3);
    lost.disarm();
    expect(proxy.inject((call) => mine(call) && call.verb === 'watch', goneEvent)).toBe(1);
    await expectNoticed(scene, 'one', 'new-one');

    // At the reconnection.
    const gone = proxy.answer((call) => mine(call) && call.verb === 'watch', { status: 410 }, 1);
    const missed = proxy.dropEvents(mine);
    await behindItsBack(scene, 'two', 'new-two');
    await until('events were lost', async () => missed.fired >= 3);
    missed.disarm();
    expect(proxy.endWatches(mine)).toBe(1);
    await expectNoticed(scene, 'two', 'new-two');
    expect(gone.fired).toBe(1);

    // And the lists that follow fail, with and without a word about when to come back.
    const broken = proxy.answer((call) => mine(call) && call.verb === 'list', { status: 500 }, 2);
    const busy = proxy.answer(
      (call) => mine(call) && call.verb === 'list' && broken.fired === 2,
      { status: 429, headers: { 'retry-after': '2' } },
      1,
    );
    const unheard = proxy.dropEvents(mine);
    await behindItsBack(scene, 'three', 'new-three');
    await until('events were lost', async () => unheard.fired >= 3);
    unheard.disarm();
    proxy.inject((call) => mine(call) && call.verb === 'watch', goneEvent);
    await expectNoticed(scene, 'three', 'new-three');
    expect([broken.fired, busy.fired]).toEqual([2, 1]);
    expect(times.length).toBeGreaterThanOrEqual(6);
    expectDistance(times);
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    expect(operator.failures.filter(({ controller }) => controller !== 'Client')).toEqual([]);
  });
});

describe('F33: events of watches are dropped, doubled, and come in another order', () => {
  it('the end state is that of an undisturbed watch', async () => {
    const random = randomOf(seedOf('F33'));
    const disturbed = await aServedScene();
    const calm = await aServedScene();
    const ofDisturbed = ({ namespace, verb }: ApiCall) =>
      verb === 'watch' && Object.values(disturbed.namespaces).includes(namespace);
    const chance = (part: number) => (event: WatchEvent) =>
      event.type !== 'BOOKMARK' && event.type !== 'ERROR' && random() < part;
    const rules = [
      proxy.dropEvents(ofDisturbed, chance(0.25)),
      proxy.doubleEvents(ofDisturbed, chance(0.25)),
      proxy.reorderEvents(ofDisturbed, chance(0.4)),
    ];
    await using _disturbed = await OperatorHere.start(disturbed, { proxy, reflectors: { relist: 4000 } });
    await using undisturbed = await OperatorHere.start(calm, { proxy });
    const story = async (scene: Scene) => {
      for (const name of ['a', 'b', 'c', 'd']) await scene.apply(scene.aClient(name));
      for (const name of ['batch', 'a', 'b', 'c', 'd']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
      await scene.apply(scene.aClient('a', { displayName: 'A' }));
      await scene.apply(scene.aClient('a', { displayName: 'Another A' }));
      await scene.delete('Client', 'shop', 'b');
      await scene.apply(scene.aScope({ name: scene.scope('write'), displayName: 'Write' }, 'write'));
      await scene.apply(scene.aClient('c', { scopes: [scene.scope('read'), scene.scope('write')] }));
      await scene.untilGone('Client', 'shop', 'b');
      await scene.delete('secrets', 'shop', 'd-oauth2');
      await until('the Secret is back', () => scene.secret('shop', 'd-oauth2'));
      await scene.apply(scene.aClient('b', { displayName: 'B again' }));
      for (const name of ['a', 'b', 'c', 'd']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    };
    await Promise.all([story(calm), story(disturbed)]);
    await undisturbed.idle();
    const whole = await calm.settled();
    expect(await disturbed.stateLike(whole)).toEqual(whole);
    for (const rule of rules) expect(rule.fired).toBeGreaterThan(2);
  });
});

describe('F34: a list of long ago is told once more', () => {
  it('while it runs: no living Client is deleted, no secret is written anew', async () => {
    const scene = await aServedScene();
    const mine = ({ namespace }: ApiCall) => Object.values(scene.namespaces).includes(namespace);
    const kept = proxy.keepLists(mine);
    await using operator = await OperatorHere.start(scene, { proxy });
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    for (const name of ['late', 'later']) await scene.apply(scene.aClient(name));
    for (const name of ['late', 'later']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    await scene.apply(scene.aClient('batch', { displayName: 'Edited' }));
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    await expectUnharmed(scene, async () => {
      kept.replay();
      // Each kind is listed anew, once as it was long ago.
      expect(proxy.inject((call) => mine(call) && call.verb === 'watch', goneEvent)).toBeGreaterThan(4);
      await until('the old lists were told', async () => kept.fired >= 5);
      kept.disarm();
      // What it changes stands in no Secret.
      await scene.apply(scene.aClient('batch', { displayName: 'Edited', consent: { rememberFor: '1h' } }));
      await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    });
    expect(operator.failures).toEqual([]);
    await until('it noticed', async () => operator.problems.some(({ reason }) => reason === 'stale'));
  });

  it('when it starts: the same', async () => {
    const scene = await aServedScene();
    const mine = ({ namespace }: ApiCall) => Object.values(scene.namespaces).includes(namespace);
    const kept = proxy.keepLists(mine);
    const first = await OperatorHere.start(scene, { proxy });
    await scene.apply(scene.aClient('late'));
    for (const name of ['batch', 'late']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    await scene.delete('secrets', 'shop', 'batch-oauth2');
    await until('the Secret is back', () => scene.secret('shop', 'batch-oauth2'));
    await scene.settled();
    await first.stop();
    await expectUnharmed(scene, async () => {
      kept.replay();
      await using _second = await OperatorHere.start(scene, { proxy });
      expect(kept.fired).toBeGreaterThan(4);
      kept.disarm();
      await scene.apply(scene.aClient('late', { consent: { rememberFor: '1h' } }));
      await scene.untilReason('Client', 'shop', 'late', 'NoReplica');
      await scene.settled();
    });
  });

  /** Nothing is deleted and no Secret is written while something happens; what is registered stays so. */
  async function expectUnharmed(scene: Scene, happens: () => Promise<void>): Promise<void> {
    const values = async () => [await scene.secret('shop', 'batch-oauth2'), await scene.secret('shop', 'late-oauth2')];
    const secrets = await values();
    const ids = (await scene.state()).registry.map((row) => (row as { id: string }).id);
    const before = (await cluster.auditEvents()).length;
    await happens();
    const spaces = [scene.namespaces.auth, scene.namespaces.shop];
    const writes = writesOf((await cluster.auditEvents()).slice(before), { user: scene.user, namespace: spaces });
    expect(writes.filter(({ verb }) => verb === 'delete')).toEqual([]);
    expect(writes.filter(({ resource }) => resource === 'secrets')).toEqual([]);
    const state = await scene.state();
    expect(state.registry.map((row) => (row as { id: string }).id)).toEqual(ids);
    expect(state.retired).toEqual([]);
    expect((await values()).map((one) => one?.['client-secret'])).toEqual(secrets.map((one) => one?.['client-secret']));
  }
});
