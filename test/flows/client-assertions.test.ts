/** Clients that sign an assertion in place of a secret (RFC 7523 §2.2, OpenID Connect Core §9). */
import { createHmac, createPublicKey, sign } from 'node:crypto';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usedAssertionStore } from '../../server/src/store/used-assertions.ts';
import { aClient } from '../support/builders.ts';
import { logTo } from '../support/captured-log.ts';
import { type Claims, ownClaims, type SigningKey, secondsNow, signed, signingKey } from '../support/client-keys.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import {
  authorize,
  codeFields,
  issuer,
  refreshFields,
  type TokenAnswer,
  verifier,
  World,
  webApp,
} from '../support/world.ts';

const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const own = signingKey('ES256', { kid: 'own' });
const ownRsa = signingKey('RS256', { kid: 'own-rsa' });
const ownPss = signingKey('PS256', { kid: 'own-pss' });
const ownEdwards = signingKey('EdDSA', { kid: 'own-ed' });
const others = signingKey('ES256', { kid: 'others' });
const cluster = signingKey('RS256', { kid: 'cluster' });
const strange = signingKey('ES256', { kid: 'own' });

const jwks = [own, ownRsa, ownPss, ownEdwards].map(({ jwk }) => jwk);
const accounts = [{ namespace: 'shop', name: 'batch' }];
const machine = aClient('shop.job')
  .machine('unused')
  .with({ scopes: ['orders'], default_scopes: ['orders'] });

let postgres: TestPostgres;
let world: World;
const log: string[] = [];
beforeAll(async () => {
  postgres = await startPostgres('newest');
  world = await World.open({
    databaseUrl: await postgres.createDatabase(),
    counting: true,
    replicas: 3,
    options: {
      log: logTo(log),
    },
    server: { kubernetes: { jwks: { keys: [cluster.jwk] } } },
    clients: [
      machine.withKeys(...jwks).build(),
      machine.withKeys(others.jwk).with({ client_id: 'shop.other' }).build(),
      machine
        .withServiceAccounts(...accounts)
        .with({ client_id: 'shop.pod' })
        .build(),
      machine.with({ client_id: 'shop.secret' }).build(),
      machine
        .with({
          client_id: 'shop.app',
          grant_types: ['authorization_code'],
          response_types: ['code'],
          redirect_uris: ['https://a.example/cb'],
        })
        .public()
        .build(),
      aClient()
        .withKeys(...jwks)
        .with({ ...flows, client_id: 'shop.web' })
        .build(),
    ],
  });
});
afterAll(async () => {
  await world?.stop();
  await postgres?.stop();
});

const { grant_types, scopes, default_scopes } = webApp();
const flows = { grant_types, scopes, default_scopes };

type Fields = Readonly<Record<string, string | undefined>>;

function send(assertion: string, more: Fields = {}): Promise<TokenAnswer> {
  const all = { grant_type: 'client_credentials', client_assertion_type: type, client_assertion: assertion, ...more };
  return world.tokenForm(present(all), manyTries);
}
/** As behind a proxy that is not trusted: 20 times the tries per address, which a table needs. */
const manyTries = { 'x-forwarded-for': '203.0.113.7' };
const present = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter((pair): pair is [string, string] => pair[1] !== undefined));
const assertion = (claims: Claims = {}, key: SigningKey = own, header = {}, clientId = 'shop.job') =>
  signed(key, ownClaims(clientId, issuer, claims), header);
const refused = ({ status, body }: TokenAnswer) => [status, body.error];

const metric = async () =>
  (
    await Promise.all(world.servers.map(async ({ managementUrl }) => (await fetch(`${managementUrl}/metrics`)).text()))
  ).join('\n');
/** How often each reason was counted, on all replicas. */
async function reasons(): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const [, reason = '', value = ''] of (await metric()).matchAll(
    /^\w*client_auth_failures_total\{[^}]*reason="(\w+)"[^}]*\} (\d+)/gm,
  ))
    counts[reason] = (counts[reason] ?? 0) + Number(value);
  return counts;
}

