/** A registration of a format that only a newer version knows: the server leaves it out, and the Client says so. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let operator: OperatorHere;
let replica: Replica;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient(), scene.aClient('other')]) await scene.apply(one);
  operator = await OperatorHere.start(scene);
  replica = await scene.replica();
  for (const name of ['batch', 'other']) await scene.untilReason('Client', 'shop', name);
});
afterAll(async () => {
  await operator?.stop();
  await replica?.stop();
  await postgres?.stop();
  await cluster?.stop();
});

const token = async (client: string) =>
  askForToken(replica.url, (await scene.secret('shop', `${client}-oauth2`)) ?? {});

it('is RejectedByServer while it stands there, harms no other, and is served again once it is written anew', async () => {
  // Whoever writes the row, it becomes one of a newer version.
  await scene.sql(`CREATE FUNCTION from_the_future() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.format := 99; RETURN NEW; END $$`);
  await scene.sql(`CREATE TRIGGER future BEFORE INSERT OR UPDATE ON registry FOR EACH ROW
    WHEN (NEW.id = '${scene.namespaces.shop}.batch') EXECUTE FUNCTION from_the_future()`);
  await scene.apply(scene.aClient('batch', { displayName: 'Edited' }));
  let seen: unknown;
  const refused = await until(
    () => `it is refused; it is ${JSON.stringify(seen)}`,
    async () => {
      const found = await scene.condition('Client', 'shop', 'batch', 'Programmed');
      seen = found;
      return found?.reason === 'RejectedByServer' && found;
    },
  );
  expect(refused.status).toBe('False');
  expect(refused.message).toMatch(/its format 99 is newer than this version reads \(\d+\)/);
  await until('it is left out', async () => (await token('batch')) === '401 invalid_client');
  expect(await token('other')).toBe('200');
  await scene.apply(scene.aClient('third'));
  await scene.untilReason('Client', 'shop', 'third');

  await scene.sql('DROP TRIGGER future ON registry');
  await scene.apply(scene.aClient('batch', { displayName: 'Edited once more' }));
  await scene.untilReason('Client', 'shop', 'batch');
  await until('it is served', async () => (await token('batch')) === '200');
});
