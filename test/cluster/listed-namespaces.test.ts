/**
 * F36 where the operator looks after listed namespaces: its rights are in them, and end with one that is deleted, at a moment
 * of the namespace controller's choice.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { release } from '../../operator/src/release.ts';
import { connect, createApi } from '../../operator/src/runtime/kubernetes-client.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { startFaultProxy } from '../support/proxy.ts';

const names = ['one', 'two', 'three'];
const orphans = { patience: 2_000, every: 1_000 };

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(() => Promise.all([cluster?.stop(), postgres?.stop()]));

/** Three Clients of `shop`, one of which keeps its Secret, and what they know of each other. */
async function declared(scene: Scene): Promise<void> {
  for (const one of [scene.aServer(), scene.aScope()]) await scene.apply(one);
  for (const name of names) await scene.apply(scene.aClient(name, name === 'one' ? { deletionPolicy: 'Retain' } : {}));
}
const isServed = async (scene: Scene) => {
  for (const name of names) await scene.untilReason('Client', 'shop', name);
  return (await scene.secret('shop', 'two-oauth2')) ?? {};
};
/** Declared, and served since an operator ran, which does no more. */
async function left(scene: Scene) {
  await declared(scene);
  const operator = await OperatorHere.start(scene);
  const replica = await scene.replica();
  const credentials = await isServed(scene);
  await operator.idle();
  await operator.stop();
  return { replica, credentials };
}
const pathOf = ({ namespaces }: Scene) => `/api/v1/namespaces/${namespaces.shop}`;
const statusOf = async (scene: Scene) => (await cluster.request('GET', pathOf(scene))).status;
const isGone = (scene: Scene) => until('the namespace is gone', async () => (await statusOf(scene)) === 404);
const nothingIsRegistered = (scene: Scene) =>
  until('nothing of it is registered', async () => {
    const { registry } = await scene.state();
    return registry.map((row) => (row as { id: string }).id).join() === 'self';
  });

/** As whoever may write roles in `shop` can. */
async function takeRightsAway(scene: Scene): Promise<void> {
  await cluster.call('DELETE', `/apis/rbac.authorization.k8s.io/v1/namespaces/${scene.namespaces.shop}/rolebindings`);
  await until('our rights are gone', async () => {
    const api = {
      user: scene.user,
      resourceAttributes: {
        namespace: scene.namespaces.shop,
        group: 'auth.nauthera.io',
        resource: 'clients',
        verb: 'get',
      },
    };
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    return (await cluster.call('POST', path, { body: { spec: api } })).status.allowed !== true;
  });
}

it('F36: a listed namespace is deleted while the operator runs: it goes, and its Clients are refused', async () => {
  const scene = await Scene.make({ cluster, postgres });
  await declared(scene);
  await using _operator = await OperatorHere.start(scene);
  await using replica = await scene.replica();
  const credentials = await isServed(scene);
  await cluster.call('DELETE', pathOf(scene));
  await until('refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
  await nothingIsRegistered(scene);
  await isGone(scene);
});

it('F36: and while the database is away: it goes without waiting, and what is registered is retired when that is back', async () => {
  const scene = await Scene.make({ cluster, postgres });
  const url = new URL(scene.databaseUrl);
  await using database = await startFaultProxy(Number(url.port), url.hostname);
  url.host = `127.0.0.1:${database.port}`;
  await scene.putDatabaseSecret(url.href);
  await declared(scene);
  await using _operator = await OperatorHere.start(scene, { orphans });
  await using replica = await scene.replica();
  const credentials = await isServed(scene);
  database.refuse();
  expect(database.reset()).toBeGreaterThan(0);
  await cluster.call('DELETE', pathOf(scene));
  await isGone(scene);
  database.pass();
  await until('refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
  await nothingIsRegistered(scene);
});

it('F36: and while no operator runs: the documented patch lets it go, and its Clients are refused once one runs', async () => {
  const scene = await Scene.make({ cluster, postgres });
  const { replica, credentials } = await left(scene);
  await using _replica = replica;
  await cluster.call('DELETE', pathOf(scene));
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${scene.namespaces.shop}/rolebindings`;
  await until('our rights are gone', async () => (await cluster.call('GET', bindings)).items.length === 0);
  expect(await statusOf(scene)).toBe(200);
  for (const kind of ['nclient', 'nscope'])
    for (const name of kind === 'nclient' ? names : ['read']) {
      const patch = ['patch', kind, name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}'];
      const { code, stderr } = await cluster.kubectl(patch, { namespace: scene.namespaces.shop });
      expect(code === 0 || stderr).toBe(true);
    }
  await isGone(scene);
  expect(await askForToken(replica.url, credentials)).toBe('200');
  await using _second = await OperatorHere.start(scene, { orphans });
  await until('refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
  await nothingIsRegistered(scene);
  await scene.untilReason('AuthorizationServer', 'auth', 'main');
});

it('one that takes our rights away is served on, until the server does not invite it any more; it holds up no uninstall', async () => {
  const scene = await Scene.make({ cluster, postgres });
  await declared(scene);
  await using operator = await OperatorHere.start(scene);
  await using replica = await scene.replica();
  const credentials = await isServed(scene);
  await operator.idle();
  await takeRightsAway(scene);
  await scene.apply(scene.aServer({ branding: { displayName: 'Another name' } }));
  await until(
    'the edit is served',
    async () =>
      (await scene.sql("SELECT 1 FROM registry WHERE kind = 'server' AND body::text LIKE '%Another name%'")).length > 0,
  );
  await operator.idle();
  expect(await askForToken(replica.url, credentials)).toBe('200');
  await scene.apply(scene.aServer({ allowedClients: { namespaces: { from: 'Same' } } }));
  await until('refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
  await operator.stop();
  const connection = await connect({ kubeconfig: await scene.kubeconfig(), version: 'test', environment: {} });
  const lines: string[] = [];
  const releasing = release({
    api: createApi(connection),
    namespace: scene.namespaces.system,
    watchNamespaces: scene.watchNamespaces,
    patience: 60_000,
    onProgress: (line) => void lines.push(line),
    seams: { settle: 0 },
  });
  expect(await releasing).toEqual({ resources: 1 });
  await connection.close();
  expect(lines.at(-1)).toMatch(new RegExp(`^namespace ${scene.namespaces.shop} refuses this program`));
  expect((await scene.get('AuthorizationServer', 'auth', 'main'))?.metadata.finalizers).toBeUndefined();
});

it('and so it is by an operator that began when these rights were gone', async () => {
  const scene = await Scene.make({ cluster, postgres });
  const { replica, credentials } = await left(scene);
  await using _replica = replica;
  await takeRightsAway(scene);
  await using second = await OperatorHere.start(scene, { orphans });
  await second.idle();
  expect(await askForToken(replica.url, credentials)).toBe('200');
  await scene.apply(scene.aServer({ allowedClients: { namespaces: { from: 'Same' } } }));
  await until('refused', async () => (await askForToken(replica.url, credentials)) === '401 invalid_client');
});
