import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gives, isFrontChannel } from '../../server/src/protocol/response-type.ts';
import type { ResponseType } from '../../server/src/protocol/terms.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aClient, anOwner, aScope } from '../support/builders.ts';
import { answered, leftHalf, membersOf, verified } from '../support/front-channel.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import {
  aDirectory,
  authorizePath,
  challenge,
  codeFields,
  issuer,
  refreshFields,
  verifier,
  World,
} from '../support/world.ts';

/** The seven response types in every mode: by page and in silence, and what of it holds afterwards. */
const rule = { name: 'staff alone', scopes: ['openid', 'profile', 'email', 'shop:api'], groups: ['staff'] };
const app = (id: string, more = {}) =>
  aClient(id)
    .everyResponseType()
    .with({ scopes: ['openid', 'profile', 'email', 'offline_access', 'shop:api'], ...more })
    .build();
let world: World;
beforeAll(async () => {
  world = await World.open({
    clients: [
      app('shop.web'),
      app('shop.other'),
      app('shop.spa', { token_endpoint_auth_method: 'none', client_secret_digests: [] }),
      app('shop.long', { access_token_lifetime: 3600 }),
      app('shop.short', { access_token_lifetime: 60 }),
      app('shop.wants', { id_token_claims: ['email'] }),
    ],
    scopes: [aScope('shop:api', { audiences: ['https://api.shop.example.com'] })],
    server: {
      response_types_supported: ['code', 'id_token', 'code id_token'],
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
    },
  });
});
afterAll(() => world?.stop());
let turn = 0;
let username = '';
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username, { groups: ['staff'] });
});
afterEach(() => {
  world.memory.down = false;
});

type Change = Readonly<Record<string, string | undefined>>;
const credentials = () => ({ username, password: `password-of-${username}`, 'sign-in': '1' });

/** To the end of the interaction, with a yes. */
async function byPage(browser: Browser, change: Change): Promise<Page> {
  const login = await browser.get(authorizePath(change));
  const consent = await browser.submit(login, credentials());
  return consent.name === 'consent' ? browser.submit(consent, { decision: 'allow' }) : consent;
}
const silently = (browser: Browser, change: Change) => browser.get(authorizePath({ ...change, prompt: 'none' }));
const userinfo = async (token: string | undefined) => {
  const response = await world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token ?? ''}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const issued = async () => [
  await world.count('authorization_codes', `outcome = 'issued'`),
  await world.count('grants'),
  await world.count('consents'),
  await world.count('refresh_tokens'),
];
const withoutProtocol = ({ state: _state, iss: _iss, ...members }: Readonly<Record<string, string>>) => members;

