/** Resources that go while somebody is away, come back under their old name, or are poison. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiProxy, on, startApiProxy } from '../support/api-proxy.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { startFaultProxy } from '../support/proxy.ts';
import { restartFindsWhatMoved, restartWritesNothing, stormStarvesNobody } from './thousand-clients.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(async () => {
  await cluster?.stop();
  await postgres?.stop();
});

const idsOf = async (scene: Scene) => (await scene.state()).registry.map((row) => (row as { id: string }).id);

async function declared(scene: Scene, ...clients: string[]): Promise<void> {
  for (const one of [scene.aServer(), scene.aScope()]) await scene.apply(one);
  for (const name of clients) await scene.apply(scene.aClient(name));
}

describe('F36: a Client is deleted', () => {
  it('while the database is away: its deletion ends soon after it is back, and it is refused', async () => {
    const scene = await Scene.make({ cluster, postgres });
    const url = new URL(scene.databaseUrl);
    await using database = await startFaultProxy(Number(url.port), url.hostname);
    url.host = `127.0.0.1:${database.port}`;
    await scene.putDatabaseSecret(url.href);
    await declared(scene, 'stays', 'goes');
    await using _operator = await OperatorHere.start(scene);
    await using replica = await scene.replica();
    for (const name of ['stays', 'goes']) await scene.untilReason('Client', 'shop', name);
    const credentials = (await scene.secret('shop', 'goes-oauth2')) ?? {};
    expect(await askForToken(replica.url, credentials)).toBe('200');

    database.refuse();
    expect(database.reset()).toBeGreaterThan(0);
    await scene.delete('Client', 'shop', 'goes');
    await scene.untilReason('Client', 'shop', 'goes', 'Deleting');
    const words = /^Waiting for the database of AuthorizationServer .*; for 10 minutes at most$/;
    await until('it says what it waits for', async () =>
      words.test(String((await scene.condition('Client', 'shop', 'goes'))?.message)),
    );
    // An outage rewrites nobody else.
    expect((await scene.condition('Client', 'shop', 'stays'))?.reason).toBe('Ready');

    database.pass();
    await scene.untilGone('Client', 'shop', 'goes');
    await until('it is refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
    await until('its Secret is gone', async () => !(await scene.secret('shop', 'goes-oauth2')));
    expect(await idsOf(scene)).not.toContain('shop.goes');
    await scene.untilReason('AuthorizationServer', 'auth', 'main');
    expect(await askForToken(replica.url, (await scene.secret('shop', 'stays-oauth2')) ?? {})).toBe('200');
  });

  it('while the operator is gone: it waits, the documented patch frees it, and it is refused once the operator is back', async () => {
    const scene = await Scene.make({ cluster, postgres });
    await declared(scene, 'stays', 'goes');
    const first = await OperatorHere.start(scene);
    await using replica = await scene.replica();
    for (const name of ['stays', 'goes']) await scene.untilReason('Client', 'shop', name);
    await first.stop();
    const credentials = (await scene.secret('shop', 'goes-oauth2')) ?? {};
    await scene.delete('Client', 'shop', 'goes');
    await sleep(2000);
    expect((await scene.get('Client', 'shop', 'goes'))?.metadata.deletionTimestamp).toBeDefined();

    const patch = ['patch', 'nclient', 'goes', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'];
    const { code, stderr } = await cluster.kubectl(patch, { namespace: scene.namespaces.shop });
    expect(code === 0 || stderr).toBe(true);
    await scene.untilGone('Client', 'shop', 'goes');
    // Kubernetes collects what belonged to it; what is registered nobody has ended yet.
    await until('its Secret is gone', async () => !(await scene.secret('shop', 'goes-oauth2')));
    expect(await askForToken(replica.url, credentials)).toBe('200');

    await using _second = await OperatorHere.start(scene, { orphans: { patience: 2000, every: 1000 } });
    await until('it is refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
    expect(await idsOf(scene)).not.toContain('shop.goes');
    expect(await idsOf(scene)).toContain('shop.stays');
  });

  it('with its namespace: the namespace goes, whether the operator runs meanwhile or comes back', async () => {
    for (const runs of [true, false]) {
      const scene = await Scene.make({ cluster, postgres, rights: 'cluster-wide' });
      const names = ['one', 'two', 'three'];
      await declared(scene, ...names);
      const operator = await OperatorHere.start(scene);
      await using replica = await scene.replica();
      for (const name of names) await scene.untilReason('Client', 'shop', name);
      const credentials = (await scene.secret('shop', 'two-oauth2')) ?? {};
      if (!runs) await operator.stop();
      await cluster.call('DELETE', `/api/v1/namespaces/${scene.namespaces.shop}`);
      if (!runs) {
        await until('it is going', async () => {
          const { body } = await cluster.request('GET', `/api/v1/namespaces/${scene.namespaces.shop}`);
          return body.status?.phase === 'Terminating';
        });
        await sleep(3000);
        expect((await cluster.request('GET', `/api/v1/namespaces/${scene.namespaces.shop}`)).status).toBe(200);
      }
      const second = runs ? operator : await OperatorHere.start(scene);
      await until(
        'the namespace is gone',
        async () => (await cluster.request('GET', `/api/v1/namespaces/${scene.namespaces.shop}`)).status === 404,
      );
      await until('refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
      await until('nothing of it is registered', async () => (await idsOf(scene)).join() === 'self');
      await second.stop();
    }
  });
});

describe('F38: a Client is made anew under its old name', () => {
  for (const when of ['while the operator runs', 'while it is away'])
    it(`${when}: it is another one, and nothing of the former one is accepted`, async () => {
      const scene = await Scene.make({ cluster, postgres });
      await declared(scene, 'batch');
      let operator = await OperatorHere.start(scene);
      await using replica = await scene.replica();
      await scene.untilReason('Client', 'shop', 'batch');
      const former = await scene.get('Client', 'shop', 'batch');
      const credentials = (await scene.secret('shop', 'batch-oauth2')) ?? {};
      expect(await askForToken(replica.url, credentials)).toBe('200');

      if (when === 'while it is away') await operator.stop();
      await scene.delete('Client', 'shop', 'batch');
      if (when === 'while it is away') await scene.patch('Client', 'shop', 'batch', { metadata: { finalizers: null } });
      await scene.untilGone('Client', 'shop', 'batch');
      const created = await scene.create(scene.aClient('batch'));
      expect(created.metadata.uid).not.toBe(former?.metadata.uid);
      if (when === 'while it is away') operator = await OperatorHere.start(scene);

      await scene.untilReason('Client', 'shop', 'batch');
      const renewed = (await scene.secret('shop', 'batch-oauth2')) ?? {};
      expect(renewed['client-secret']).not.toBe(credentials['client-secret']);
      expect(await askForToken(replica.url, renewed)).toBe('200');
      expect(await askForToken(replica.url, credentials)).toBe('401 invalid_client');
      expect(await scene.ownerOf('batch')).toBe(created.metadata.uid);
      await operator.stop();
    });

  it('a client id in two namespaces: the later one is a Conflict, until the older one has let it go', async () => {
    const scene = await Scene.make({ cluster, postgres });
    const clientPolicies = [{ name: 'all', namespaces: { from: 'All' }, clientIds: ['shared-*'] }];
    await scene.apply(scene.aServer({ clientPolicies }));
    await using _operator = await OperatorHere.start(scene);
    await using replica = await scene.replica();
    const spec = { clientId: 'shared-id', scopes: [] };
    await scene.apply(scene.aClient('older', spec));
    await scene.untilReason('Client', 'shop', 'older');
    const credentials = (await scene.secret('shop', 'older-oauth2')) ?? {};
    const later = scene.aClient('later', spec);
    later.metadata.namespace = scene.namespaces.auth;
    await scene.apply(later);
    const conflict = await scene.untilReason('Client', 'auth', 'later', 'Conflict');
    expect(conflict.message).toBe('client id "shared-id" belongs to an older Client. Choose another spec.clientId');
    expect((await scene.condition('Client', 'shop', 'older'))?.reason).toBe('Ready');
    expect(await askForToken(replica.url, credentials)).toBe('200');
    const refused = (await scene.secret('auth', 'later-oauth2')) ?? {};
    expect(await askForToken(replica.url, { ...refused, 'client-id': 'shared-id' })).toBe('401 invalid_client');
  });
});

describe('F41: poison among a thousand good ones', () => {
  it('the good ones are Ready, each poisoned one says what is wrong with it; 410 in a paged list does no harm (F31); a restart looks at what differs and writes nothing; a storm of changes arrives and keeps no other tenant waiting', {
    timeout: 2_400_000,
  }, async () => {
    const scene = await Scene.make({ cluster, postgres });
    await scene.apply(scene.aServer());
    await scene.apply(scene.aScope());
    const poison = await putPoison(scene);
    const names = Array.from({ length: 1000 }, (_, index) => `good-${index}`);
    const left = [...names];
    const worker = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await scene.create(scene.aClient(name));
    };
    await Promise.all(Array.from({ length: 16 }, worker));

    const proxy: ApiProxy = await startApiProxy(cluster);
    const clients = on({ group: 'auth.nauthera.io', resource: 'clients', verb: 'list' });
    const expired = proxy.answer((call) => clients(call) && call.query.has('continue'), { status: 410 }, 1);
    await using operator = await OperatorHere.start(scene, { proxy });
    await using _replica = await scene.replica();
    let count = 0;
    await until(
      () => `all of them are Ready; ${count} are`,
      async () => {
        await sleep(1000);
        const { items } = await cluster.call('GET', scene.path('Client', 'shop'));
        const ready = (items as AnyObject[]).filter(
          ({ metadata, status }) =>
            metadata.name.startsWith('good-') &&
            status.conditions.some((one: AnyObject) => one.type === 'Ready' && one.status === 'True'),
        );
        count = ready.length;
        return count === names.length;
      },
      900_000,
    );
    expect(expired.fired).toBe(1);
    for (const { kind, name, reason, message } of poison) {
      const found = await scene.untilReason(kind, 'shop', name, reason);
      expect(found.message).toMatch(message);
    }
    expect(operator.ended).toBe(undefined);
    await operator.idle();
    await operator.stop();
    await restartWritesNothing(scene, names, poison.length);
    await restartFindsWhatMoved(scene, names, poison.length);
    await stormStarvesNobody(scene, proxy, names);
    await proxy.close();
  });
});

/** Runs something while our kinds have no schema, as if it were older than all of today's rules. */
async function withoutRules(run: () => Promise<void>): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const { items } = await cluster.call('GET', path);
  const put = async (object: AnyObject) => {
    const { status, body } = await cluster.request('GET', `${path}/${object.metadata.name}`);
    expect(status).toBe(200);
    await cluster.call('PUT', `${path}/${object.metadata.name}`, { body: { ...body, spec: object.spec } });
  };
  for (const one of items as AnyObject[]) {
    const open = structuredClone(one);
    open.spec.versions[0].schema.openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    open.spec.versions[0].selectableFields = undefined;
    await put(open);
  }
  await run();
  for (const one of items as AnyObject[]) await put(one);
}

