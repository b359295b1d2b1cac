import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient, anOwner, digestOf } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, authorize, codeFields, issuer, refreshFields, World, webApp } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp(),
      webApp('shop.gone'),
      webApp('shop.es256', { userinfo_signed_response_alg: 'ES256' }),
      webApp('shop.rs256', { userinfo_signed_response_alg: 'RS256', access_token_format: 'opaque' }),
      aClient('shop.job').machine('secret-of-shop.job').build(),
    ],
  });
});
afterAll(() => world.stop());

type Change = Readonly<Record<string, string>>;
const tokens = async (change: Change = {}) =>
  (await world.token(codeFields((await authorize(world.browser(), change)).code), change.client_id)).body;
const bearer = (token: string | undefined) => ({ headers: { authorization: `Bearer ${token}` } });
const get = (token: string | undefined) => world.fetch(`${issuer}/userinfo`, bearer(token));
const form = { 'content-type': 'application/x-www-form-urlencoded' };

describe('OIDC Core §5.3: userinfo', () => {
  it('answers GET and POST, header and body, with what was granted and nothing else', async () => {
    const { access_token: token = '' } = await tokens({ scope: 'openid email' });
    const expected = { sub: expect.stringMatching(/^u_/), email: 'ada@example.com', email_verified: false };
    const answers = [
      await get(token),
      await world.fetch(`${issuer}/userinfo`, { method: 'POST', ...bearer(token) }),
      await world.fetch(`${issuer}/userinfo`, {
        method: 'POST',
        headers: { ...form, ...bearer(token).headers },
        body: '',
      }),
      await world.fetch(`${issuer}/userinfo`, { method: 'POST', headers: form, body: `access_token=${token}` }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.json()).toEqual(expected);
    }
  });

  it('the groups of a person are one claim of the scope groups', async () => {
    world.memory.add('grace', { groups: ['staff', 'eng'] });
    const { code } = await authorize(world.browser(), { scope: 'openid groups' }, 'grace');
    const { body } = await world.token(codeFields(code));
    expect(await (await get(body.access_token)).json()).toMatchObject({ groups: ['staff', 'eng'] });
  });
});

describe('OIDC Core §5.3.2: a signed answer, where the registration wants it', () => {
  it.each(['ES256', 'RS256'])('%s: application/jwt, with iss and aud, for a library and by hand', async (alg) => {
    const clientId = `shop.${alg.toLowerCase()}`;
    const { access_token: token = '', id_token: idToken = '' } = await tokens({
      client_id: clientId,
      scope: 'openid email',
    });
    const { sub = '' } = decodeJwt(idToken);
    const response = await get(token);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/jwt']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const jwks = (await (await world.fetch(`${issuer}/jwks`)).json()) as JSONWebKeySet;
    const jwt = await response.text();
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(jwks), { algorithms: [alg], typ: 'JWT' });
    // No expiry and no nonce: nobody who reads ID tokens takes it for one.
    expect(payload).toEqual({ iss: issuer, aud: clientId, sub, email: 'ada@example.com', email_verified: false });
    const authentication = oidc.ClientSecretBasic(`secret-of-${clientId}`);
    const client = { client_id: clientId, userinfo_signed_response_alg: alg };
    const party = await oidc.discovery(new URL(issuer), clientId, client, authentication, {
      [oidc.customFetch]: (url, init) => world.fetch(url, init as RequestInit),
    });
    oidc.enableNonRepudiationChecks(party);
    party[oidc.customFetch] = (url, init) => world.fetch(url, init as RequestInit);
    expect(await oidc.fetchUserInfo(party, token, sub)).toMatchObject({ sub, email: 'ada@example.com' });
    const again = await oauth.userInfoRequest(party.serverMetadata(), client, token, {
      [oauth.customFetch]: (url, { method, headers }) => world.fetch(url, { method, headers }),
    });
    expect(await oauth.processUserInfoResponse(party.serverMetadata(), client, sub, again)).toMatchObject({ sub });
  });

  it('what is refused is refused as ever', async () => {
    const response = await get('x');
    expect([response.status, response.headers.get('content-type')]).toEqual([401, 'application/json; charset=utf-8']);
  });
});

