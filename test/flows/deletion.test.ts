/** A resource that is deleted while somebody who must hear of it is away: nothing of it stays valid. */
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { aClientFile, aScopeFile, aServerFile, Product, until } from '../support/product.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';

let postgres: TestPostgres;
let proxy: FaultProxy;
let product: Product;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  const target = new URL(await postgres.createDatabase());
  proxy = await startFaultProxy(Number(target.port), target.hostname);
  target.host = `127.0.0.1:${proxy.port}`;
  product = await Product.make(target.href);
  await product.write('server.yaml', aServerFile());
  await product.write('scope.yaml', aScopeFile());
  await product.write('stays.yaml', aClientFile('', 'stays'));
  await product.start();
});
afterAll(async () => {
  proxy?.pass();
  await product?.end();
  await proxy?.close();
  await postgres?.stop();
});

let secret: Readonly<Record<string, string>> = {};
beforeEach(async () => {
  await product.write('goes.yaml', aClientFile('', 'goes'));
  await product.untilReason('Client', 'shop', 'goes', 'Ready');
  await product.untilReason('Client', 'shop', 'stays', 'Ready');
  secret = await product.secret('shop', 'goes-oauth2');
  expect((await product.clientCredentials(secret)).status).toBe(200);
});

async function nothingStays(): Promise<void> {
  await until('it is refused', async () => (await product.clientCredentials(secret)).status === 401);
  await until('it is no longer shown', async () => (await product.resource('Client', 'shop', 'goes')) === undefined);
  await until('its Secret is gone', () =>
    access(product.secretFile('shop', 'goes-oauth2')).then(
      () => false,
      () => true,
    ),
  );
  expect(await product.sql(`SELECT id FROM registry WHERE id = 'shop.goes'`)).toEqual([]);
  const identities = () => product.sql(`SELECT name FROM registry_identities WHERE name = 'goes'`);
  await expect.poll(identities).toEqual([]);
  expect((await product.clientCredentials(await product.secret('shop', 'stays-oauth2'))).status).toBe(200);
}

describe('F36: a file that is deleted', () => {
  it('while the operator is away', async () => {
    await product.stop();
    await product.remove('goes.yaml');
    await product.start();
    await nothingStays();
  });

  it('while the database is away', async () => {
    proxy.blackHole('all');
    await product.remove('goes.yaml');
    // Longer than two looks at the folder: that it is gone is known before anybody can be told.
    await sleep(8000);
    proxy.pass();
    await nothingStays();
  });

  it('while the database is away, and the operator ends before it is back', async () => {
    proxy.refuse();
    proxy.reset();
    await product.remove('goes.yaml');
    await sleep(8000);
    await product.stop();
    proxy.pass();
    await product.start();
    await nothingStays();
  });
});
