/** Things are deleted in every order: an accident locks nobody out, and nothing hangs. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deletionPatience } from '../../operator/src/controllers/deletion.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { type HereOptions, OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import type { Replica } from '../support/replica.ts';

const reconcile = 'auth.nauthera.io/reconcile';
const confirm = 'auth.nauthera.io/confirm-deletion';

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(() => Promise.all([cluster?.stop(), postgres?.stop()]));

class Stand {
  readonly scene: Scene;
  readonly operator: OperatorHere;
  readonly replica: Replica;

  private constructor(scene: Scene, operator: OperatorHere, replica: Replica) {
    this.scene = scene;
    this.operator = operator;
    this.replica = replica;
  }

  /** @param onto makes what stands in front of the database, from its URL */
  static async make(options: HereOptions = {}, onto?: (databaseUrl: string) => Promise<string>): Promise<Stand> {
    const scene = await Scene.make({ cluster, postgres, rights: 'cluster-wide' });
    if (onto !== undefined) await scene.putDatabaseSecret(await onto(scene.databaseUrl));
    await scene.apply(scene.aServer());
    await scene.apply(scene.aScope());
    await scene.apply(scene.aClient('batch'));
    const operator = await OperatorHere.start(scene, options);
    const replica = await scene.replica();
    await scene.untilReason('Client', 'shop', 'batch');
    return new Stand(scene, operator, replica);
  }

  async token(client = 'batch'): Promise<string> {
    return askForToken(this.replica.url, (await this.scene.secret('shop', `${client}-oauth2`)) ?? {});
  }

  /** Has it looked at without its being told. */
  async wake(kind: string, namespace: 'auth' | 'shop', name: string): Promise<void> {
    await this.scene.patch(kind, namespace, name, { metadata: { annotations: { [reconcile]: randomUUID() } } });
  }

  /** Reasons of what was told of an object. */
  async events(namespace: 'auth' | 'shop', name: string): Promise<readonly unknown[]> {
    const path = `/apis/events.k8s.io/v1/namespaces/${this.scene.namespaces[namespace]}/events`;
    const { items } = await cluster.call('GET', path);
    return (items as readonly AnyObject[])
      .filter(({ regarding }) => regarding.name === name)
      .map(({ reason }) => reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.operator.stop();
    await this.replica.stop();
  }
}

const namespaceIsGone = (name: string) =>
  until(
    `namespace ${name} is gone`,
    async () => (await cluster.request('GET', `/api/v1/namespaces/${name}`)).status === 404,
  );

describe('an AuthorizationServer that serves Clients is deleted', () => {
  it('by accident: it stays, serves on, takes nobody in, and goes with the last of them', async () => {
    await using stand = await Stand.make();
    const { scene } = stand;
    await scene.delete('AuthorizationServer', 'auth', 'main');
    const said = await scene.untilReason('AuthorizationServer', 'auth', 'main', 'Deleting');
    expect(said.message).toBe(
      `Goes on serving 1 Client. Delete it first, or let go of it with the annotation ${confirm}: "yes"`,
    );
    expect(await stand.token()).toBe('200');
    // It is one of those that were there: an edit of it is served as before.
    await scene.apply(scene.aClient('batch', { accessToken: { lifetime: '10m' } }));
    await scene.untilReason('Client', 'shop', 'batch');
    // The API server's times have seconds: what comes within the same one counts as having been there.
    await sleep(1100);
    await scene.apply(scene.aClient('late'));
    await scene.untilReason('Client', 'shop', 'late', 'ServerNotFound');
    expect(await stand.token()).toBe('200');
    await scene.delete('Client', 'shop', 'batch');
    await scene.untilGone('Client', 'shop', 'batch');
    await scene.untilGone('AuthorizationServer', 'auth', 'main');
  });

  it('and let go: it goes; applied again, its Clients are served as before', async () => {
    await using stand = await Stand.make();
    const { scene } = stand;
    const secret = await scene.secret('shop', 'batch-oauth2');
    await scene.delete('AuthorizationServer', 'auth', 'main');
    await scene.untilReason('AuthorizationServer', 'auth', 'main', 'Deleting');
    await scene.patch('AuthorizationServer', 'auth', 'main', { metadata: { annotations: { [confirm]: 'yes' } } });
    await scene.untilGone('AuthorizationServer', 'auth', 'main');
    await scene.untilReason('Client', 'shop', 'batch', 'ServerNotFound');
    await until('it is served no more', async () => (await stand.token()) !== '200');
    await scene.apply(scene.aServer());
    await scene.untilReason('AuthorizationServer', 'auth', 'main');
    await scene.untilReason('Client', 'shop', 'batch');
    await until('it is served', async () => (await stand.token()) === '200');
    expect(await scene.secret('shop', 'batch-oauth2')).toEqual(secret);
  });

  it('F36 with its namespace, or before it: nothing hangs', async () => {
    await using stand = await Stand.make();
    const { scene } = stand;
    await cluster.call('DELETE', `/api/v1/namespaces/${scene.namespaces.auth}`);
    await namespaceIsGone(scene.namespaces.auth);
    await scene.untilReason('Client', 'shop', 'batch', 'ServerNotFound');
    await cluster.call('DELETE', `/api/v1/namespaces/${scene.namespaces.shop}`);
    await namespaceIsGone(scene.namespaces.shop);
  });
});