describe.each(answered)('response_type=%s, response_mode=%s', (response_type, response_mode) => {
  const asked = { response_type, response_mode };

  async function expectWhole(page: Page, clientId = 'shop.web'): Promise<Readonly<Record<string, string>>> {
    expect(page.mode).toBe(response_mode);
    const { response } = page;
    expect(response).toMatchObject({ state: 'the-state', iss: issuer });
    expect(Object.keys(withoutProtocol(response)).sort()).toEqual(membersOf(response_type));
    if (gives(response_type, 'token')) {
      expect(response).toMatchObject({ token_type: 'Bearer', expires_in: '300', scope: 'openid profile email' });
      const claims = await verified(world, response.access_token, 'access');
      expect(claims).toMatchObject({ client_id: clientId, aud: clientId, scope: 'openid profile email' });
    }
    if (gives(response_type, 'id_token')) {
      const claims = await verified(world, response.id_token, 'id');
      expect(claims).toMatchObject({ aud: clientId, nonce: 'the-nonce', sid: expect.any(String) as string });
      expect(claims.at_hash).toBe(gives(response_type, 'token') ? leftHalf(response.access_token ?? '') : undefined);
      expect(claims.c_hash).toBe(gives(response_type, 'code') ? leftHalf(response.code ?? '') : undefined);
      // OpenID Connect Core §5.4: without an access token the claims of the scopes are here, otherwise at userinfo.
      expect(claims.email).toBe(response_type === 'id_token' ? `${username}@example.com` : undefined);
    }
    return response;
  }

  it('allowed: by page, and then in silence, each parameter once', async () => {
    const browser = world.browser();
    const page = await byPage(browser, asked);
    expect(page.name).toBe(response_mode === 'form_post' ? 'form-post' : 'continue');
    const first = await expectWhole(page);
    const again = await silently(browser, asked);
    expect(again.name).toBe(response_mode === 'form_post' ? 'form-post' : 'left');
    const second = await expectWhole(again);
    for (const name of ['code', 'access_token']) {
      if (first[name] !== undefined) expect(second[name]).not.toBe(first[name]);
    }
  });

  it('the same sub and auth_time everywhere, and a refresh token from the token endpoint alone', async () => {
    const { response } = await byPage(world.browser(), { ...asked, scope: 'openid profile email offline_access' });
    expect(response).not.toHaveProperty('refresh_token');
    const told: Awaited<ReturnType<typeof verified>>[] = [];
    if (gives(response_type, 'token')) {
      told.push(await verified(world, response.access_token, 'access'));
      const { status, body } = await userinfo(response.access_token);
      expect(status).toBe(200);
      expect(body.email).toBe(`${username}@example.com`);
      told.push({ ...told[0], sub: String(body.sub) });
    }
    if (gives(response_type, 'id_token')) told.push(await verified(world, response.id_token, 'id'));
    if (gives(response_type, 'code')) {
      const { status, body } = await world.token(codeFields(response.code));
      expect(status).toBe(200);
      expect(body.refresh_token).toEqual(expect.any(String));
      told.push(await verified(world, body.id_token, 'id'), await verified(world, body.access_token, 'access'));
      expect(told.at(-2)).toMatchObject({ nonce: 'the-nonce' });
      expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
    }
    expect(new Set(told.map(({ sub, auth_time }) => `${sub} ${String(auth_time)}`)).size).toBe(1);
    const offline = gives(response_type, 'code') ? / offline_access$/ : /^(?!.*offline_access)/;
    for (const { scope } of told) if (scope !== undefined) expect(scope).toMatch(offline);
  });

  it('refused by a rule of the directory: access_denied in the same way, nothing issued, nothing stored', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [rule] }));
    try {
      world.memory.add(username, { groups: [] });
      const before = await issued();
      const browser = world.browser();
      const page = await byPage(browser, asked);
      expect(page.name).toBe('error:access_denied');
      const way = response_mode === 'form_post' ? await browser.get(page.link('back') ?? '') : page;
      expect(way.response).toEqual({
        error: 'access_denied',
        error_description: expect.any(String) as string,
        state: 'the-state',
        iss: issuer,
      });
      expect(await issued()).toEqual(before);
      // The yes was for nothing; asked in silence it is still none.
      const silent = await silently(browser, asked);
      expect(silent.mode).toBe(response_mode);
      expect(silent.response).toMatchObject({ error: 'consent_required', state: 'the-state', iss: issuer });
      expect(await issued()).toEqual(before);
    } finally {
      await declare();
    }
  });

  it('refused by a rule although remembered: in silence and on a page that says so', async () => {
    const browser = world.browser();
    await byPage(browser, asked);
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [rule] }));
    try {
      world.memory.add(username, { groups: [] });
      const before = await issued();
      const silent = await silently(browser, asked);
      expect(silent.mode).toBe(response_mode);
      expect(silent.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
      const page = await browser.get(authorizePath(asked));
      expect(page.name).toBe('error:access_denied');
      const way = response_mode === 'form_post' ? await browser.get(page.link('back') ?? '') : page;
      expect(way.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
      expect(await issued()).toEqual(before);
    } finally {
      await declare();
    }
  });

  it('I7: the directory is down: nothing issued, nothing stored, and "Try again" does what was wanted', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath(asked));
    const consent = await browser.submit(login, credentials());
    expect(consent.name).toBe('consent');
    const before = await issued();
    world.memory.down = true;
    const page = await browser.submit(consent, { decision: 'allow' });
    expect(page.name).toBe('error:temporarily_unavailable');
    expect(await issued()).toEqual(before);
    world.memory.down = false;
    const done = await browser.submit(page, {});
    await expectWhole(done);
    world.memory.down = true;
    const after = await issued();
    const silent = await silently(browser, asked);
    expect(silent.mode).toBe(response_mode);
    expect(silent.response).toMatchObject({ error: 'temporarily_unavailable', state: 'the-state', iss: issuer });
    expect(await issued()).toEqual(after);
  });

  it('No, and Cancel, are access_denied in the same way', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath(asked));
    const cancelled = await browser.submit(login, { cancel: '1' });
    expect(cancelled.mode).toBe(response_mode);
    expect(cancelled.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    const consent = await browser.submit(await browser.get(authorizePath(asked)), credentials());
    const denied = await browser.submit(consent, { decision: 'deny' });
    expect(denied.mode).toBe(response_mode);
    expect(denied.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
  });

  it('a form sent twice gets the one answer, and there is one grant', async () => {
    const browser = world.browser();
    const consent = await browser.submit(await browser.get(authorizePath(asked)), credentials());
    const before = await world.count('grants');
    const [first, second] = await Promise.all([
      browser.submit(consent, { decision: 'allow' }),
      browser.submit(consent, { decision: 'allow' }),
    ]);
    expect(second.response).toEqual(first.response);
    expect((await world.count('grants')) - before).toBe(isFrontChannel(response_type) ? 1 : 0);
  });

  it('a sign-in that answers at once: remembered yes, all in one statement', async () => {
    await byPage(world.browser(), asked);
    const other = world.browser();
    const page = await other.submit(await other.get(authorizePath(asked)), credentials());
    expect(page.name).toBe(response_mode === 'form_post' ? 'form-post' : 'continue');
    const response = await expectWhole(page);
    if (gives(response_type, 'id_token')) {
      const { auth_time } = await verified(world, response.id_token, 'id');
      const again = await silently(other, { ...asked, max_age: '1000' });
      expect((await verified(world, again.response.id_token, 'id')).auth_time).toBe(auth_time);
    }
  });

  it('a public client is answered alike', async () => {
    await expectWhole(await byPage(world.browser(), { ...asked, client_id: 'shop.spa' }), 'shop.spa');
  });
});

