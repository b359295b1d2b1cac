/** `nauthera-server probe`: what it finds, and how it ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { runServerCommand } from '../support/command.ts';
import { freePort } from '../support/ports.ts';

let server: Server;
let issuer = '';
let folder = '';
/** What it answers, by path. */
let documents: Record<string, unknown> = {};
/** So many first requests are answered with 503. */
let unready = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-probe-'));
  const authority = await makeAuthority('Cluster CA');
  const { certificatePem: cert, privateKeyPem: key } = await authority.issue();
  await writeFile(join(folder, 'ca.crt'), authority.pem);
  await writeFile(join(folder, 'other.crt'), (await makeAuthority('Other CA')).pem);
  server = createServer({ cert, key }, (request, response) => {
    const document = documents[request.url ?? ''];
    const status = unready > 0 ? 503 : document === undefined ? 404 : 200;
    unready -= 1;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

const run = (...args: readonly string[]) => runServerCommand(['probe', ...args]);

const good = () => ({
  '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/jwks` },
  '/jwks': { keys: [{ kty: 'RSA' }, { kty: 'EC' }] },
});
const ca = (name = 'ca.crt') => ['--ca', join(folder, name)];

describe('probe', () => {
  it('says what it found and ends with 0, once it is ready', async () => {
    documents = good();
    unready = 2;
    const { code, out, err } = await run(issuer, ...ca());
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^TLS +ok {2}TLSv1\.3, certificate until .*\ndiscovery +ok .*\nkeys +ok .*\/jwks: 2\n$/);
    const json = await run(issuer, ...ca(), '-o', 'json');
    expect(JSON.parse(json.out)).toHaveLength(3);
  });

  it.each<readonly [string, () => Record<string, unknown>, readonly string[], RegExp]>([
    [
      'another issuer',
      () => ({ '/.well-known/openid-configuration': { issuer: 'https://evil.example' } }),
      ['ca.crt'],
      /names another issuer/,
    ],
    ['nothing there', () => ({}), ['ca.crt'], /answers 404/],
    [
      'keys elsewhere',
      () => ({ '/.well-known/openid-configuration': { issuer, jwks_uri: 'https://evil.example/jwks' } }),
      ['ca.crt'],
      /no jwks_uri of its own origin/,
    ],
    ['no keys', () => ({ ...good(), '/jwks': { keys: [] } }), ['ca.crt'], /holds no keys/],
    ['another CA', good, ['other.crt'], /is not trusted .*Give its CA with --ca/],
    ['a CA that is not public', good, [], /is not trusted .*Give its CA with --ca/],
  ])('ends with 1: %s', async (_, answers, authorities, problem) => {
    documents = answers();
    const { code, err } = await run(issuer, ...authorities.flatMap(ca));
    expect([code, err]).toEqual([1, expect.stringMatching(problem)]);
  });

  it('ends with 3 when nobody answers in time, and with 2 for what is no issuer', async () => {
    const nobody = await run(`https://localhost:${await freePort()}`, '--timeout', '1');
    expect([nobody.code, nobody.err]).toEqual([3, expect.stringMatching(/does not answer \(ECONNREFUSED\)/)]);
    for (const [args, problem] of [
      [['http://id.example.com'], /the issuer must be https/],
      [[issuer, '--ca', join(folder, 'none')], /cannot be read as PEM/],
      [[issuer, '--timeout', 'soon'], /--timeout: must be/],
      [[], /missing required argument/],
    ] as const) {
      const { code, err } = await run(...args);
      expect([code, err]).toEqual([2, expect.stringMatching(problem)]);
    }
  });
});
