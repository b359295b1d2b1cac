/** F45: keys are rotated and revoked by annotation; the operator wishes in the registry, the server carries it out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aServerFile, Product, until } from '../support/product.ts';

const prefix = 'auth.nauthera.io/';
let product: Product;
beforeAll(async () => {
  product = await Product.make();
  await product.write('server.yaml', aServerFile());
  await product.start();
  await product.untilReason('AuthorizationServer', 'auth', 'main', 'Ready');
});
afterAll(() => product?.end());

const annotate = (more: Readonly<Record<string, string>>) =>
  product.write(
    'server.yaml',
    aServerFile().replace(
      `${prefix}is-default: "true"`,
      [
        `${prefix}is-default: "true"`,
        ...Object.entries(more).map(([name, value]) => `${prefix}${name}: "${value}"`),
      ].join(', '),
    ),
  );
const handled = (name: string, value: string) =>
  until(`${name}: ${value} is echoed`, async () => {
    const status = (await product.resource('AuthorizationServer', 'auth', 'main'))?.status;
    return (status?.lastHandled as Record<string, string> | undefined)?.[`${prefix}${name}`] === value;
  });
const keys = () =>
  product.sql<{ kid: string; algorithm: string; revoked: boolean }>(
    'SELECT kid, algorithm, revoked_at IS NOT NULL AS revoked FROM signing_keys ORDER BY algorithm, generation',
  );
const published = async () =>
  ((await (await fetch(`${product.url}/jwks`)).json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);

describe('annotations on the AuthorizationServer', () => {
  it('rotate-keys: the next key of each algorithm is published, once for each value', async () => {
    const before = await keys();
    await annotate({ 'rotate-keys': '2026-11-26T03:00:00Z' });
    await handled('rotate-keys', '2026-11-26T03:00:00Z');
    const algorithms = new Set(before.map(({ algorithm }) => algorithm)).size;
    await expect.poll(async () => (await published()).length).toBe(before.length + algorithms);
    // The first ones sign until everybody could have read the next: nothing is asked again behind them.
    await annotate({ 'rotate-keys': 'once more' });
    await handled('rotate-keys', 'once more');
    expect(await keys()).toHaveLength(before.length + algorithms);
    expect(await product.sql(`SELECT wish FROM registry_key_wishes WHERE done_at IS NULL`)).toEqual([]);
  });

  it('revoke-key: that key is refused and gone from the set, an unknown one is told as such', async () => {
    const [first] = await keys();
    const kid = first?.kid ?? '';
    expect(await published()).toContain(kid);
    await annotate({ 'revoke-key': kid });
    await handled('revoke-key', kid);
    await expect.poll(published).not.toContain(kid);
    expect((await keys()).find((key) => key.kid === kid)?.revoked).toBe(true);
    expect(await product.sql(`SELECT kid FROM audit WHERE event = 'key.revoked'`)).toEqual([{ kid }]);
    await annotate({ 'revoke-key': 'no-such-key' });
    await handled('revoke-key', 'no-such-key');
    expect(await product.sql(`SELECT outcome FROM registry_key_wishes WHERE wish = 'no-such-key'`)).toEqual([
      { outcome: 'unknown' },
    ]);
    expect((await keys()).filter(({ revoked }) => revoked)).toHaveLength(1);
    // It goes on without an annotation.
    await annotate({});
    await product.untilReason('AuthorizationServer', 'auth', 'main', 'Ready');
  });
});