interface Poison {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
  readonly message: RegExp;
}

/** Resources that today's rules would not let in, as if they were older than those. */
async function putPoison(scene: Scene): Promise<readonly Poison[]> {
  const { shop } = scene.namespaces;
  await scene.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'bad-pem', namespace: shop },
    data: { 'ca.crt': 'no PEM' },
  });
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bind', namespace: shop },
    stringData: { password: 'canary' },
  });
  await withoutRules(async () => {
    const create = (one: AnyObject) => until('it is let in', () => scene.create(one).catch(() => undefined));
    await create(scene.aBinding('bad-pem', { tls: { caBundleRef: { name: 'bad-pem' } } }));
    await create(scene.aBinding('bad-filter', { userSearch: { base: 'dc=example', filter: '((((uid={}' } }));
    await create(
      scene.aClient('huge', { redirectUris: Array.from({ length: 5000 }, (_, i) => `https://x.example/${i}`) }),
    );
  });
  return [
    { kind: 'LdapBinding', name: 'bad-pem', reason: 'CaNotFound', message: /bad-pem/ },
    { kind: 'LdapBinding', name: 'bad-filter', reason: 'InvalidSpec', message: /filter/ },
    { kind: 'Client', name: 'huge', reason: 'InvalidSpec', message: /redirectUris/ },
  ];
}
