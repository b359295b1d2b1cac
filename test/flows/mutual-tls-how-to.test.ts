/** The page “Authenticate with a client certificate”: its commands and resources, word by word, on the whole product. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { freePort } from '../support/ports.ts';
import { Product, until } from '../support/product.ts';

const page = new URL('../../docs/how-to/authenticate-with-a-client-certificate.md', import.meta.url);

let product: Product;
let port: number;
let blocks: readonly { readonly language: string; readonly text: string }[];
beforeAll(async () => {
  const text = await readFile(page, 'utf8');
  const shown = text.slice(0, text.indexOf('Sketch:'));
  blocks = [...shown.matchAll(/^( *)```(sh|yaml)\n([^]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', block = '']) => ({
      language,
      text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
  product = await Product.make();
  port = await freePort();
  const authority = await makeAuthority();
  const { certificatePem, privateKeyPem } = await authority.issue({ names: ['id.example.com'] });
  await mkdir(join(product.base, 'tls'));
  await writeFile(join(product.base, 'tls/tls.crt'), certificatePem);
  await writeFile(join(product.base, 'tls/tls.key'), privateKeyPem);
  await writeFile(join(product.base, 'ca.crt'), authority.pem);
  // What a name server would say.
  await writeFile(join(product.base, '.curlrc'), `connect-to = "id.example.com:8444:127.0.0.1:${port}"\n`);
});
afterAll(() => product?.end());

async function shell(command: string): Promise<string> {
  const env = { ...process.env, HOME: product.base, CURL_HOME: product.base };
  const { stdout } = await promisify(execFile)('bash', ['-euc', command], { cwd: product.base, env });
  return stdout;
}

const configMap = (pem: string) => `apiVersion: v1
kind: ConfigMap
metadata: { name: client-ca, namespace: identity }
data:
  ca.crt: |
${pem.replaceAll(/^/gm, '    ').trimEnd()}
`;

it('does what it says', async () => {
  const [make, server, client, ask, makeOwn] = blocks;
  await shell(make?.text ?? '');
  await product.write('server.yaml', server?.text ?? '');
  await product.write('shop/client.yaml', client?.text ?? '');
  await product.start({}, { tlsFolder: join(product.base, 'tls'), mutualTlsListen: { host: '127.0.0.1', port } });
  // Until the authorities are there the server serves, and says what is missing.
  await product.untilReason('Client', 'shop', 'batch', 'Ready');
  await until('the server says what is missing', async () => {
    const condition = await product.condition('AuthorizationServer', 'identity', 'default');
    return condition?.message.includes('tls_client_auth is left out: ConfigMap "client-ca" does not exist');
  });
  expect(JSON.parse(await shell(ask?.text ?? ''))).toMatchObject({ error: 'invalid_client' });
  await product.write('authority.yaml', configMap(await readFile(join(product.base, 'client-ca.crt'), 'utf8')));
  await until('a token', async () => 'access_token' in JSON.parse(await shell(ask?.text ?? '')));
  const token = JSON.parse(await shell(ask?.text ?? '')).access_token as string;
  expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toHaveProperty('cnf.x5t#S256');
  expect(await product.secret('shop', 'batch-oauth2')).toMatchObject({
    'client-id': 'shop.batch',
    'token-uri': 'https://id.example.com:8444/token',
  });

  const jwk = (await shell(makeOwn?.text ?? '')).trim().split('\n').at(-1) ?? '';
  await product.write(
    'shop/own.yaml',
    `${client?.text.replace('name: batch', 'name: own').replace(/method: tls_client_auth\n.*\n/, `method: self_signed_tls_client_auth\n    jwks: { keys: [${jwk}] }\n`)}`,
  );
  await product.untilReason('Client', 'shop', 'own', 'Ready');
  const own = (ask?.text ?? '').replaceAll('client.crt', 'own.crt').replaceAll('client.key', 'own.key');
  expect(JSON.parse(await shell(own.replace('shop.batch', 'shop.own')))).toHaveProperty('access_token');
  expect(JSON.parse(await shell(own))).toMatchObject({ error: 'invalid_client' });
});