describe('private_key_jwt', () => {
  it.each<[string, () => Promise<string>, Fields?]>([
    ['ES256', () => assertion()],
    ['RS256', () => assertion({}, ownRsa)],
    ['PS256, as its key says', () => assertion({}, ownPss)],
    ['EdDSA', () => assertion({}, ownEdwards)],
    ['RFC 9864: Ed25519', () => assertion({}, ownEdwards, { alg: 'Ed25519' })],
    ['client_id beside it', () => assertion(), { client_id: 'shop.job' }],
    ['no kid', () => assertion({}, own, { kid: undefined })],
    ['the audience in a list', () => assertion({ aud: [issuer] })],
    ['typ: JWT', () => assertion({}, own, { typ: 'JWT' })],
    ['typ: client-authentication+jwt', () => assertion({}, own, { typ: 'client-authentication+jwt' })],
    ['no iat', () => assertion({ iat: undefined })],
    ['A58: a jwk in the header, which nobody looks at', () => assertion({}, own, { jwk: strange.jwk })],
    ['a clock 9 s ahead', () => assertion({ iat: secondsNow() + 9, nbf: secondsNow() + 9 })],
    ['a clock behind: ended 2 s ago', () => assertion({ iat: secondsNow() - 62, exp: secondsNow() - 2 })],
    ['an hour long', () => assertion({ exp: secondsNow() + 3600 })],
  ])('%s is accepted', async (_name, make, more) => {
    const { status, body } = await send(await make(), more);
    expect([status, body.scope]).toEqual([200, 'orders']);
  });

  const bad: readonly [string, string, () => Promise<string>, Fields?][] = [
    ['another key under the same kid', 'wrong_signature', () => assertion({}, strange)],
    ['a kid that is not registered', 'unknown_key', () => assertion({}, others)],
    ['no kid and another key', 'wrong_signature', () => assertion({}, strange, { kid: undefined })],
    ['a cut signature', 'wrong_signature', async () => (await assertion()).slice(0, -2)],
    ['changed claims', 'wrong_signature', async () => changed(await assertion(), { jti: 'other' })],
    ['F20, A53: HS256 with our public key as the secret', 'symmetric', async () => hmac(own)],
    ['F20, A53: none', 'malformed', async () => unsigned('none')],
    ['F20, A53: None', 'malformed', async () => unsigned('None')],
    ['F20, A53: ES256 said of an RSA key', 'unknown_key', () => assertion({}, own, { kid: 'own-rsa' })],
    ['F20: RS256 with the key for PS256', 'unknown_key', () => assertion({}, { ...ownPss, algorithm: 'RS256' })],
    ['A58: its own key in the header', 'wrong_signature', () => assertion({}, strange, { jwk: strange.jwk })],
    ['A58: a jku', 'unknown_key', () => assertion({}, others, { jku: 'https://evil.example/jwks' })],
    ['crit', 'malformed', () => assertion({}, own, { crit: ['b64'], b64: true })],
    ['F20: typ at+jwt', 'malformed', () => assertion({}, own, { typ: 'at+jwt' })],
    ['F20: typ logout+jwt', 'malformed', () => assertion({}, own, { typ: 'logout+jwt' })],
    ['another issuer', 'wrong_claims', () => assertion({ iss: 'shop.other' }), { client_id: 'shop.job' }],
    ['another subject', 'wrong_claims', () => assertion({ sub: 'shop.other' }), { client_id: 'shop.job' }],
    [
      'F19: that of another client',
      'unknown_key',
      () => assertion({}, others, {}, 'shop.other'),
      { client_id: 'shop.job' },
    ],
    ['F19: ours for another client', 'unknown_key', () => assertion(), { client_id: 'shop.other' }],
    ['no issuer and no client_id', 'malformed', () => assertion({ iss: undefined })],
    ['the token endpoint as audience', 'wrong_audience', () => assertion({ aud: `${issuer}/token` })],
    ['another audience', 'wrong_audience', () => assertion({ aud: 'https://evil.example' })],
    ['a second audience', 'wrong_audience', () => assertion({ aud: [issuer, 'https://evil.example'] })],
    ['the issuer with a slash', 'wrong_audience', () => assertion({ aud: `${issuer}/` })],
    ['no audience', 'wrong_audience', () => assertion({ aud: undefined })],
    ['an empty list of audiences', 'wrong_audience', () => assertion({ aud: [] })],
    ['no exp', 'wrong_claims', () => assertion({ exp: undefined })],
    ['A85: an endless exp', 'too_long_lived', () => rawExp('1e999')],
    ['an exp as text', 'wrong_claims', () => rawExp('"9999999999"')],
    ['ended', 'expired', () => assertion({ iat: secondsNow() - 120, exp: secondsNow() - 30 })],
    ['a life of two hours', 'too_long_lived', () => assertion({ exp: secondsNow() + 7200 })],
    ['begun days ago', 'too_long_lived', () => assertion({ iat: secondsNow() - 86_400 })],
    ['iat 61 s ahead', 'not_yet_valid', () => assertion({ iat: secondsNow() + 61, exp: secondsNow() + 90 })],
    ['nbf 61 s ahead', 'not_yet_valid', () => assertion({ nbf: secondsNow() + 61, exp: secondsNow() + 90 })],
    ['no jti', 'wrong_claims', () => assertion({ jti: undefined })],
    ['an empty jti', 'wrong_claims', () => assertion({ jti: '' })],
    ['no assertion type', 'malformed', () => assertion(), { client_assertion_type: undefined }],
    ['a SAML assertion type', 'malformed', () => assertion(), { client_assertion_type: type.replace('jwt', 'saml2') }],
    ['A56: 20 KiB', 'malformed', () => assertion({ more: 'x'.repeat(20_000) })],
    ['garbage', 'malformed', async () => 'a.b.c', { client_id: 'shop.job' }],
    ['nothing', 'malformed', async () => '', { client_id: 'shop.job' }],
    ['an encrypted one', 'malformed', async () => 'e30.e30.e30.e30.e30', { client_id: 'shop.job' }],
    ['an unknown client', 'unknown_client', () => assertion({}, own, {}, 'nobody')],
    ['a client with a secret', 'wrong_method', () => assertion({}, own, {}, 'shop.secret')],
    ['a public client', 'wrong_method', () => assertion({}, own, {}, 'shop.app')],
    ['F19: for a client with ServiceAccounts', 'unknown_key', () => assertion({}, own, {}, 'shop.pod')],
    ['F19: signed by the cluster', 'unknown_key', () => assertion({}, cluster)],
  ];

  it.each(bad)('%s: %s', async (_name, reason, make, more) => {
    const before = await reasons();
    const used = await world.count('used_assertions');
    const answer = await send(await make(), more);
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    expect((await reasons())[reason]).toBe((before[reason] ?? 0) + 1);
    // A stranger writes nothing.
    expect(await world.count('used_assertions')).toBe(used);
  });

  it.each(['shop.job', 'shop.secret', 'nobody'])(
    'client_secret_jwt is refused with the reason, whoever sends it: %s',
    async (clientId) => {
      const answer = await send(hmac(own, ownClaims(clientId, issuer)));
      expect(answer).toMatchObject({
        status: 401,
        body: {
          error: 'invalid_client',
          error_description: expect.stringContaining('client_secret_jwt is not supported') as string,
        },
      });
    },
  );

  it('A48: every refusal reads the same', async () => {
    const answers = await Promise.all(
      [assertion({}, strange), assertion({}, own, {}, 'nobody'), assertion({ aud: 'x' }), assertion({}, cluster)].map(
        async (one) => {
          const { body, status } = await send(await one);
          return { status, ...body };
        },
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it.each<[string, Fields, Readonly<Record<string, string>>]>([
    ['a secret in the form', { client_id: 'shop.job', client_secret: 'x' }, {}],
    ['Basic', {}, { authorization: `Basic ${Buffer.from('shop.job:x').toString('base64')}` }],
  ])('RFC 6749 §2.3: %s beside it is invalid_request', async (_name, more, headers) => {
    const fields = {
      grant_type: 'client_credentials',
      client_assertion_type: type,
      client_assertion: await assertion(),
      ...more,
    };
    expect(refused(await world.tokenForm(present(fields), { ...manyTries, ...headers }))).toEqual([
      400,
      'invalid_request',
    ]);
  });
});

describe('I1, F19, A22: an assertion counts once', () => {
  it('50 at once on three replicas: one success', async () => {
    const one = await assertion();
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(one)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const losers = answers.filter(({ status }) => status !== 200);
    expect(new Set(losers.map(({ status, body }) => `${status} ${body.error}`))).toEqual(
      new Set(['401 invalid_client']),
    );
    expect((await reasons())['replayed']).toBeGreaterThanOrEqual(49);
  });

  it.each<[string, Fields, number, string]>([
    ['the grant was refused', { grant_type: 'authorization_code', ...codeFields('none') }, 400, 'unauthorized_client'],
    ['the scope was refused', { scope: 'admin' }, 400, 'invalid_scope'],
    ['nothing was asked', { grant_type: undefined }, 400, 'invalid_request'],
  ])('it is used up also when %s', async (_name, more, status, error) => {
    const one = await assertion();
    expect(refused(await send(one, more))).toEqual([status, error]);
    expect(refused(await send(one))).toEqual([401, 'invalid_client']);
  });

  it('the same id under another expiry or signature is the same id', async () => {
    expect((await send(await assertion({ jti: 'once' }))).status).toBe(200);
    expect((await send(await assertion({ jti: 'once', exp: secondsNow() + 600 }))).status).toBe(401);
    expect((await send(await assertion({ jti: 'once' }, ownRsa))).status).toBe(401);
  });

  it('ids of another client are others', async () => {
    expect((await send(await assertion({ jti: 'shared' }))).status).toBe(200);
    expect((await send(await assertion({ jti: 'shared' }, others, {}, 'shop.other'))).status).toBe(200);
  });

  it('an id is kept longer than its assertion counts, and only its digest', async () => {
    // Those of the cases before are as old as this machine is slow.
    await world.rows('DELETE FROM used_assertions');
    await send(await assertion({ jti: 'canary-jti' }));
    const rows = await world.rows<{ row: string }>(`SELECT used_assertions::text AS row FROM used_assertions`);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain('canary-jti');
    expect(await world.count('used_assertions', `keep_until < now() + interval '90 seconds'`)).toBe(0);
  });

  it('F46: one whose row may be swept is refused, whatever a replica thinks of the time', async () => {
    const store = usedAssertionStore(world.database);
    const old = { clientId: 'shop.job', id: 'late', issuedAt: secondsNow() - 200, expiresAt: secondsNow() - 121 };
    expect(await store.use(old)).toBe(false);
    expect(await store.use({ ...old, expiresAt: secondsNow() - 60 })).toBe(true);
  });
});

describe('A49: failures are limited', () => {
  it('what is too much is refused before any signature is checked', async () => {
    const few = (one: string) =>
      fetch(`${world.urls[0]}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_assertion_type: type,
          client_assertion: one,
        }),
      });
    const wrong = await assertion({}, strange, { kid: 'others' }, 'shop.other');
    const before = world.counters.verifications;
    const statuses: number[] = [];
    for (let round = 0; round < 40; round += 1) statuses.push((await few(wrong)).status);
    // The bucket refills while it is tried, one in three seconds.
    expect(statuses).toContain(429);
    expect(world.counters.verifications - before).toBe(statuses.filter((status) => status === 401).length);
  });
});

describe('flows with a user', () => {
  it('openid-client: PrivateKeyJwt works as it is', async () => {
    const { privateKey } = await importPair(own);
    const custom = (url: string, init: object) => world.fetch(url, init as RequestInit);
    const client = await oidc.discovery(
      new URL(issuer),
      'shop.web',
      undefined,
      oidc.PrivateKeyJwt({ key: privateKey, kid: 'own' }),
      {
        [oidc.customFetch]: custom,
      },
    );
    client[oidc.customFetch] = custom;
    expect(client.serverMetadata().token_endpoint_auth_methods_supported).toContain('private_key_jwt');
    const answer = await authorize(world.browser(), { scope: 'openid offline_access' });
    const url = new URL(`https://shop.example.com/cb?${new URLSearchParams(answer).toString()}`);
    const checks = { pkceCodeVerifier: verifier, expectedState: 'the-state', expectedNonce: 'the-nonce' };
    const tokens = await oidc.authorizationCodeGrant(client, url, checks);
    expect(tokens.claims()?.aud).toBe('shop.web');
    const refreshed = await oidc.refreshTokenGrant(client, tokens.refresh_token ?? '');
    expect(refreshed.access_token).not.toBe(tokens.access_token);
  });

  it('a refused assertion spends neither code nor refresh token', async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid offline_access' });
    const web = (claims: Claims = {}) => assertion(claims, own, {}, 'shop.web');
    expect((await send(await web({ aud: 'x' }), codeFields(code))).status).toBe(401);
    const { body, status } = await send(await web(), codeFields(code));
    expect(status).toBe(200);
    const fields = refreshFields(body.refresh_token);
    expect((await send(await web({ exp: secondsNow() - 30 }), fields)).status).toBe(401);
    expect((await send(await web(), fields)).status).toBe(200);
  });
});

describe('what it costs', () => {
  it('one statement, one durable row, one verification', async () => {
    const one = await assertion();
    const { status } = await world.counters.expectCost('client_credentials_private_key', () => send(one));
    expect(status).toBe(200);
  });

  it.each([
    ['a wrong signature', () => assertion({}, strange)],
    ['an unknown client', () => assertion({}, own, {}, 'nobody')],
    ['an unknown key', () => assertion({}, others)],
  ])('%s: one verification, nothing in the database', async (_name, make) => {
    const one = await make();
    await world.counters.expectCost('assertion_refused', () => send(one));
  });
});

it('I7, F06: without the database an assertion gives nothing', async () => {
  const one = await assertion();
  await world.rows('ALTER TABLE used_assertions RENAME TO used_assertions_away');
  try {
    expect((await send(one)).status).toBeGreaterThanOrEqual(500);
  } finally {
    await world.rows('ALTER TABLE used_assertions_away RENAME TO used_assertions');
  }
  expect((await send(one)).status).toBe(200);
});

it('I4: no assertion stands in the log', async () => {
  const one = await assertion({ jti: 'canary-jti-log' });
  await send(one);
  await send(one);
  await send(await assertion({ aud: 'canary-audience', jti: 'canary-jti-log' }));
  const text = log.join('\n');
  expect(text).toContain('client.authentication_failed');
  for (const canary of [one, one.split('.')[1] ?? '', one.split('.')[2] ?? '', 'canary-jti-log', 'canary-audience'])
    expect(text).not.toContain(canary);
});

async function importPair(key: SigningKey) {
  const jwk = key.privateKey.export({ format: 'jwk' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  return { privateKey: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']) };
}

function parts(header: object, payload: string | object): string {
  const encode = (value: string | object) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  return `${encode(header)}.${encode(payload)}`;
}

/** The oldest trick: the public key, as text, for a shared secret. */
function hmac({ jwk }: SigningKey, claims = ownClaims('shop.job', issuer)): string {
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const input = parts({ alg: 'HS256', kid: jwk.kid }, claims);
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

const unsigned = (alg: string) => `${parts({ alg, kid: 'own' }, ownClaims('shop.job', issuer))}.`;

async function changed(jwt: string, claims: Claims): Promise<string> {
  const [header = '', payload = '', signature = ''] = jwt.split('.');
  const before = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
  return `${header}.${Buffer.from(JSON.stringify({ ...before, ...claims })).toString('base64url')}.${signature}`;
}

/** An `exp` that no library would write. */
async function rawExp(exp: string): Promise<string> {
  const { exp: _, ...claims } = ownClaims('shop.job', issuer);
  const input = parts({ alg: 'ES256', kid: 'own' }, JSON.stringify(claims).replace('{', `{"exp":${exp},`));
  const signature = sign('sha256', Buffer.from(input), { key: own.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
