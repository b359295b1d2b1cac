/** What stands in the tokens that a whole flow gives, member by member (OpenID Connect Core §2, RFC 9068 §2). */
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient, aScope } from '../support/builders.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, World, webApp } from '../support/world.ts';

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.web', { scopes: ['openid', 'profile', 'email', 'groups', 'offline_access', 'shop:read'] }),
      webApp('shop.kube', { id_token_claims: ['groups', 'email'], id_token_signed_response_alg: 'ES256' }),
      aClient('shop.job').machine('secret-of-shop.job').build(),
    ],
    scopes: [aScope('shop:read', { audiences: ['https://api.shop.example'] })],
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username, { groups: ['staff', 'eng'] });
});

type Change = Readonly<Record<string, string | undefined>>;
async function tokens(change: Change = {}, browser = world.browser()) {
  const { code } = await authorize(browser, change, username);
  const { body } = await world.token(codeFields(code), change.client_id);
  return { ...body, idToken: decodeJwt(body.id_token ?? ''), accessToken: decodeJwt(body.access_token ?? '') };
}
const verified = async (token: string | undefined) => {
  const keys = (await (await world.fetch(`${issuer}/jwks`)).json()) as JSONWebKeySet;
  return jwtVerify(token ?? '', createLocalJWKSet(keys), { issuer });
};
const members = (claims: object) => Object.keys(claims).toSorted();

describe('the ID token', () => {
  it('says what was asked and nothing else: scope claims are for userinfo', async () => {
    const { id_token: token, idToken } = await tokens({ scope: 'openid profile email groups' });
    expect(members(idToken)).toEqual(['aud', 'auth_time', 'exp', 'iat', 'iss', 'nonce', 'sid', 'sub']);
    expect(idToken).toMatchObject({ iss: issuer, aud: 'shop.web', nonce: 'the-nonce' });
    expect(idToken.sub).toMatch(/^u_[A-Za-z0-9_-]{43}$/);
    expect((idToken.exp ?? 0) - (idToken.iat ?? 0)).toBe(300);
    expect(decodeProtectedHeader(token ?? '')).toEqual({ alg: 'RS256', typ: 'JWT', kid: expect.any(String) });
    await verified(token);
  });

  it('holds a nonce only when one was sent', async () => {
    expect((await tokens({ nonce: undefined })).idToken.nonce).toBeUndefined();
    const odd = 'n-0S6_WzA2Mj "<ü>';
    expect((await tokens({ nonce: odd })).idToken.nonce).toBe(odd);
  });

  it('takes the claims that the registration wants there, of what was granted, signed as it says', async () => {
    const all = await tokens({ client_id: 'shop.kube', scope: 'openid email groups' });
    expect(all.idToken).toMatchObject({ groups: ['staff', 'eng'], email: `${username}@example.com` });
    expect(all.idToken).not.toHaveProperty('email_verified');
    expect(decodeProtectedHeader(all.id_token ?? '').alg).toBe('ES256');
    const fewer = await tokens({ client_id: 'shop.kube', scope: 'openid groups' });
    expect([fewer.idToken.groups, fewer.idToken.email]).toEqual([['staff', 'eng'], undefined]);
  });

  it('auth_time is there with max_age, is that of the sign-in, and newer after the next one', async () => {
    const browser = world.browser();
    const first = await tokens({ max_age: '1000' }, browser);
    await world.rows(
      `UPDATE sessions SET auth_time = auth_time - interval '100 seconds' WHERE username = '${username}'`,
    );
    const later = await tokens({ max_age: '1000' }, browser);
    expect((first.idToken.auth_time as number) - (later.idToken.auth_time as number)).toBe(100);
    expect(later.idToken.sid).toBe(first.idToken.sid);
    const again = await tokens({ max_age: '10' }, browser);
    expect(again.idToken.auth_time).toBeGreaterThan((later.idToken.auth_time as number) + 90);
    const refreshed = decodeJwt((await world.token(refreshFields(later.refresh_token))).body.id_token ?? '');
    expect(refreshed.auth_time).toBe(later.idToken.auth_time);
  });

  it('without openid there is none', async () => {
    const { code } = await authorize(world.browser(), { scope: 'profile' }, username);
    const { status, body } = await world.token(codeFields(code));
    expect([status, body.id_token, body.scope]).toEqual([200, undefined, 'profile']);
  });
});

describe('RFC 9068 §2: the access token', () => {
  it('of a user', async () => {
    const { access_token: token, accessToken, idToken } = await tokens({ scope: 'openid shop:read' });
    expect(members(accessToken)).toEqual(
      ['aud', 'auth_time', 'client_id', 'exp', 'grant_id', 'iat', 'iss', 'jti', 'scope', 'sid', 'sub'].toSorted(),
    );
    expect(accessToken).toMatchObject({
      iss: issuer,
      sub: idToken.sub,
      aud: 'https://api.shop.example',
      client_id: 'shop.web',
      scope: 'openid shop:read',
      sid: idToken.sid,
    });
    expect(decodeProtectedHeader(token ?? '')).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    await verified(token);
    const info = await world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    expect(await info.json()).toEqual({ sub: idToken.sub });
  });

  it('of a client: its subject is its id, and no user can have it', async () => {
    const { body } = await world.token({ grant_type: 'client_credentials' }, 'shop.job');
    const claims = decodeJwt(body.access_token ?? '');
    expect(members(claims)).toEqual(['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'sub']);
    expect([claims.sub, claims.client_id]).toEqual(['shop.job', 'shop.job']);
    expect((await tokens()).idToken.sub).toMatch(/^u_/);
  });
});

describe('what is handed out', () => {
  it('prompt=consent is accepted with offline_access, whose grant is of no session', async () => {
    const { accessToken, refresh_token: token } = await tokens({
      scope: 'openid offline_access',
      prompt: 'consent',
    });
    expect(token).toBeDefined();
    expect(accessToken.sid).toBeUndefined();
  });

  it('codes and refresh tokens have 256 bits, and none comes twice', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const handles = new Set<string>();
    for (let round = 0; round < 9; round++) {
      const page = await browser.get(authorizePath({ prompt: 'none' }));
      const code = page.leftTo?.searchParams.get('code') ?? '';
      const { body } = await world.token(codeFields(code));
      for (const handle of [code, body.refresh_token ?? '']) {
        expect(handle).toMatch(/^[A-Za-z0-9_-]{43}$/);
        handles.add(handle);
      }
    }
    expect(handles.size).toBe(18);
  });
});
