/** What an operator costs that starts where nothing has changed, counted by the audit log of the API server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import packageOfOperator from '../../operator/package.json' with { type: 'json' };
import { renderChart } from '../support/chart.ts';
import { Scene } from '../support/cluster-scene.ts';
import { writesOf } from '../support/kube-audit.ts';
import { objectsOf, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(async () => {
  await Promise.all([cluster?.stop(), postgres?.stop()]);
});

it('a restart with nothing changed writes nothing but its Lease', async () => {
  const scene = await Scene.make({ cluster, postgres, rights: 'cluster-wide' });
  const { system } = scene.namespaces;
  const options = { defaultServerConfigMap: 'given', watchNamespaces: [...scene.watchNamespaces, system] };
  await giveDefaultServer(scene);
  const refused = scene.aClient('refused', { clientId: 'somebody.else' });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient(), refused]) await scene.apply(one);
  const first = await OperatorHere.start(scene, options);
  await using _replica = await scene.replica();
  await scene.untilReason('Client', 'shop', 'batch');
  await scene.untilReason('Client', 'shop', 'refused', 'PolicyViolation');
  // There is no database for it.
  await scene.untilReason('AuthorizationServer', 'system', 'given', 'SecretNotFound');
  for (const [kind, space, name] of [
    ['AuthorizationServer', 'auth', 'main'],
    ['Scope', 'shop', 'read'],
  ] as const)
    await scene.untilReason(kind, space, name);
  await first.idle();
  await scene.settled();
  await first.stop();

  const before = (await cluster.auditEvents()).length;
  await using _second = await OperatorHere.start(scene, options);
  // That it works again is seen by what it does about a change.
  await scene.apply(scene.aClient('later'));
  await scene.untilReason('Client', 'shop', 'later');
  const written = writesOf((await cluster.auditEvents()).slice(before), { user: scene.user });
  const others = written.filter(({ resource, name }) => resource !== 'leases' && !name.startsWith('later'));
  expect(others.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
});

it('F43: what only newer kinds know is said to be without effect, stays as it was declared, and stops nothing', async () => {
  const scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient()]) await scene.apply(one);
  await using _operator = await OperatorHere.start(scene);
  await using _replica = await scene.replica();
  await scene.untilReason('Client', 'shop', 'batch');
  const newer = { newer: ['a'], newest: { deep: 'b' } };
  await cluster.call('PATCH', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clients.auth.nauthera.io', {
    body: Object.entries({
      newer: { type: 'array', items: { type: 'string' } },
      newest: { type: 'object', properties: { deep: { type: 'string' } } },
    }).map(([name, value]) => ({
      op: 'add',
      path: `/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/${name}`,
      value,
    })),
    contentType: 'application/json-patch+json',
  });
  const declared = async () => (await scene.get('Client', 'shop', 'batch'))?.spec;
  // Until the API server has the newer kind it drops what it does not know.
  await until('the API server takes the newer fields', async () => {
    await scene.patch('Client', 'shop', 'batch', { spec: newer });
    return (await declared())?.newest !== undefined;
  });
  const told = await until('it is told', () => scene.condition('Client', 'shop', 'batch', 'UnknownFields'));
  expect(told).toMatchObject({
    status: 'True',
    reason: 'NewerVersion',
    message: `spec.newer, spec.newest are without effect: only a newer version than this operator (${packageOfOperator.version}) knows them. Upgrade it, or take them out`,
  });
  await scene.untilReason('Client', 'shop', 'batch');
  await scene.patch('Client', 'shop', 'batch', { spec: { displayName: 'Another' } });
  await until('the rest is served', async () => (await namesServed(scene)).includes('Another'));
  expect(await declared()).toMatchObject(newer);
  await scene.patch('Client', 'shop', 'batch', { spec: { newer: null, newest: null } });
  await until(
    'nothing of it is told any more',
    async () => (await scene.condition('Client', 'shop', 'batch', 'UnknownFields')) === undefined,
  );
});

async function namesServed(scene: Scene): Promise<readonly unknown[]> {
  const rows = await scene.sql(`SELECT body ->> 'client_name' AS name FROM registry WHERE kind = 'client'`);
  return rows.map(({ name }) => name);
}

/** As helm hands it over, with the rights for it. */
async function giveDefaultServer(scene: Scene): Promise<void> {
  const { system } = scene.namespaces;
  const set = ['authorizationServer.create=true', 'authorizationServer.name=given'];
  for (const one of objectsOf(await renderChart({ namespace: system, set })))
    if (String(one?.metadata.name).endsWith('-default-server')) await scene.create(one);
  const server = {
    apiVersion: 'auth.nauthera.io/v1alpha1',
    kind: 'AuthorizationServer',
    metadata: { name: 'given', namespace: system },
    spec: { issuer: 'http://127.0.0.1:8', database: { secretRef: { name: 'none' } }, lifetimes: { accessToken: '5m' } },
  };
  await scene.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'given', namespace: system, labels: { 'auth.nauthera.io/watch': 'true' } },
    data: { 'authorization-server.yaml': JSON.stringify(server) },
  });
}