const front: readonly ResponseType[] = [
  'token',
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
];
const withToken = front.filter((type) => gives(type, 'token'));
const hybrid = front.filter((type) => gives(type, 'code'));

describe('what the front channel gives', () => {
  it.each(withToken)('%s: an access token of ten minutes at most, whatever the client has', async (response_type) => {
    for (const [client_id, expected] of [
      ['shop.long', 600],
      ['shop.web', 300],
      ['shop.short', 60],
    ] as const) {
      const { response } = await byPage(world.browser(), { response_type, client_id });
      expect(response.expires_in).toBe(String(expected));
      const { iat, exp } = await verified(world, response.access_token, 'access');
      expect(Number(exp) - Number(iat)).toBe(expected);
    }
  });

  it.each(front)('%s: the grant lives as long as what came with it', async (response_type) => {
    const before = Date.now() / 1000;
    const { response } = await byPage(world.browser(), { response_type, client_id: 'shop.long' });
    const [row] = await world.rows<{ at: number; lives: number; session_id: string | null; used: boolean }>(
      `SELECT extract(epoch FROM g.created_at)::bigint AS at, extract(epoch FROM g.expires_at - g.created_at)::int AS lives, g.session_id
        FROM grants g ORDER BY g.created_at DESC LIMIT 1`,
    );
    expect(row?.at).toBeGreaterThanOrEqual(Math.floor(before) - 5);
    const idToken = 300;
    expect(row?.lives).toBe((gives(response_type, 'token') ? 600 : idToken) + 60);
    expect(row?.session_id).toEqual(expect.any(String));
    expect(response.error).toBeUndefined();
  });

  it('the claims that a client always wants are in its ID token beside an access token', async () => {
    const { response } = await byPage(world.browser(), { response_type: 'id_token token', client_id: 'shop.wants' });
    const claims = await verified(world, response.id_token, 'id');
    expect([claims.email, claims.name]).toEqual([`${username}@example.com`, undefined]);
  });

  it.each(withToken)('%s: audiences as from the token endpoint', async (response_type) => {
    const { response } = await byPage(world.browser(), { response_type, scope: 'openid shop:api' });
    expect((await verified(world, response.access_token, 'access')).aud).toBe('https://api.shop.example.com');
  });

  it.each(withToken)('I10: %s: a session that ends takes the token along', async (response_type) => {
    const browser = world.browser();
    const { response } = await byPage(browser, { response_type });
    expect((await userinfo(response.access_token)).status).toBe(200);
    // Somebody else signs in with this browser.
    const other = await browser.submit(await browser.get(authorizePath({ prompt: 'login' })), { 'use-another': '1' });
    world.memory.add('grace');
    await browser.submit(other, { username: 'grace', password: 'password-of-grace', 'sign-in': '1' });
    await expect.poll(async () => (await userinfo(response.access_token)).status, { timeout: 10_000 }).toBe(401);
  });

  it.each(hybrid)(
    'I1: %s: a code that comes again ends its grant, the front-channel token included',
    async (response_type) => {
      const { response } = await byPage(world.browser(), { response_type });
      const first = await world.token(codeFields(response.code));
      expect(first.status).toBe(200);
      if (gives(response_type, 'token')) expect((await userinfo(response.access_token)).status).toBe(200);
      expect((await world.token(codeFields(response.code))).body.error).toBe('invalid_grant');
      for (const token of [response.access_token, first.body.access_token]) {
        if (token === undefined) continue;
        await expect.poll(async () => (await userinfo(token)).status, { timeout: 10_000 }).toBe(401);
      }
      expect((await world.token(refreshFields(first.body.refresh_token))).body.error).toBe('invalid_grant');
    },
  );

  it.each(hybrid)('%s: a grant that ended before its code was redeemed gives nothing more', async (response_type) => {
    const { response } = await byPage(world.browser(), { response_type });
    await world.rows(
      `UPDATE grants SET ended_at = now(), ended_reason = 'user' WHERE username = '${username}' AND ended_at IS NULL`,
    );
    const before = await world.count('refresh_tokens');
    expect((await world.token(codeFields(response.code))).body.error).toBe('invalid_grant');
    expect(await world.count('refresh_tokens')).toBe(before);
    expect(await world.count('grants', `username = '${username}' AND ended_at IS NULL`)).toBe(0);
  });

  it.each(hybrid)(
    'RFC 7636 §4.6: %s: the code is bound to its challenge, client and redirect URI',
    async (response_type) => {
      const { response } = await byPage(world.browser(), { response_type });
      const fields = codeFields(response.code);
      expect((await world.token({ ...fields, code_verifier: 'x'.repeat(43) })).body.error).toBe('invalid_grant');
      expect((await world.token({ ...fields, redirect_uri: 'https://shop.example.com/' })).body.error).toBe(
        'invalid_grant',
      );
      expect((await world.token(fields, 'shop.other')).body.error).toBe('invalid_grant');
      expect((await world.token(fields)).status).toBe(200);
    },
  );

  it.each(hybrid)('I1: %s: of fifty redemptions at once one wins', async (response_type) => {
    const { response } = await byPage(world.browser(), { response_type });
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.token(codeFields(response.code))));
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(answers.filter(({ body }) => body.error === 'invalid_grant').length).toBe(49);
  });

  it.each(hybrid)(
    '%s with offline_access: the code goes on after the session, what came with it does not',
    async (response_type) => {
      const browser = world.browser();
      const { response } = await byPage(browser, { response_type, scope: 'openid offline_access' });
      const { body } = await world.token(codeFields(response.code));
      await world.rows(`UPDATE sessions SET ended_at = now(), ended_reason = 'user' WHERE username = '${username}'`);
      expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
    },
  );

  it('a page that was read too long gives no token any more: it starts again', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [{ name: 'staff alone', scopes: ['email'], groups: ['staff'] }] }));
    try {
      world.memory.add(username, { groups: [] });
      for (const response_mode of ['fragment', 'form_post'] as const) {
        const browser = world.browser();
        const page = await byPage(browser, { response_type: 'id_token token', response_mode, prompt: 'consent' });
        expect(page.name).toBe('consent-partial');
        const read = await browser.get(page.link('continue') ?? '');
        expect(read.response).toMatchObject({ scope: 'openid profile' });
        await world.rows(
          `UPDATE authorization_codes SET expires_at = now() - interval '1 second' WHERE username = '${username}'`,
        );
        expect((await browser.get(page.link('continue') ?? '')).name).toBe('error:request_expired');
      }
    } finally {
      await declare();
    }
  });

  it('A16: the answer is for the browser that was asked, and for a minute', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ response_type: 'token' }));
    const consent = await browser.submit(login, credentials());
    const { headers } = await browser.postOnly(consent.form.action, { ...consent.form.fields, decision: 'allow' });
    const path = headers.get('location') ?? '';
    expect((await world.browser().get(path)).name).toBe('error:cookie_missing');
    const other = world.browser();
    await byPage(other, { response_type: 'token' });
    expect((await other.get(path)).name).toBe('error:request_expired');
    expect((await browser.get(path)).response.access_token).toEqual(expect.any(String));
    await world.rows(
      `UPDATE authorization_codes SET created_at = now() - interval '61 seconds' WHERE username = '${username}'`,
    );
    expect((await browser.get(path)).name).toBe('error:already_answered');
  });

  it('a user with too many unused answers gets no more for a minute', async () => {
    const browser = world.browser();
    await byPage(browser, { response_type: 'token' });
    for (let at = 1; at < 10; at++)
      expect((await silently(browser, { response_type: 'token' })).response.access_token).toBeTruthy();
    const refused = await silently(browser, { response_type: 'token' });
    expect(refused.response).toMatchObject({ error: 'temporarily_unavailable', state: 'the-state' });
    expect(refused.mode).toBe('fragment');
  });

  it('what left through the browser is told', async () => {
    const { response } = await byPage(world.browser(), { response_type: 'id_token token' });
    expect(response.id_token).toBeTruthy();
    const [row] = await world.rows<{ event: string; grant_type: string }>(
      `SELECT event, grant_type FROM audit WHERE user_name = '${username}' AND grant_type IS NOT NULL`,
    );
    expect(row).toEqual({ event: 'consent.given', grant_type: 'implicit' });
    const metrics = await (await fetch(`${world.servers[0]?.managementUrl ?? ''}/metrics`)).text();
    expect(metrics).toMatch(/nauthera_tokens_issued_total\{kind="access",format="jwt",grant_type="implicit"\} [1-9]/);
    expect(metrics).toMatch(/nauthera_tokens_issued_total\{kind="id",format="jwt",grant_type="implicit"\} [1-9]/);
    expect(metrics).toMatch(
      /nauthera_authorization_requests_total\{response_type="id_token token",outcome="success"\} [1-9]/,
    );
    expect(metrics).toMatch(
      /nauthera_authorization_requests_total\{response_type="id_token",outcome="access_denied"\} [1-9]/,
    );
  });

  it('the scope openid refused by a rule ends a request that wants an ID token', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [{ name: 'staff sign in', scopes: ['openid'], groups: ['staff'] }] }));
    try {
      world.memory.add(username, { groups: [] });
      const before = await issued();
      for (const response_type of ['id_token', 'id_token token', 'code id_token', 'code id_token token'] as const)
        expect((await byPage(world.browser(), { response_type })).name).toBe('error:access_denied');
      expect(await issued()).toEqual(before);
      expect((await byPage(world.browser(), { response_type: 'code token' })).name).toBe('consent-partial');
    } finally {
      await declare();
    }
  });

  it('RFC 8414 §2: metadata lists what policy allows, in both documents alike', async () => {
    const documents = ['openid-configuration', 'oauth-authorization-server'].map((name) =>
      world.fetch(`${issuer}/.well-known/${name}`),
    );
    const [first, second] = await Promise.all(documents.map(async (one) => (await one).text()));
    expect(second).toBe(first);
    expect(JSON.parse(first ?? '')).toMatchObject({
      response_types_supported: ['code', 'id_token', 'code id_token'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
    });
  });
});

