/** What lies in `examples/cluster`, applied with kubectl: the good is served, and each mistake says what is wrong. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/product.ts';
import { home, TenantsWorld } from './tenants-world.ts';

const folder = join(import.meta.dirname, '../../examples/cluster');

let world: TenantsWorld;
beforeAll(async () => {
  world = await TenantsWorld.start();
  const apply = async (...files: readonly string[]) => {
    const result = await world.cluster.kubectl(['apply', '--server-side', ...files.flatMap((file) => ['-f', file])]);
    expect(result.code, result.stderr).toBe(0);
  };
  await world.begin(async () => {
    await world.putSecret(home, 'database', { uri: world.databaseUrl });
    await apply(folder, join(folder, 'mistakes'));
  });
}, 300_000);
afterAll(() => world?.stop());

it.each([
  ['AuthorizationServer', home, 'main'],
  ['Scope', 'orders', 'read'],
  ['Scope', 'orders', 'write'],
  ['Client', 'orders', 'stock-take'],
  ['Client', 'shop', 'web'],
  ['Client', 'shop', 'price-checker'],
  ['Client', 'batch', 'night-report'],
  ['Client', 'batch', 'archive'],
])('%s %s/%s is ready', async (kind, namespace, name) => {
  await world.untilReason(kind, namespace, name, 'Ready', 'True');
});

it.each([
  ['Client', 'shop', 'kiosk', 'ScopeNotFound', 'Did you mean "orders:read"?'],
  ['Client', 'shop', 'widget', 'PolicyViolation', 'spec.grantTypes: "implicit" is refused by policy'],
  ['Client', 'shop', 'campaign', 'PolicyViolation', 'spring-sale.example.net'],
  ['Client', 'shop', 'borrowed', 'PolicyViolation', 'orders.stock-take'],
  ['Client', 'shop', 'lost', 'ServerNotFound', 'nauthera-system/mian'],
  ['Client', 'shop', 'moved', 'SecretNotFound', 'moved-credentials'],
  ['AuthorizationServer', 'shop', 'till', 'SecretNotFound', 'till-database'],
  ['Client', 'batch', 'dashboard', 'PolicyViolation', 'authorization_code'],
  ['Client', 'batch', 'returns', 'ScopeNotAllowed', 'orders:write'],
  ['Scope', 'batch', 'everything', 'PolicyViolation', 'orders:everything'],
  ['LdapBinding', 'batch', 'contractors', 'NotAllowedByServer', 'takes no LdapBindings'],
])('%s %s/%s says %s', async (kind, namespace, name, reason, says) => {
  expect((await world.untilReason(kind, namespace, name, 'Ready', reason)).message).toContain(says);
});

it('kubectl get tells it in columns, and kubectl diff has nothing to say', async () => {
  const table = (await world.cluster.kubectl(['get', 'nauthera', '-A'])).stdout;
  expect(table).toMatch(/shop +client\S*\/web +True +Ready +shop\.web +web-oauth2/);
  expect(table).toMatch(/batch +ldapbinding\S*\/contractors +False +NotAllowedByServer +OpenLDAP/);
  const diff = await world.cluster.kubectl(['diff', '--server-side', '-f', folder]);
  expect(diff.stdout).toBe('');
  await until('kubectl describe shows the Event', async () =>
    (await world.cluster.kubectl(['describe', 'nclient/campaign', '-n', 'shop'])).stdout.includes(
      'Warning  PolicyViolation',
    ),
  );
});
