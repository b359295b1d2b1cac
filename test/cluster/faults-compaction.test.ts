/** F31 etcd is compacted and the API server remembers nothing from before, while the operator is cut off from both. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiProxy, startApiProxy } from '../support/api-proxy.ts';
import { Scene } from '../support/cluster-scene.ts';
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

it('F31: what came, changed and went meanwhile is noticed, and nothing else is written', async () => {
  const scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient()]) await scene.apply(one);
  for (const name of ['goes', 'still']) await scene.apply(scene.aClient(name));
  await using operator = await OperatorHere.start(scene, { proxy });
  for (const name of ['batch', 'goes', 'still']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
  await operator.idle();
  const revisions = async () => {
    const rows = await scene.sql('SELECT id, n FROM registry');
    return new Map(rows.map(({ id, n }) => [String(id), Number(n)]));
  };
  const before = await revisions();
  const { metadata } = await cluster.call('GET', scene.path('Client', 'shop'));
  const answered = (await cluster.auditEvents()).length;

  proxy.refuse();
  proxy.reset();
  await scene.patch('Client', 'shop', 'goes', { metadata: { finalizers: null } });
  await scene.delete('Client', 'shop', 'goes');
  await scene.apply(scene.aClient('batch', { displayName: 'Edited meanwhile' }));
  await scene.apply(scene.aClient('comes'));
  await cluster.compactEtcd();
  await cluster.killApiServer();
  await cluster.startApiServer();
  // Nobody can be told any more what there was.
  const then = `resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=Exact`;
  const { status, body } = await cluster.request('GET', `${scene.path('Client', 'shop')}?${then}`);
  expect([status, body.reason]).toEqual([410, 'Expired']);
  proxy.accept();

  await scene.untilReason('Client', 'shop', 'comes', 'NoReplica');
  await until('what went is registered no more', async () => !(await revisions()).has(`${scene.namespaces.shop}.goes`));
  await scene.untilGone('secrets', 'shop', 'goes-oauth2');
  const edited = `SELECT body->>'client_name' AS name FROM registry WHERE id = $1`;
  await until('the edit is registered', async () => {
    const [row] = await scene.sql(edited, [`${scene.namespaces.shop}.batch`]);
    return row?.name === 'Edited meanwhile';
  });
  await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
  await operator.idle();
  const problems = operator.problems.map(({ reason }) => reason);
  expect(problems).toContain('expired');

  const after = await revisions();
  const moved = [...after].filter(([id, n]) => before.get(id) !== n).map(([id]) => id);
  expect(moved.toSorted()).toEqual(['batch', 'comes'].map((name) => `${scene.namespaces.shop}.${name}`));
  const writes = writesOf((await cluster.auditEvents()).slice(answered), { user: scene.user })
    .filter(({ resource }) => resource !== 'leases' && resource !== 'events')
    .map(({ resource, name }) => `${resource} ${name}`);
  expect(writes.filter((one) => !/^(?:clients|secrets) (?:batch|comes|goes)?(?:-oauth2)?$/.test(one))).toEqual([]);
}, 400_000);
