/** The operator is killed between any two of its writes, contradicted by others, or frozen while another one takes over. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApiCall, type ApiProxy, on, startApiProxy } from '../support/api-proxy.ts';
import { Scene } from '../support/cluster-scene.ts';
import type { EndState } from '../support/cluster-state.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

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

/** Writes of a scene's operator; neither its Lease nor what it tells people counts. */
const writesIn = (scene: Scene) => (call: ApiCall) =>
  on({ mutating: true })(call) &&
  call.resource !== 'events' &&
  [scene.namespaces.auth, scene.namespaces.shop].includes(call.namespace);

interface Scenario {
  /** Brings the scene so far that the operator has something to do; none runs. */
  readonly prepare: (scene: Scene) => Promise<void>;
  /** So many writes it needs at least. */
  readonly writes: number;
}

const everything = (scene: Scene) => [scene.aServer(), scene.aScope(), scene.aClient(), scene.aClient('gone')];

async function withEverything(scene: Scene): Promise<void> {
  for (const one of everything(scene)) await scene.apply(one);
}

async function withOneOfEach(scene: Scene): Promise<void> {
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient()]) await scene.apply(one);
}

/** All of it is taken up, and no operator runs. */
async function settledWithEverything(scene: Scene): Promise<void> {
  await withEverything(scene);
  const operator = await OperatorHere.start(scene);
  for (const name of ['batch', 'gone']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
  await scene.untilReason('Scope', 'shop', 'read', 'NoReplica');
  await operator.idle();
  await operator.stop();
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'it takes up a server, a scope and a Client': { writes: 7, prepare: withOneOfEach },
  'a Client and a scope are edited, a Client and a Secret deleted': {
    writes: 4,
    prepare: async (scene) => {
      await settledWithEverything(scene);
      await scene.apply(scene.aClient('batch', { displayName: 'Edited' }));
      await scene.apply(scene.aScope({ displayName: 'Read all of the shop' }));
      await scene.delete('secrets', 'shop', 'batch-oauth2');
      await scene.delete('Client', 'shop', 'gone');
    },
  },
  // Not the server too: what is deleted after its server is released at once, and its row is retired later.
  'all that a server holds is deleted': {
    writes: 4,
    prepare: async (scene) => {
      await settledWithEverything(scene);
      for (const name of ['batch', 'gone']) await scene.delete('Client', 'shop', name);
      await scene.delete('Scope', 'shop', 'read');
    },
  },
};

interface Kill {
  readonly when: 'before' | 'after';
  readonly k: number;
}

/** `undefined`: it needed fewer writes, and was not killed. */
async function killedAt({ when, k }: Kill, { prepare }: Scenario, whole: EndState): Promise<EndState | undefined> {
  const scene = await Scene.make({ cluster, postgres });
  await prepare(scene);
  const operator = await scene.operator({ proxy });
  const rule = proxy[when](writesIn(scene), k, () => operator.kill());
  await scene.stateLike(whole, operator.ended);
  rule.disarm();
  await operator.kill();
  if (rule.fired === 0) return undefined;
  await scene.freeLease();
  await using _second = await OperatorHere.start(scene);
  // Awaited here, while the operator still runs.
  return await scene.stateLike(whole);
}

describe('F32: killed before and after each of its writes, the operator ends in the same state', () => {
  for (const [title, scenario] of Object.entries(scenarios)) {
    it(`while ${title}`, { timeout: 1_800_000 }, async () => {
      const scene = await Scene.make({ cluster, postgres });
      await scenario.prepare(scene);
      const counter = proxy.count(writesIn(scene));
      const undisturbed = await OperatorHere.start(scene, { proxy });
      await undisturbed.idle();
      const whole = await scene.settled();
      await undisturbed.stop();
      const writes = counter.calls.length;
      expect(writes).toBeGreaterThanOrEqual(scenario.writes);

      const kills: Kill[] = Array.from({ length: writes }, (_, index) => index + 1).flatMap((k) => [
        { when: 'before', k },
        { when: 'after', k },
      ]);
      let fired = 0;
      const worker = async () => {
        for (let kill = kills.shift(); kill !== undefined; kill = kills.shift()) {
          const state = await killedAt(kill, scenario, whole);
          if (state === undefined) continue;
          fired += 1;
          if (!isDeepStrictEqual(state, whole)) kills.length = 0;
          expect(state, `killed ${kill.when} write ${kill.k}`).toEqual(whole);
        }
      };
      await Promise.all([worker(), worker(), worker()]);
      console.log(`F32: ${writes} writes, killed ${fired} times`);
      // Statuses that settle together save a write now and then, more of them the slower the machine is.
      expect(fired).toBeGreaterThanOrEqual(scenario.writes);
    });
  }
});

describe('F35: others write at the same time', () => {
  it('a conflict at each first write: the same end state', async () => {
    const calm = await Scene.make({ cluster, postgres });
    const contradicted = await Scene.make({ cluster, postgres });
    for (const scene of [calm, contradicted]) await withEverything(scene);
    const seen = new Set<string>();
    const isFirst = (call: ApiCall) => {
      const what = `${call.method} ${call.path}`;
      if (!writesIn(contradicted)(call) || seen.has(what)) return false;
      seen.add(what);
      return true;
    };
    const rule = proxy.answer(isFirst, { status: 409 });
    await using undisturbed = await OperatorHere.start(calm);
    await using _contradicted = await OperatorHere.start(contradicted, { proxy });
    await undisturbed.idle();
    const whole = await calm.settled();
    expect(await contradicted.stateLike(whole)).toEqual(whole);
    // Of each kind of write at least one: finalizers, Secrets, statuses of five resources.
    expect(rule.fired).toBeGreaterThan(5);
  });

  it('a second writer of statuses and Secrets: each is repaired, in at most five passes a change', async () => {
    const scene = await Scene.make({ cluster, postgres });
    await withEverything(scene);
    await using operator = await OperatorHere.start(scene);
    await using replica = await scene.replica();
    for (const name of ['batch', 'gone']) await scene.untilReason('Client', 'shop', name);
    await operator.idle();
    const whole = await scene.settled();
    const value = (await scene.secret('shop', 'batch-oauth2'))?.['client-secret'];
    const before = (await cluster.auditEvents()).length;

    const changes = 40;
    for (let round = 0; round < changes / 2; round += 1) {
      const client = await scene.get('Client', 'shop', 'batch');
      const forged = ((client?.status.conditions ?? []) as AnyObject[]).map((one) => ({
        ...one,
        status: 'False',
        reason: 'Pending',
        message: `forged ${round}`,
      }));
      await cluster.call('PATCH', `${scene.path('Client', 'shop', 'batch')}/status`, {
        body: { status: { conditions: forged } },
        contentType: 'application/merge-patch+json',
      });
      await scene.patch('secrets', 'shop', 'batch-oauth2', {
        metadata: { labels: { 'auth.nauthera.io/client': `forged-${round}` } },
        data: { 'issuer-uri': Buffer.from('https://evil.example').toString('base64') },
      });
    }
    expect(await scene.stateLike(whole)).toEqual(whole);
    await scene.settled();
    const events = (await cluster.auditEvents()).slice(before);
    const mine = { user: scene.user, namespace: scene.namespaces.shop, name: ['batch', 'batch-oauth2'] };
    // Each pass over a Client reads its Secret once.
    const passes = filterAudit(events, { ...mine, verb: 'get', resource: 'secrets' }).length;
    expect(passes).toBeGreaterThan(0);
    expect(passes).toBeLessThanOrEqual(5 * changes);
    const writes = writesOf(events, mine).filter(({ resource }) => resource !== 'events');
    expect(writes.length).toBeGreaterThan(1);
    expect(writes.length).toBeLessThanOrEqual(5 * changes);
    expect((await scene.secret('shop', 'batch-oauth2'))?.['client-secret']).toBe(value);
    expect(await askForToken(replica.url, (await scene.secret('shop', 'batch-oauth2')) ?? {})).toBe('200');
  });

  it('an edit costs at most five passes and two writes', async () => {
    const scene = await Scene.make({ cluster, postgres });
    await withEverything(scene);
    await using operator = await OperatorHere.start(scene);
    await using _replica = await scene.replica();
    for (const name of ['batch', 'gone']) await scene.untilReason('Client', 'shop', name);
    await operator.idle();
    await scene.settled();
    const before = (await cluster.auditEvents()).length;
    await scene.apply(scene.aClient('batch', { displayName: 'Edited' }));
    await scene.untilReason('Client', 'shop', 'batch');
    await scene.settled();
    const events = (await cluster.auditEvents()).slice(before);
    const mine = { user: scene.user, namespace: scene.namespaces.shop };
    const passes = filterAudit(events, { ...mine, verb: 'get', resource: 'secrets', name: 'batch-oauth2' }).length;
    expect(passes).toBeGreaterThan(0);
    expect(passes).toBeLessThanOrEqual(5);
    const writes = writesOf(events, mine).filter(({ resource }) => resource !== 'events');
    // Its Secret, which holds its display name, and its status, once while it is served and once when it is.
    expect(writes.filter(({ resource }) => resource === 'secrets').length).toBe(1);
    expect(writes.filter(({ subresource }) => subresource === 'status').length).toBeLessThanOrEqual(2);
    expect(writes.length).toBeLessThanOrEqual(3);
  });
});

describe('F37: the leader is frozen in the midst of a pass, and thaws when another one leads', () => {
  it('it writes nothing any more, neither to the cluster nor to the registry, and ends', async () => {
    const scene = await Scene.make({ cluster, postgres });
    await withEverything(scene);
    await scene.secondAccount('second');
    await using frozen = await scene.operator({ proxy });
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    await using second = await scene.operator({ account: 'second' });
    await second.live();

    // It has read the Client, and is about to register what it read.
    const hold = proxy.hold(
      on({ verb: 'get', resource: 'secrets', namespace: scene.namespaces.shop, name: 'batch-oauth2' }),
    );
    await scene.apply(scene.aClient('batch', { displayName: 'As the frozen one read it' }));
    await hold.reached;
    frozen.pause();
    hold.release();
    await scene.apply(scene.aClient('batch', { displayName: 'As it is' }));
    await scene.apply(scene.aClient('new'));
    // The second one leads once the lease is over.
    await scene.untilReason('Client', 'shop', 'new', 'NoReplica');
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    const whole = await scene.settled();
    expect(JSON.stringify(whole.registry)).toContain('As it is');
    const before = (await cluster.auditEvents()).length;
    const revision = await scene.revision();

    frozen.resume();
    await frozen.ended;
    expect(await scene.settled()).toEqual(whole);
    expect(await scene.revision()).toEqual(revision);
    const events = (await cluster.auditEvents()).slice(before);
    expect(writesOf(events, { user: scene.user })).toEqual([]);
    // And the one that leads goes on.
    await scene.apply(scene.aClient('new', { displayName: 'Edited' }));
    await scene.untilReason('Client', 'shop', 'new', 'NoReplica');
    const later = (await cluster.auditEvents()).slice(before);
    const writers = new Set(
      writesOf(later, { namespace: scene.namespaces.shop, subresource: 'status' }).map(({ user }) => user),
    );
    expect([...writers]).toEqual([scene.userOf('second')]);
  });
});