describe('clients written by others', () => {
  const parameters = {
    redirect_uri: 'https://shop.example.com/cb',
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
  };
  const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };

  /** As the application's server gets the response: a URL, or the request that the form makes. */
  const arrival = (page: Page): URL | Request =>
    page.posted === undefined
      ? (page.wayOut as URL)
      : new Request(page.posted.action, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams(page.posted.fields).toString(),
        });
  async function answerTo(url: URL): Promise<URL | Request> {
    const browser = world.browser();
    const login = await browser.get(url.href);
    const consent = await browser.submit(login, credentials());
    return arrival(await browser.submit(consent, { decision: 'allow' }));
  }

  it.each(['fragment', 'form_post'])('openid-client: id_token by %s', async (response_mode) => {
    const configuration = await world.relyingParty();
    oidc.useIdTokenResponseType(configuration);
    const came = await answerTo(oidc.buildAuthorizationUrl(configuration, { ...parameters, response_mode }));
    const claims = await oidc.implicitAuthentication(configuration, came, 'the-nonce', { expectedState: 'the-state' });
    expect(claims).toMatchObject({ iss: issuer, aud: 'shop.web', email: `${username}@example.com` });
  });

  it.each(['fragment', 'form_post'])('openid-client: code id_token by %s', async (response_mode) => {
    const configuration = await world.relyingParty();
    oidc.useCodeIdTokenResponseType(configuration);
    const came = await answerTo(oidc.buildAuthorizationUrl(configuration, { ...parameters, ...pkce, response_mode }));
    const checks = { pkceCodeVerifier: verifier, expectedNonce: 'the-nonce', expectedState: 'the-state' };
    const tokens = await oidc.authorizationCodeGrant(configuration, came, checks);
    expect(tokens.claims()).toMatchObject({ iss: issuer, aud: 'shop.web', nonce: 'the-nonce' });
    expect(tokens.refresh_token).toBeTruthy();
  });

  it.each(['query', 'form_post'])('openid-client: code by %s', async (response_mode) => {
    const configuration = await world.relyingParty();
    const came = await answerTo(oidc.buildAuthorizationUrl(configuration, { ...parameters, ...pkce, response_mode }));
    const form = came instanceof Request ? new URL(`${came.url}?${await came.text()}`) : came;
    const checks = { pkceCodeVerifier: verifier, expectedNonce: 'the-nonce', expectedState: 'the-state' };
    expect((await oidc.authorizationCodeGrant(configuration, form, checks)).claims()).toMatchObject({
      aud: 'shop.web',
    });
  });

  it.each(['fragment', 'form_post'])(
    'oauth4webapi: code id_token by %s, c_hash and signature checked',
    async (response_mode) => {
      const server = await discovered();
      const client = { client_id: 'shop.web' };
      const url = new URL(authorizePath({ response_type: 'code id_token', response_mode }), issuer);
      const options = { [oauth.customFetch]: (target: string, init: object) => world.fetch(target, init) };
      const came = await oauth.validateCodeIdTokenResponse(
        server,
        client,
        await answerTo(url),
        'the-nonce',
        'the-state',
        undefined,
        options,
      );
      expect(came.get('code')).toBeTruthy();
    },
  );

  it.each(withToken)('oauth4webapi: the access token of %s at a resource server', async (response_type) => {
    const server = await discovered();
    const { response } = await byPage(world.browser(), { response_type, scope: 'openid shop:api' });
    const request = new Request('https://api.shop.example.com/', {
      headers: { authorization: `Bearer ${response.access_token ?? ''}` },
    });
    const options = { [oauth.customFetch]: (target: string, init: object) => world.fetch(target, init) };
    const claims = await oauth.validateJwtAccessToken(server, request, 'https://api.shop.example.com', options);
    expect(claims).toMatchObject({ client_id: 'shop.web', scope: 'openid shop:api' });
  });

  async function discovered(): Promise<oauth.AuthorizationServer> {
    const answer = await oauth.discoveryRequest(new URL(issuer), {
      [oauth.customFetch]: (target, init) => world.fetch(target, { headers: init.headers }),
    });
    return oauth.processDiscoveryResponse(new URL(issuer), answer);
  }
});
