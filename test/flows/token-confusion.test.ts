/**
 * F20, A37, A53, A58: tokens of one kind are not taken for another, and no header of a token chooses how it is read. Every
 * place of ours that reads a JWT of ours is asked: userinfo, introspection, revocation, the hints of authorization and
 * sign-out, and the place where clients prove who they are.
 */
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer } from '../../server/src/keys/sealer.ts';
import type { Browser } from '../support/browser.ts';
import { aClient } from '../support/builders.ts';
import { ownClaims, signed, signingKey } from '../support/client-keys.ts';
import { introspect, postForm, revoke, tokenClients, tokenScopes, tokensOf, userinfo } from '../support/tokens.ts';
import { authorize, authorizePath, codeFields, issuer, keyEncryptionKey, World, webApp } from '../support/world.ts';

type Json = Readonly<Record<string, unknown>>;

const clientKey = signingKey('ES256', { kid: 'own' });
let world: World;
let browser: Browser;
/** Ours, by algorithm: whoever has them can sign anything, and what it says decides alone. */
const keys: Record<string, { readonly kid: string; readonly privateKey: KeyObject; readonly publicJwk: Json }> = {};
/** Genuine ones of one grant. */
let access = '';
let idToken = '';
let refresh = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      ...tokenClients,
      webApp('shop.signed', { userinfo_signed_response_alg: 'ES256' }),
      aClient('shop.keyed').machine('unused').withKeys(clientKey.jwk).build(),
    ],
    scopes: tokenScopes,
  });
  const rows = await world.rows<{ kid: string; algorithm: string; public_jwk: Json; sealed_private_key: Buffer }>(
    'SELECT * FROM signing_keys',
  );
  for (const { kid, algorithm, public_jwk: publicJwk, sealed_private_key: sealed } of rows) {
    const key = createSealer([keyEncryptionKey]).open(sealed, ['signing_keys', kid]) ?? Buffer.alloc(0);
    keys[algorithm] = { kid, publicJwk, privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) };
  }
  browser = world.browser();
  const { code } = await authorize(browser, { scope: 'openid email orders' });
  const { body } = await world.token(codeFields(code));
  access = body.access_token ?? '';
  idToken = body.id_token ?? '';
  refresh = body.refresh_token ?? '';
});
afterAll(() => world?.stop());

