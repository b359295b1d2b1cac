/** What an operator costs that starts where nothing has changed, counted by the audit log of the API server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderChart } from '../support/chart.ts';
import { Scene } from '../support/cluster-scene.ts';
import { writesOf } from '../support/kube-audit.ts';
import { objectsOf, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
}, 300_000);
afterAll(async () => {
  await Promise.all([cluster?.stop(), postgres?.stop()]);
});

it('a restart with nothing changed writes nothing but its Lease', { timeout: 400_000 }, async () => {
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
