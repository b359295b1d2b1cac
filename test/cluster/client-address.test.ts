/** A proxy that nobody trusts stands before a server: the replica notices, the AuthorizationServer says so, until it is trusted. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(async () => {
  await postgres?.stop();
  await cluster?.stop();
});

it('ClientAddressUnknown: said of a proxy that is not trusted, and no more once it is', async () => {
  const scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient()]) await scene.apply(one);
  await using operator = await OperatorHere.start(scene);
  await using replica = await scene.replica();
  await scene.untilReason('Client', 'shop', 'batch');
  const stated = () => scene.condition('AuthorizationServer', 'auth', 'main', 'ClientAddressUnknown');
  expect(await stated()).toBeUndefined();

  const ask = () => fetch(`${replica.url}/jwks`, { headers: { 'x-forwarded-for': '198.51.100.1' } });
  const condition = await until('it is said', async () => {
    await Promise.all(Array.from({ length: 20 }, async () => (await ask()).arrayBuffer()));
    return stated();
  });
  expect(condition).toMatchObject({ status: 'True', reason: 'ProxyNotTrusted' });
  expect(condition.message).toContain('Put its network into spec.trustedProxies');
  await scene.untilReason('AuthorizationServer', 'auth', 'main');

  await scene.apply(scene.aServer({ trustedProxies: { cidrs: ['127.0.0.0/8'], header: 'X-Forwarded-For' } }));
  await until('it is said no more', async () => {
    await (await ask()).arrayBuffer();
    return (await stated()) === undefined;
  });
  await operator.idle();
});