const encoded = (json: Json): string => Buffer.from(JSON.stringify(json)).toString('base64url');
function keyOf(algorithm: string) {
  const key = keys[algorithm];
  if (key === undefined) throw new Error(`no key for ${algorithm}`);
  return key;
}
/** Signed by our own key of this algorithm. */
function ours(claims: Json, header: Json, algorithm: 'ES256' | 'RS256' = 'ES256'): string {
  const { kid, privateKey } = keyOf(algorithm);
  const input = `${encoded({ alg: algorithm, kid, ...header })}.${encoded(claims)}`;
  const bytes = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${bytes.toString('base64url')}`;
}

/** What each reader makes of a token: `taken` as genuine, or not. */
const readers: Readonly<Record<string, (token: string) => Promise<boolean>>> = {
  userinfo: async (token) => (await userinfo(world, token)).status === 200,
  introspection: async (token) => {
    const answers = [await introspect(world, token), await introspect(world, token, 'shop.web')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    return answers.some(({ body }) => body.active !== false);
  },
  revocation: async (token) => {
    const counts = async () => [await world.count('grants', 'ended_at IS NOT NULL'), await world.count('revocations')];
    const before = await counts();
    expect((await revoke(world, token)).status).toBe(200);
    return JSON.stringify(await counts()) !== JSON.stringify(before);
  },
  'hint at the authorization endpoint': async (token) => {
    const page = await browser.get(authorizePath({ prompt: 'none', scope: 'openid', id_token_hint: token }));
    return page.response.code !== undefined;
  },
  'hint at the sign-out': async (token) => {
    const live = () => world.count('sessions', 'ended_at IS NULL');
    const before = await live();
    await browser.get(`/logout?${new URLSearchParams({ id_token_hint: token }).toString()}`);
    return (await live()) !== before;
  },
  'client assertion': async (token) => {
    const { status } = await postForm(world, '/token', {
      grant_type: 'client_credentials',
      client_id: 'shop.keyed',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: token,
    });
    return status === 200;
  },
};
const ofAccess = ['userinfo', 'introspection'];
const ofHints = ['hint at the authorization endpoint'];

/** Readers that took it. Those that end something when they take it are asked last, and only of what they must refuse. */
async function takenBy(token: string, ending: 'ask' | 'spare' = 'ask'): Promise<readonly string[]> {
  const spared = ending === 'spare' ? ['revocation', 'hint at the sign-out'] : [];
  const taken: string[] = [];
  for (const [name, reads] of Object.entries(readers)) {
    if (!spared.includes(name) && (await reads(token))) taken.push(name);
  }
  return taken;
}

describe('A37: each kind of token is taken where it belongs, and nowhere else', () => {
  it('an access token', async () => expect(await takenBy(access, 'spare')).toEqual(ofAccess));
  it('an access token is no hint', async () => expect(await readers['hint at the sign-out']?.(access)).toBe(false));
  it('an ID token', async () => expect(await takenBy(idToken, 'spare')).toEqual(ofHints));
  it('an ID token revokes nothing', async () => expect(await readers.revocation?.(idToken)).toBe(false));
  it('a client assertion', async () => {
    const assertion = () => signed(clientKey, ownClaims('shop.keyed', issuer));
    expect(await takenBy(await assertion())).toEqual(['client assertion']);
  });

  it('a refresh token is for its client alone', async () => {
    expect((await userinfo(world, refresh)).status).toBe(401);
    expect((await introspect(world, refresh)).body).toEqual({ active: false });
    for (const name of ['hint at the authorization endpoint', 'hint at the sign-out', 'client assertion']) {
      expect([name, await readers[name]?.(refresh)]).toEqual([name, false]);
    }
  });

  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, () => Promise<string> | string]>([
    ['a code', async () => (await authorize(browser, { prompt: 'none', scope: 'openid' })).code ?? ''],
    [
      'a logout token',
      () =>
        ours(
          {
            iss: issuer,
            aud: 'shop.web',
            sub: decodeJwt(idToken).sub,
            sid: decodeJwt(idToken).sid,
            iat: now(),
            exp: now() + 120,
            jti: 'one',
            events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
          },
          { typ: 'logout+jwt' },
        ),
    ],
    [
      'a signed userinfo answer',
      async () =>
        (await userinfo(world, (await tokensOf(world, 'shop.signed', { scope: 'openid' })).access_token)).text,
    ],
    ['a client assertion signed by us', () => ours(ownClaims('shop.keyed', issuer), { kid: 'own' })],
    [
      'an opaque access token without openid, of another client',
      async () => {
        const { body } = await world.token({ grant_type: 'client_credentials', scope: 'stock' }, 'shop.job-opaque');
        return body.access_token ?? '';
      },
    ],
  ])('%s: nowhere', async (_title, make) => {
    const token = await make();
    expect(token.length).toBeGreaterThan(40);
    expect(await takenBy(token)).toEqual([]);
  });
});

describe('F20, A53, A58: forgeries of what would be taken', () => {
  const attacker = signingKey('ES256', { kid: 'attacker' });
  const hmac = (secret: string | Buffer) => (input: string) =>
    createHmac('sha256', secret).update(input).digest('base64url');
  /** Same claims, another header, another signature. */
  const forged = (genuine: string, header: Json, signature: (input: string) => string): string => {
    const input = `${encoded(header)}.${genuine.split('.')[1]}`;
    return `${input}.${signature(input)}`;
  };
  const byAttacker = (input: string) =>
    sign('sha256', Buffer.from(input), { key: attacker.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const byUs =
    (algorithm: 'ES256' | 'RS256', dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363') =>
    (input: string) =>
      sign('sha256', Buffer.from(input), { key: keyOf(algorithm).privateKey, dsaEncoding }).toString('base64url');
  const pem = (algorithm: string) =>
    createPublicKey(keyOf(algorithm).privateKey).export({ format: 'pem', type: 'spki' }).toString();
  const kidOf = (algorithm: string) => keyOf(algorithm).kid;

  const forgeries: readonly (readonly [string, (typ: string, genuine: string) => string])[] = [
    ['alg none, no signature', (typ, jwt) => forged(jwt, { alg: 'none', typ, kid: kidOf('ES256') }, () => '')],
    ['alg None', (typ, jwt) => forged(jwt, { alg: 'None', typ, kid: kidOf('ES256') }, () => 'AA')],
    ['no alg', (typ, jwt) => forged(jwt, { typ, kid: kidOf('ES256') }, byUs('ES256'))],
    [
      'HS256 with our public key as PEM',
      (typ, jwt) => forged(jwt, { alg: 'HS256', typ, kid: kidOf('RS256') }, hmac(pem('RS256'))),
    ],
    [
      'HS256 with our public key as JWK',
      (typ, jwt) =>
        forged(jwt, { alg: 'HS256', typ, kid: kidOf('ES256') }, hmac(JSON.stringify(keyOf('ES256').publicJwk))),
    ],
    ['HS256 with an empty key', (typ, jwt) => forged(jwt, { alg: 'HS256', typ, kid: kidOf('ES256') }, hmac(''))],
    [
      'ES256 on the id of our RSA key',
      (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: kidOf('RS256') }, byUs('ES256')),
    ],
    [
      'RS256 on the id of our EC key',
      (typ, jwt) => forged(jwt, { alg: 'RS256', typ, kid: kidOf('ES256') }, byUs('RS256')),
    ],
    ['PS256 on our RSA key', (typ, jwt) => forged(jwt, { alg: 'PS256', typ, kid: kidOf('RS256') }, byUs('RS256'))],
    ['ES256 in DER', (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: kidOf('ES256') }, byUs('ES256', 'der'))],
    ['another key under our id', (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: kidOf('ES256') }, byAttacker)],
    ['an unknown id', (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: 'attacker' }, byAttacker)],
    ['no id', (typ, jwt) => forged(jwt, { alg: 'ES256', typ }, byUs('ES256'))],
    ['jwk in the header', (typ, jwt) => forged(jwt, { alg: 'ES256', typ, jwk: attacker.jwk }, byAttacker)],
    [
      'jwk in the header, under our id',
      (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: kidOf('ES256'), jwk: attacker.jwk }, byAttacker),
    ],
    [
      'jku and x5u in the header',
      (typ, jwt) =>
        forged(
          jwt,
          { alg: 'ES256', typ, kid: 'attacker', jku: 'https://evil.example/jwks', x5u: 'https://evil.example/x5c' },
          byAttacker,
        ),
    ],
    [
      'a critical extension, though we signed it',
      (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: kidOf('ES256'), crit: ['b64'], b64: false }, byUs('ES256')),
    ],
    ['no typ, though we signed it', (_typ, jwt) => forged(jwt, { alg: 'ES256', kid: kidOf('ES256') }, byUs('ES256'))],
    [
      'a typ in another spelling, though we signed it',
      (typ, jwt) => forged(jwt, { alg: 'ES256', typ: `application/${typ}`, kid: kidOf('ES256') }, byUs('ES256')),
    ],
    [
      'all zeros for a signature',
      (typ, jwt) => forged(jwt, { alg: 'ES256', typ, kid: kidOf('ES256') }, () => 'A'.repeat(86)),
    ],
  ];
  it.each(forgeries)('%s', async (_title, forge) => {
    expect(await takenBy(forge('at+jwt', access))).toEqual([]);
    expect(await takenBy(forge('JWT', idToken))).toEqual([]);
  });

  it.each<[string, Json]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['of an issuer that is ours and a slash', { iss: `${issuer}/` }],
    ['without an expiry', { exp: undefined }],
    ['whose expiry is a text', { exp: '9999999999' }],
    ['without an id', { jti: undefined }],
    ['without a client', { client_id: undefined }],
    ['A28: that has expired', { exp: Math.floor(Date.now() / 1000) - 1 }],
  ])('an access token %s, though we signed it', async (_title, change) => {
    expect(await takenBy(ours({ ...decodeJwt(access), ...change }, { typ: 'at+jwt' }))).toEqual([]);
  });

  it.each<[string, Json]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['for another client', { aud: 'shop.other' }],
    ['without a subject', { sub: undefined }],
  ])('an ID token %s, though we signed it: no hint', async (_title, change) => {
    const token = ours({ ...decodeJwt(idToken), ...change }, { typ: 'JWT' }, 'RS256');
    expect(await takenBy(token, 'spare')).toEqual([]);
  });

  it('what is in a token does not make it another kind: its typ does, though we signed it', async () => {
    expect(await takenBy(ours(decodeJwt(access), { typ: 'JWT' }))).toEqual([]);
    expect(await takenBy(ours(decodeJwt(idToken), { typ: 'at+jwt' }, 'RS256'))).toEqual([]);
  });

  it('the table is not empty talk: what we sign in the right way is taken', async () => {
    expect(await takenBy(ours(decodeJwt(access), { typ: 'at+jwt' }), 'spare')).toEqual(ofAccess);
    expect(await takenBy(ours(decodeJwt(idToken), { typ: 'JWT' }, 'RS256'), 'spare')).toEqual(ofHints);
    expect(await readers['hint at the sign-out']?.(idToken)).toBe(true);
  });
});