describe('RFC 6749 §6: a token for fewer scopes', () => {
  it('tells no more than they do, while the grant goes on whole', async () => {
    const first = await tokens({ scope: 'openid profile email' });
    expect(Object.keys((await (await get(first.access_token)).json()) as object)).toContain('email');
    const { body } = await world.token({ ...refreshFields(first.refresh_token), scope: 'openid profile' });
    const { sub } = decodeJwt(first.id_token ?? '');
    expect(await (await get(body.access_token)).json()).toEqual({ sub, name: 'ada of the shop' });
    const next = await world.token(refreshFields(body.refresh_token));
    expect(await (await get(next.body.access_token)).json()).toMatchObject({ email: 'ada@example.com' });
  });

  it('and what the request asked for by name', async () => {
    const claims = JSON.stringify({ userinfo: { email: null } });
    const first = await tokens({ scope: 'openid profile', claims });
    const { body } = await world.token({ ...refreshFields(first.refresh_token), scope: 'openid' });
    const answer = (await (await get(body.access_token)).json()) as Record<string, unknown>;
    expect([answer.email, answer.name]).toEqual(['ada@example.com', undefined]);
  });
});

describe('what the directory withholds', () => {
  it('the claims of a built-in scope that a rule refuses come with no other scope either', async () => {
    const own = await World.open({
      clients: [webApp('shop.web', { scopes: ['openid', 'groups', 'shop:all'] })],
      scopes: [
        {
          scope: 'shop:all',
          display_name: 'Everything',
          claims: ['groups', 'email'],
          audiences: [],
          consent: 'required',
        },
      ],
      directories: {
        [memoryDirectoryId]: aDirectory({
          consent_rules: [{ name: 'groups of admins', scopes: ['groups'], groups: ['admins'] }],
        }),
      },
    });
    try {
      own.memory.add('bob', { groups: ['finance'] });
      own.memory.add('eve', { groups: ['admins'] });
      const known = async (username: string) => {
        const { code } = await authorize(own.browser(), { scope: 'openid shop:all' }, username);
        const first = (await own.token(codeFields(code))).body;
        const { body } = await own.token(refreshFields(first.refresh_token));
        const ask = async (token: string | undefined) => {
          const headers = { authorization: `Bearer ${token}` };
          const claims: object = await (await own.fetch(`${issuer}/userinfo`, { headers })).json();
          return Object.keys(claims).toSorted();
        };
        return [await ask(first.access_token), await ask(body.access_token)];
      };
      const withoutGroups = ['email', 'sub'];
      expect(await known('bob')).toEqual([withoutGroups, withoutGroups]);
      const all = ['email', 'groups', 'sub'];
      expect(await known('eve')).toEqual([all, all]);
    } finally {
      await own.stop();
    }
  });
});

describe('RFC 6750 §3: refusals', () => {
  const challenge = (response: Response) => response.headers.get('www-authenticate');

  it('without a token: a challenge that names no error', async () => {
    const response = await world.fetch(`${issuer}/userinfo`);
    expect([response.status, challenge(response)]).toEqual([401, `Bearer realm="${issuer}"`]);
  });

  it('A28, A37, A57: anything but a valid access token is invalid_token', async () => {
    const { access_token: token = '', id_token: idToken, refresh_token: refreshToken } = await tokens();
    const [head = '', claims = '', signature = ''] = token.split('.');
    const odd = [
      'x',
      idToken,
      refreshToken,
      token.slice(0, -1),
      `${token}A`,
      token.toUpperCase(),
      `${head}.${claims}.`,
      `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${claims}.`,
      `${head}.${Buffer.from('{"sub":"u_eve"}').toString('base64url')}.${signature}`,
    ];
    for (const one of odd) {
      const response = await get(one);
      expect([one, response.status]).toEqual([one, 401]);
      expect(challenge(response)).toContain('error="invalid_token"');
    }
    for (const header of ['Bearer', 'Basic eDp5', `Bearer ${token} ${token}`, token]) {
      const response = await world.fetch(`${issuer}/userinfo`, { headers: { authorization: header } });
      expect([header, response.status]).toEqual([header, 401]);
    }
  });

  it('a token in the URL, or in two places, is invalid_request', async () => {
    const { access_token: token = '' } = await tokens();
    for (const [url, init] of [
      [`${issuer}/userinfo?access_token=${token}`, {}],
      [`${issuer}/userinfo?access_token=${token}`, bearer(token)],
      [
        `${issuer}/userinfo`,
        { method: 'POST', headers: { ...form, ...bearer(token).headers }, body: `access_token=${token}` },
      ],
      [`${issuer}/userinfo`, { method: 'POST', headers: form, body: `access_token=${token}&access_token=${token}` }],
    ] as const) {
      const response = await world.fetch(url, init);
      expect(response.status).toBe(400);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_request", /);
      expect(await response.json()).toMatchObject({ error: 'invalid_request' });
    }
  });

  it('without openid, or without a user: insufficient_scope', async () => {
    const { access_token: user } = await tokens({ scope: 'email' });
    const { body } = await world.token({ grant_type: 'client_credentials' }, 'shop.job', 'secret-of-shop.job');
    for (const token of [user, body.access_token]) {
      const response = await get(token);
      expect(response.status).toBe(403);
      expect(challenge(response)).toContain('error="insufficient_scope"');
    }
    expect(digestOf('x')).toHaveLength(43);
  });
});