describe('F36 the database is away for good', () => {
  it('nobody’s clock ends the patience, ten minutes do; what is registered is retired when it is back', async () => {
    const clock = { own: 0, steady: 0 };
    const proxies: FaultProxy[] = [];
    const behind = async (databaseUrl: string): Promise<string> => {
      const url = new URL(databaseUrl);
      const proxy = await startFaultProxy(Number(url.port), url.hostname);
      proxies.push(proxy);
      url.host = `127.0.0.1:${proxy.port}`;
      return url.href;
    };
    const options = {
      now: () => Date.now() + clock.own,
      steadyNow: () => performance.now() + clock.steady,
      orphans: { every: 500, patience: 3_000 },
    };
    await using stand = await Stand.make(options, behind);
    const [database] = proxies;
    if (database === undefined) throw new Error('nothing stands in front of the database');
    await using _closed = database;
    const { scene } = stand;
    await scene.apply(scene.aClient('late'));
    await scene.untilReason('Client', 'shop', 'late');
    const late = (await scene.secret('shop', 'late-oauth2')) ?? {};
    const says = (kind: string, namespace: 'auth' | 'shop', name: string, words: RegExp) =>
      until(`${kind} ${name} says ${String(words)}`, async () =>
        words.test(String((await scene.condition(kind, namespace, name))?.message)),
      );

    await scene.delete('AuthorizationServer', 'auth', 'main');
    await says('AuthorizationServer', 'auth', 'main', /^Goes on serving 2 Clients/);
    database.refuse();
    database.reset();
    clock.own = 11 * 60_000;
    await stand.wake('AuthorizationServer', 'auth', 'main');
    await says('AuthorizationServer', 'auth', 'main', /^Waiting for its database/);
    await scene.delete('Client', 'shop', 'late');
    await says('Client', 'shop', 'late', /^Waiting for the database of AuthorizationServer/);
    expect([await stand.token('batch'), await askForToken(stand.replica.url, late)]).toEqual(['200', '200']);

    clock.steady = deletionPatience;
    for (const [kind, namespace, name] of [
      ['Client', 'shop', 'late'],
      ['AuthorizationServer', 'auth', 'main'],
    ] as const) {
      // It may be gone by itself already.
      await stand.wake(kind, namespace, name).catch(() => undefined);
      await scene.untilGone(kind, namespace, name);
    }
    await until('people are told', async () => (await stand.events('auth', 'main')).includes('FinalizerReleased'));
    database.pass();
    await scene.apply(scene.aServer());
    await scene.untilReason('Client', 'shop', 'batch');
    await until(
      'its row is retired',
      async () => (await askForToken(stand.replica.url, late)) === '401 invalid_client',
    );
    await until('the other one is served', async () => (await stand.token('batch')) === '200');
  });
});

describe('F36 the CRDs go', () => {
  const crds = ['authorizationservers', 'clients', 'scopes', 'ldapbindings'].map(
    (plural) => `${plural}.auth.nauthera.io`,
  );
  const path = (name: string) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;

  /** What the tests before left, whose operators run no more: as a person would, by the documented patch. */
  async function forget(): Promise<void> {
    for (const crd of crds) {
      const plural = crd.split('.')[0] ?? '';
      const { items } = await cluster.call('GET', `/apis/auth.nauthera.io/v1alpha1/${plural}`);
      for (const { metadata } of items as readonly AnyObject[])
        await cluster.request(
          'PATCH',
          `/apis/auth.nauthera.io/v1alpha1/namespaces/${metadata.namespace}/${plural}/${metadata.name}`,
          { body: { metadata: { finalizers: null } }, contentType: 'application/merge-patch+json' },
        );
    }
  }

  it('all at once, the server’s first: each resource ends, and so do they', async () => {
    await forget();
    await using stand = await Stand.make();
    for (const name of crds) await cluster.call('DELETE', path(name));
    for (const name of crds)
      await until(`${name} is gone`, async () => (await cluster.request('GET', path(name))).status === 404, 120_000);
    expect(await stand.scene.get('secrets', 'auth', 'main-key-encryption-key')).toBeDefined();
    expect(await stand.scene.get('secrets', 'shop', 'batch-oauth2')).toBeUndefined();
  });
});
