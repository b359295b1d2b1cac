/** What an operator costs that starts where nothing has changed, counted by the audit log of the API server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { writesOf } from '../support/kube-audit.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
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
  const scene = await Scene.make({ cluster, postgres });
  const refused = scene.aClient('refused', { clientId: 'somebody.else' });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient(), refused]) await scene.apply(one);
  const first = await OperatorHere.start(scene);
  await using _replica = await scene.replica();
  await scene.untilReason('Client', 'shop', 'batch');
  await scene.untilReason('Client', 'shop', 'refused', 'PolicyViolation');
  await scene.settled();
  await first.stop();

  const before = (await cluster.auditEvents()).length;
  await using _second = await OperatorHere.start(scene);
  // That it works again is seen by what it does about a change.
  await scene.apply(scene.aClient('later'));
  await scene.untilReason('Client', 'shop', 'later');
  const written = writesOf((await cluster.auditEvents()).slice(before), { user: scene.user });
  const others = written.filter(({ resource, name }) => resource !== 'leases' && !name.startsWith('later'));
  expect(others.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
});
