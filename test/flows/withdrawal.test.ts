/** What must not be served is not served, whatever else is wrong with the resource. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aScopeFile, aServerFile, Product, until } from '../support/product.ts';

const aClient = (
  more: string,
  grantTypes = 'client_credentials, authorization_code',
) => `apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: batch, namespace: shop}
spec:
  grantTypes: [${grantTypes}]
  scopes: ["shop:read"]
${more}`;
const uris = (uri: string) => `  redirectUris: ["${uri}"]\n`;
const suspend = '  suspend: true\n';
const good = aClient(uris('https://shop.example.com/cb'));
const policy =
  '  clientPolicies: [{name: confidential, namespaces: {from: All}, authenticationMethods: [client_secret_basic]}]\n';

describe('A33, I2: a Client that may not be served is withdrawn', () => {
  let product: Product;
  let credentials: Readonly<Record<string, string>>;
  const status = async () => (await product.clientCredentials(credentials)).status;
  beforeAll(async () => {
    product = await Product.make();
    await product.write('server.yaml', aServerFile(policy));
    await product.write('shop/scope.yaml', aScopeFile());
    await product.write('shop/client.yaml', good);
    await product.start();
    await product.untilReason('Client', 'shop', 'batch', 'Ready');
    credentials = await product.secret('shop', 'batch-oauth2');
  });
  afterAll(() => product.end());
  beforeEach(async () => {
    await product.write('shop/client.yaml', good);
    await until('the client is served', async () => (await status()) === 200);
  });

  it.each([
    ['suspended', `${good}${suspend}`],
    [
      'suspended, with a redirect URI that only the server refuses',
      aClient(`${uris('https://[0:0::1]/cb')}${suspend}`),
    ],
    ['suspended, with a redirect URI that nobody can read', aClient(`${uris('https://[::1::]/cb')}${suspend}`)],
    [
      'refused by policy because it became public',
      aClient(`${uris('https://shop.example.com/cb')}  authentication: {method: none}\n`, 'authorization_code'),
    ],
    [
      'refused by policy, with a redirect URI that only the server refuses',
      aClient(`${uris('https://[0:0::1]/cb')}  authentication: {method: client_secret_post}\n`),
    ],
  ])('%s', async (_, text) => {
    await product.write('shop/client.yaml', text);
    await until('the client is refused', async () => (await status()) === 401);
    await product.write('shop/client.yaml', good);
    await until('it comes back with the secret it had', async () => (await status()) === 200);
  });

  it('suspended, while somebody else has its Secret', async () => {
    const path = product.secretFile('shop', 'batch-oauth2');
    const own = await readFile(path, 'utf8');
    await writeFile(path, own.replace(/uid: .*/, 'uid: another'));
    try {
      await product.untilReason('Client', 'shop', 'batch', 'SecretNotOwned');
      expect(await status()).toBe(200);
      await product.write('shop/client.yaml', `${good}${suspend}`);
      await until('the client is refused', async () => (await status()) === 401);
    } finally {
      await rm(path);
      await writeFile(path, own);
    }
  });
});