describe('I10, F52, A27: what has ended is refused', () => {
  const ways: readonly [string, (token: string) => Promise<unknown>][] = [
    ['its grant', () => world.rows(`UPDATE grants SET ended_at = now()`)],
    ['its session', () => world.rows(`UPDATE sessions SET ended_at = now()`)],
    [
      'a revocation of the grant',
      () =>
        world.rows(
          `INSERT INTO revocations SELECT 'grant', id::text, now(), now() + interval '1 hour' FROM grants ON CONFLICT DO NOTHING`,
        ),
    ],
    [
      'a revocation of the subject',
      () =>
        world.rows(
          `INSERT INTO revocations SELECT DISTINCT 'subject', subject, now() + interval '1 second', now() + interval '1 hour' FROM grants ON CONFLICT DO NOTHING`,
        ),
    ],
    [
      'a revocation of the client',
      () =>
        world.rows(
          `INSERT INTO revocations VALUES ('client', 'shop.web', now() + interval '1 second', now() + interval '1 hour')`,
        ),
    ],
  ];
  it('two at once: the token, and its client', async () => {
    const { access_token: token = '' } = await tokens();
    const other = await tokens();
    const { jti } = decodeJwt(token);
    await world.rows(`INSERT INTO revocations VALUES ('token', $1, now(), now() + interval '1 hour')`, [jti]);
    await expect.poll(async () => (await get(token)).status, { interval: 50 }).toBe(401);
    expect((await get(other.access_token)).status).toBe(200);
    await world.rows(
      `INSERT INTO revocations VALUES ('client', 'shop.web', now() + interval '1 second', now() + interval '1 hour')`,
    );
    await expect.poll(async () => (await get(other.access_token)).status, { interval: 50 }).toBe(401);
    expect((await get(token)).status).toBe(401);
    await world.rows('DELETE FROM revocations');
    await world.stopReplicas();
    await world.startReplicas(1);
  });

  it.each(ways)('%s', async (_title, end) => {
    const { access_token: token = '' } = await tokens();
    expect((await get(token)).status).toBe(200);
    await end(token);
    await expect.poll(async () => (await get(token)).status, { interval: 50 }).toBe(401);
    await world.rows('DELETE FROM revocations');
    await world.stopReplicas();
    await world.startReplicas(1);
  });

  it('A33: a client that is withdrawn: its tokens are refused, at userinfo and at refresh', async () => {
    const given = await tokens({ client_id: 'shop.gone' });
    expect((await get(given.access_token)).status).toBe(200);
    await world.served({
      kind: 'client',
      id: 'shop.gone',
      owner: anOwner('shop.gone'),
      value: webApp('shop.gone'),
      withdrawn: true,
    });
    expect((await get(given.access_token)).status).toBe(401);
    expect((await world.token(refreshFields(given.refresh_token), 'shop.gone')).body.error).toBe('invalid_client');
  });
});
