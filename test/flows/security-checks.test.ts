/**
 * What independent reviewers ask of an authorization server: the checks of RFC 9700 (OAuth 2.0 Security Best Current
 * Practice) and of OAuch for servers, each by its name, against one server on which every flow is on.
 */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant, grantTypes, responseModes, responseTypes } from '../../server/src/protocol/terms.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aClient } from '../support/builders.ts';
import { ownClaims, signed, signingKey } from '../support/client-keys.ts';
import { askForDevice, basic, deviceApp, deviceFields, startDevice } from '../support/devices.ts';
import { introspect, postForm, revoke, userinfo } from '../support/tokens.ts';
import {
  authorize,
  authorizePath,
  codeFields,
  issuer,
  refreshFields,
  verifier,
  World,
  webApp,
} from '../support/world.ts';

const key = signingKey('ES256');
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const bye = 'https://shop.example.com/bye';
let world: World;
let url = '';
beforeAll(async () => {
  const phone = { redirect_uris: ['com.example.app:/cb'], consent: webApp().consent };
  world = await World.open({
    server: { grant_types_supported: [...grantTypes], response_types_supported: [...responseTypes] },
    clients: [
      aClient('shop.web')
        .everyResponseType()
        .with({ post_logout_redirect_uris: [bye] })
        .build(),
      aClient('shop.other').everyResponseType().build(),
      aClient('shop.long').everyResponseType().with({ access_token_lifetime: 3600 }).build(),
      aClient('shop.relaxed').with({ require_pkce: false }).build(),
      aClient('shop.phone').public().with(phone).build(),
      aClient('shop.post').with({ token_endpoint_auth_method: 'client_secret_post' }).build(),
      aClient('shop.keyed').withKeys(key.jwk).build(),
      aClient('job').machine('secret-of-job').build(),
      aClient('job.post')
        .machine('secret-of-job.post')
        .with({ token_endpoint_auth_method: 'client_secret_post' })
        .build(),
      aClient('job.keyed').machine('unused').withKeys(key.jwk).build(),
      deviceApp('tv.app'),
    ],
  });
  url = world.servers[0]?.url ?? '';
});
afterAll(() => world?.stop());

let people = 0;
function person(): string {
  const username = `reviewer${++people}`;
  world.memory.add(username);
  return username;
}
/** Somebody new, with what the application got. */
async function granted(change: Readonly<Record<string, string>> = {}, clientId = 'shop.web') {
  const browser = world.browser();
  const asked = { client_id: clientId, scope: 'openid email offline_access', ...change };
  const { code, ...response } = await authorize(browser, asked, person());
  const fields = codeFields(code);
  return { browser, code, response, fields, tokens: (await world.token(fields, clientId)).body };
}
const loginPage = (browser: Browser = world.browser()) => browser.get(authorizePath());
const getOnly = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${url}${path}`, { redirect: 'manual', headers });
const ask = (path: string, fields: Readonly<Record<string, string>>, headers = {}) =>
  postForm(world, path, fields, headers);
interface Metadata {
  readonly response_types_supported: readonly string[];
  readonly response_modes_supported: readonly string[];
  readonly grant_types_supported: readonly string[];
  readonly [member: string]: unknown;
}
const document = async () => (await (await getOnly('/.well-known/openid-configuration')).json()) as Metadata;
const errorOf = (page: Page) => page.response.error;

type Checks = Readonly<Record<string, () => Promise<void>>>;
const describeChecks = (title: string, checks: Checks) =>
  describe(title, () => {
    for (const [name, check] of Object.entries(checks)) it(name, check);
  });

describeChecks('RFC 9700 §2.1, §4.1, §4.11: redirects', {
  'a redirect URI is compared whole': async () => {
    for (const other of ['/cb/', '/cb?x=1', '/CB', '/cb/../cb', '/cb%2f', '/c', '/cb;a', '/cb#x']) {
      const response = await getOnly(authorizePath({ redirect_uri: `https://shop.example.com${other}` }));
      expect([other, response.status, response.headers.get('location')]).toEqual([other, 400, null]);
    }
  },
  'no open redirect: neither Host nor forwarded headers name where anything leads': async () => {
    const evil = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    for (const path of [authorizePath(), '/logout', '/device', '/account', '/.well-known/openid-configuration']) {
      const response = await getOnly(path, evil);
      const all = JSON.stringify([...response.headers]) + (await response.text());
      expect([path, all.includes('evil')]).toEqual([path, false]);
    }
  },
  'no open redirect: a stranger’s post_logout_redirect_uri leads nowhere': async () => {
    const { browser, tokens } = await granted();
    const sent = { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: 'https://evil.example/' };
    const page = await browser.get(`/logout?${new URLSearchParams(sent).toString()}`);
    expect([page.wayOut, page.html.includes('evil')]).toEqual([undefined, false]);
  },
  'an error for an unknown redirect URI stays with us, in each response type': async () => {
    for (const response_type of [...responseTypes, 'nonsense']) {
      const path = authorizePath({ redirect_uri: 'https://evil.example/cb', response_type });
      expect([response_type, (await getOnly(path)).headers.get('location')]).toEqual([response_type, null]);
    }
  },
  '§4.12: 303 after each form, and never 307 or 308': async () => {
    const browser = world.browser();
    const login = await loginPage(browser);
    const fields = { ...login.form.fields, username: person(), 'sign-in': '1' };
    const wrong = await browser.postOnly(login.form.action, { ...fields, password: 'wrong' });
    const right = await browser.postOnly(login.form.action, {
      ...fields,
      password: `password-of-${fields.username}`,
    });
    const consent = await browser.get(right.headers.get('location') ?? '');
    const allow = await browser.postOnly(consent.form.action, { ...consent.form.fields, decision: 'allow' });
    const request = await browser.postOnly(
      '/authorize',
      Object.fromEntries(new URL(authorizePath(), issuer).searchParams),
    );
    expect([wrong, right, allow, request].map(({ status }) => status)).toEqual([303, 303, 303, 303]);
  },
  '§4.1.3: the fragment of the page we came from does not travel on': async () => {
    const refused = await getOnly(authorizePath({ scope: 'nonsense' }));
    expect(refused.headers.get('location')).toMatch(/#_$/);
  },
});

describeChecks('RFC 9700 §4.2, §4.16: pages', {
  'referrer policy, no framing, no caching, no sniffing': async () => {
    const { browser } = await granted();
    const pages = [await loginPage(), await browser.get('/account'), await browser.get('/logout')];
    for (const { name, headers } of [...pages, await browser.get('/device')]) {
      expect([name, headers.get('referrer-policy')]).toEqual([name, 'no-referrer']);
      expect([name, headers.get('content-security-policy')]).toEqual([
        name,
        expect.stringContaining("frame-ancestors 'none'"),
      ]);
      expect([name, headers.get('x-frame-options')]).toEqual([name, 'DENY']);
      expect([name, headers.get('cache-control')]).toEqual([name, 'no-store']);
      expect([name, headers.get('x-content-type-options')]).toEqual([name, 'nosniff']);
      expect([name, headers.get('strict-transport-security')]).toEqual([name, 'max-age=31536000']);
    }
  },
  'cookies are Secure, HttpOnly, SameSite and bound to the host': async () => {
    const browser = world.browser();
    const login = await loginPage(browser);
    const username = person();
    const fields = { ...login.form.fields, username, password: `password-of-${username}`, 'sign-in': '1' };
    const answers = [await getOnly(authorizePath()), await browser.postOnly(login.form.action, fields)];
    const cookies = answers.flatMap(({ headers }) => headers.getSetCookie());
    expect(cookies.length).toBeGreaterThanOrEqual(2);
    for (const cookie of cookies) {
      for (const part of [/^__Host-/, /; Secure(;|$)/, /; HttpOnly(;|$)/, /; SameSite=(Lax|Strict)(;|$)/]) {
        expect(cookie).toMatch(part);
      }
    }
  },
  'the authorization endpoint answers no other origin': async () => {
    const { headers } = await getOnly(authorizePath(), { origin: 'https://shop.example.com' });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  },
  'a public client with a private-use scheme is never passed without a question': async () => {
    const browser = world.browser();
    const asked = { client_id: 'shop.phone', redirect_uri: 'com.example.app:/cb', scope: 'openid' };
    await authorize(browser, asked, person());
    expect((await browser.get(authorizePath(asked))).name).toBe('consent');
    expect(errorOf(await browser.get(authorizePath({ ...asked, prompt: 'none' })))).toBe('consent_required');
  },
});

describeChecks('RFC 9700 §2.1.1, §4.8: PKCE', {
  'is required, of public clients always': async () => {
    const none = { scope: 'openid', code_challenge: undefined, code_challenge_method: undefined };
    for (const client of [
      { client_id: 'shop.web' },
      { client_id: 'shop.phone', redirect_uri: 'com.example.app:/cb' },
    ]) {
      expect(errorOf(await world.browser().get(authorizePath({ ...client, ...none })))).toBe('invalid_request');
    }
  },
  'plain is refused, named or not': async () => {
    for (const code_challenge_method of ['plain', undefined]) {
      const change = { code_challenge: verifier, code_challenge_method };
      expect(errorOf(await world.browser().get(authorizePath(change)))).toBe('invalid_request');
    }
  },
  'downgrade: a code with a challenge wants its verifier, one without wants none': async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid' }, person());
    const { code_verifier: _none, ...without } = codeFields(code);
    expect((await world.token(without)).body.error).toBe('invalid_grant');
    const unbound = {
      client_id: 'shop.relaxed',
      scope: 'openid',
      code_challenge: undefined,
      code_challenge_method: undefined,
    };
    const other = await authorize(world.browser(), unbound, person());
    expect((await world.token(codeFields(other.code), 'shop.relaxed')).body.error).toBe('invalid_grant');
  },
  'a wrong verifier is refused': async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid' }, person());
    const wrong = { ...codeFields(code), code_verifier: 'x'.repeat(43) };
    expect((await world.token(wrong)).body.error).toBe('invalid_grant');
  },
});

describeChecks('RFC 9700 §2.1.2, §4.5: codes and what comes through the browser', {
  'a code is short-lived: 60 s at most': async () => {
    await authorize(world.browser(), { scope: 'openid' }, person());
    const lives = `SELECT max(extract(epoch FROM expires_at - created_at))::int AS seconds FROM authorization_codes`;
    expect((await world.rows<{ seconds: number }>(lives))[0]?.seconds).toBeLessThanOrEqual(60);
  },
  'a code is bound to its client and its redirect URI': async () => {
    for (const [clientId, change] of [
      ['shop.other', {}],
      ['shop.web', { redirect_uri: 'https://shop.example.com/other' }],
      ['shop.web', { redirect_uri: '' }],
    ] as const) {
      const { code } = await authorize(world.browser(), { scope: 'openid' }, person());
      const { status, body } = await world.token({ ...codeFields(code), ...change }, clientId);
      expect([status, body.access_token]).toEqual([400, undefined]);
    }
  },
  'a code that comes again ends what it gave': async () => {
    const { fields, tokens } = await granted();
    expect((await world.token(fields)).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(tokens.refresh_token))).body.error).toBe('invalid_grant');
    await expect.poll(async () => (await userinfo(world, tokens.access_token)).status).toBe(401);
  },
  'RFC 9207: iss is in each response, errors too': async () => {
    const { response } = await granted();
    const denied = await world.browser().get(authorizePath({ scope: 'nonsense' }));
    const silent = await world.browser().get(authorizePath({ prompt: 'none', response_type: 'id_token token' }));
    expect([response.iss, denied.response.iss, silent.response.iss]).toEqual([issuer, issuer, issuer]);
  },
  'no token in a query: front-channel types refuse response_mode=query': async () => {
    for (const response_type of responseTypes.filter((type) => type !== 'code')) {
      const page = await world.browser().get(authorizePath({ response_type, response_mode: 'query' }));
      expect([response_type, page.mode, errorOf(page)]).toEqual([response_type, 'fragment', 'invalid_request']);
    }
  },
  'a front-channel access token lives ten minutes at most, and never has a refresh token beside it': async () => {
    const asked = { client_id: 'shop.long', response_type: 'code id_token token', scope: 'openid offline_access' };
    const response = await authorize(world.browser(), { ...asked, prompt: 'consent' }, person());
    expect(Number(response.expires_in)).toBeLessThanOrEqual(600);
    expect(response.refresh_token).toBeUndefined();
  },
  'an ID token from the authorization endpoint wants a nonce': async () => {
    for (const response_type of responseTypes.filter((type) => type.includes('id_token'))) {
      const page = await world.browser().get(authorizePath({ response_type, nonce: undefined }));
      expect([response_type, errorOf(page)]).toEqual([response_type, 'invalid_request']);
    }
  },
  'the password grant does not exist': async () => {
    const sent = { grant_type: 'password', username: 'ada', password: 'password-of-ada' };
    expect((await world.token(sent)).body.error).toBe('unsupported_grant_type');
  },
});

describeChecks('RFC 9700 §2.2, §4.14: tokens', {
  'an access token lives an hour at most by default': async () => {
    expect((await granted()).tokens.expires_in).toBeLessThanOrEqual(3600);
  },
  'a refresh token is rotated; its reuse ends the family': async () => {
    const { tokens } = await granted();
    const second = (await world.token(refreshFields(tokens.refresh_token))).body;
    expect(second.refresh_token).not.toBe(tokens.refresh_token);
    const third = (await world.token(refreshFields(second.refresh_token))).body;
    await world.rows(`UPDATE refresh_tokens SET used_at = used_at - interval '1 hour' WHERE used_at IS NOT NULL`);
    for (const { refresh_token } of [tokens, second, third]) {
      expect((await world.token(refreshFields(refresh_token))).body.error).toBe('invalid_grant');
    }
    await expect.poll(async () => (await userinfo(world, third.access_token)).status).toBe(401);
  },
  'a refresh token is bound to its client, and gives no wider scope': async () => {
    const { tokens } = await granted();
    expect((await world.token(refreshFields(tokens.refresh_token), 'shop.other')).body.error).toBe('invalid_grant');
    const wider = { ...refreshFields(tokens.refresh_token), scope: 'openid email profile' };
    expect((await world.token(wider)).body.error).toBe('invalid_scope');
  },
  'an access token says what it is and for whom; an ID token too': async () => {
    const { tokens } = await granted();
    expect(decodeProtectedHeader(tokens.access_token ?? '').typ).toBe('at+jwt');
    expect(decodeProtectedHeader(tokens.id_token ?? '').typ).toBe('JWT');
    const access = decodeJwt(tokens.access_token ?? '');
    expect([access.iss, access.aud, typeof access.jti]).toEqual([issuer, 'shop.web', 'string']);
  },
  'kinds are not interchangeable': async () => {
    const { tokens } = await granted();
    expect((await userinfo(world, tokens.id_token)).status).toBe(401);
    expect((await userinfo(world, tokens.refresh_token)).status).toBe(401);
    expect((await world.token(refreshFields(tokens.access_token))).body.error).toBe('invalid_grant');
    expect((await world.token(codeFields(tokens.refresh_token))).body.error).toBe('invalid_grant');
    expect((await introspect(world, tokens.id_token, 'shop.web')).body).toEqual({ active: false });
  },
  'a token in the query is refused': async () => {
    const { tokens } = await granted();
    const { status, headers } = await getOnly(`/userinfo?access_token=${tokens.access_token ?? ''}`);
    expect([status, headers.get('www-authenticate')]).toEqual([400, expect.stringContaining('invalid_request')]);
  },
  'a client is never taken for a user: no id is a subject': async () => {
    const { body } = await world.token({ grant_type: 'client_credentials' }, 'job');
    expect(decodeJwt(body.access_token ?? '')).toMatchObject({ sub: 'job', client_id: 'job' });
    expect(body).not.toHaveProperty('refresh_token');
    const { tokens } = await granted();
    expect(decodeJwt(tokens.access_token ?? '').sub).toMatch(/^u_/);
    const named = { ...aClient('u_client').build() };
    await expect(
      world.declare({
        kind: 'client',
        id: 'u_client',
        owner: { source: 'test', namespace: 'x', name: 'x', uid: 'x' },
        value: named,
      }),
    ).rejects.toThrow();
  },
  'answers with tokens are never stored': async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid' }, person());
    const { headers } = await world.token(codeFields(code));
    expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
  },
});

describeChecks('RFC 9700 §2.5, RFC 6749 §2.3: clients', {
  'credentials in the URL are refused, at each endpoint that takes some': async () => {
    for (const path of ['/token', '/revoke', '/introspect', '/device_authorization']) {
      const query = '?client_id=job&client_secret=secret-of-job';
      const { status, text } = await ask(`${path}${query}`, { grant_type: 'client_credentials', token: 'x' });
      expect([path, status, text.includes('invalid_')]).toEqual([path, status === 401 ? 401 : 400, true]);
    }
  },
  'two ways at once are refused': async () => {
    const both = { grant_type: 'client_credentials', client_id: 'job', client_secret: 'secret-of-job' };
    const { status, body } = await ask('/token', both, basic('job'));
    expect([status >= 400, body.access_token]).toEqual([true, undefined]);
    const keyed = {
      grant_type: 'client_credentials',
      client_assertion_type: assertionType,
      client_assertion: await signed(key, ownClaims('job.keyed', issuer)),
    };
    expect((await ask('/token', keyed, basic('job'))).status).toBeGreaterThanOrEqual(400);
  },
  'a way that is not registered is refused, with the right secret too': async () => {
    const posted = { grant_type: 'client_credentials', client_id: 'job', client_secret: 'secret-of-job' };
    expect((await ask('/token', posted)).body.error).toBe('invalid_client');
    expect((await world.token({ grant_type: 'client_credentials' }, 'job.post')).body.error).toBe('invalid_client');
  },
  'the token endpoint takes POST alone, and each parameter once': async () => {
    const got = await getOnly('/token?grant_type=client_credentials', basic('job'));
    expect([404, 405]).toContain(got.status);
    const twice = await postForm(world, '/token', 'grant_type=client_credentials&scope=a&scope=b', basic('job'));
    expect([twice.status, twice.body.error]).toEqual([400, 'invalid_request']);
  },
  'a signed assertion is for us, soon over, and good once': async () => {
    const post = async (claims: object) =>
      (
        await ask('/token', {
          grant_type: 'client_credentials',
          client_assertion_type: assertionType,
          client_assertion: await signed(key, { ...ownClaims('job.keyed', issuer), ...claims }),
        })
      ).status;
    const now = Math.floor(Date.now() / 1000);
    expect(await post({})).toBe(200);
    const jti = 'the-same-twice';
    expect([await post({ jti }), await post({ jti })]).toEqual([200, 401]);
    for (const change of [{ aud: 'https://evil.example' }, { iss: 'job' }, { sub: 'job' }, { exp: now - 120 }]) {
      expect([change, await post(change)]).toEqual([change, 401]);
    }
    expect(await post({ jti: undefined })).toBe(401);
  },
  'RFC 7009 §2.1, RFC 7662 §2.1: strangers revoke and learn nothing': async () => {
    const { tokens } = await granted();
    expect((await ask('/introspect', { token: tokens.access_token ?? '' })).status).toBe(401);
    expect((await ask('/revoke', { token: tokens.access_token ?? '' })).status).toBe(401);
    expect((await introspect(world, tokens.access_token, 'job')).body).toEqual({ active: false });
    expect((await revoke(world, tokens.access_token, 'shop.other')).status).toBe(200);
    expect((await userinfo(world, tokens.access_token)).status).toBe(200);
  },
});

describeChecks('RFC 8628 §5: devices', {
  'a code is 43 characters, a user code 8 places of 20 letters': async () => {
    const { device_code, user_code } = await startDevice(world);
    expect(device_code).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  },
  'the complete address still asks': async () => {
    const device = await startDevice(world);
    const { browser } = await granted();
    const page = await browser.get(
      new URL(device.verification_uri_complete).pathname + new URL(device.verification_uri_complete).search,
    );
    expect(page.name).toBe('device-confirm');
    expect((await world.token(deviceFields(device.device_code), 'tv.app')).body.error).toBe('authorization_pending');
  },
  'no other client takes its tokens': async () => {
    const device = await startDevice(world);
    const { body } = await world.token(deviceFields(device.device_code), 'shop.web');
    expect(['invalid_grant', 'unauthorized_client']).toContain(body.error);
  },
});

/** What the document says, and what happens to whoever believes it. */
describe('RFC 8414 §2: the metadata is true', () => {
  it('each published endpoint answers', async () => {
    const all = await document();
    const names = Object.keys(all).filter((name) => name.endsWith('_endpoint') || name === 'jwks_uri');
    expect(names.length).toBeGreaterThanOrEqual(8);
    for (const name of names) {
      const path = new URL(String(all[name])).pathname;
      const [got, posted] = [await getOnly(path), (await ask(path, { x: '1' })).status];
      expect([name, got.status === 404 && posted === 404]).toEqual([name, false]);
      expect([name, got.status < 500 && posted < 500]).toEqual([name, true]);
    }
  });

  it('each published response type is answered in each published mode that it may have; no other type is', async () => {
    const { response_types_supported: types, response_modes_supported: modes } = await document();
    expect(types.toSorted()).toEqual([...responseTypes].sort());
    expect(modes.toSorted()).toEqual([...responseModes].sort());
    for (const response_type of types) {
      for (const response_mode of modes) {
        const asked = { response_type, response_mode, scope: 'openid email' };
        if (response_mode === 'query' && response_type !== 'code') continue;
        const response = await authorize(world.browser(), asked, person());
        const given = [response.code, response.access_token, response.id_token].filter((one) => one !== undefined);
        expect([response_type, response_mode, given.length]).toEqual([
          response_type,
          response_mode,
          response_type.split(' ').length,
        ]);
      }
    }
    for (const response_type of ['none', 'code none', 'device', 'CODE', 'code code']) {
      const page = await world.browser().get(authorizePath({ response_type }));
      expect([response_type, errorOf(page)]).toEqual([response_type, 'unsupported_response_type']);
    }
    const page = await world.browser().get(authorizePath({ response_mode: 'jwt' }));
    expect(errorOf(page)).toBe('invalid_request');
  });

  it('each published grant type gives tokens; no other does', async () => {
    const { grant_types_supported: types } = await document();
    expect(types.toSorted()).toEqual([...grantTypes].sort());
    const { tokens, browser } = await granted();
    const device = await startDevice(world);
    const page = await browser.get(`/device?user_code=${device.user_code}`);
    await browser.submit(page, { decision: 'allow' });
    const fresh = await authorize(browser, { scope: 'openid email' });
    const implicit = await authorize(browser, { scope: 'openid email', response_type: 'token' });
    const proofs: Readonly<Record<string, () => Promise<number>>> = {
      authorization_code: async () => (await world.token(codeFields(fresh.code))).status,
      implicit: async () => (await userinfo(world, implicit.access_token)).status,
      refresh_token: async () => (await world.token(refreshFields(tokens.refresh_token))).status,
      client_credentials: async () => (await world.token({ grant_type: 'client_credentials' }, 'job')).status,
      [deviceCodeGrant]: async () => (await world.token(deviceFields(device.device_code), 'tv.app')).status,
    };
    for (const type of types) expect([type, await proofs[type]?.()]).toEqual([type, 200]);
    for (const grant_type of [
      'password',
      'implicit',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:openid:params:grant-type:ciba',
    ]) {
      expect([grant_type, (await world.token({ grant_type })).body.error]).toEqual([
        grant_type,
        'unsupported_grant_type',
      ]);
    }
  });

  it('each published way to prove who one is works at each endpoint that takes it; no other does', async () => {
    const all = await document();
    const assertion = async () => ({
      client_id: 'job.keyed',
      client_assertion_type: assertionType,
      client_assertion: await signed(key, ownClaims('job.keyed', issuer)),
    });
    const proofs: Readonly<Record<string, () => Promise<[Record<string, string>, Record<string, string>]>>> = {
      client_secret_basic: () => Promise.resolve([{}, { ...basic('job') }]),
      client_secret_post: () => Promise.resolve([{ client_id: 'job.post', client_secret: 'secret-of-job.post' }, {}]),
      private_key_jwt: async () => [await assertion(), {}],
      none: () => Promise.resolve([{ client_id: 'shop.phone' }, {}]),
    };
    const endpoints = [
      ['token', '/token', { grant_type: 'client_credentials' }],
      ['introspection', '/introspect', { token: 'x' }],
      ['revocation', '/revoke', { token: 'x' }],
    ] as const;
    for (const [name, path, fields] of endpoints) {
      const methods = all[`${name}_endpoint_auth_methods_supported`] as readonly string[];
      expect(methods.length).toBeGreaterThanOrEqual(3);
      for (const [method, proof] of Object.entries(proofs)) {
        const [more, headers] = await proof();
        const { status, body } = await ask(path, { ...fields, ...more }, headers);
        // A public client is known at the token endpoint, and may not act for itself.
        const known = method === 'none' && name === 'token' ? body.error === 'unauthorized_client' : status === 200;
        expect([name, method, known]).toEqual([name, method, methods.includes(method)]);
      }
      expect(methods).not.toContain('client_secret_jwt');
      expect(methods).not.toContain('tls_client_auth');
    }
  });

  it('S256 is the one challenge method, RS256 is served, and what is not supported is refused by its name', async () => {
    const all = await document();
    expect(all.code_challenge_methods_supported).toEqual(['S256']);
    expect(all.id_token_signing_alg_values_supported).toContain('RS256');
    expect(all.id_token_signing_alg_values_supported).not.toContain('none');
    expect([all.request_parameter_supported, all.request_uri_parameter_supported]).toEqual([false, false]);
    const refused = async (change: Readonly<Record<string, string>>) =>
      errorOf(await world.browser().get(authorizePath(change)));
    expect(await refused({ request: 'x.y.z' })).toBe('request_not_supported');
    expect(await refused({ request_uri: 'https://shop.example.com/r' })).toBe('request_uri_not_supported');
    expect(await refused({ registration: '{}' })).toBe('registration_not_supported');
    expect(all).not.toHaveProperty('registration_endpoint');
    expect(all).not.toHaveProperty('pushed_authorization_request_endpoint');
  });

  it('where no policy allows a flow, it is neither published nor served', async () => {
    const plain = await World.open({
      clients: [webApp(), deviceApp('tv.app', { grant_types: ['refresh_token', deviceCodeGrant] })],
    });
    try {
      const response = await plain.fetch(`${issuer}/.well-known/openid-configuration`);
      const all = (await response.json()) as Readonly<Record<string, unknown>>;
      expect(all.response_types_supported).toEqual(['code']);
      expect(all.grant_types_supported).toEqual(['authorization_code', 'refresh_token', 'client_credentials']);
      expect(all).not.toHaveProperty('device_authorization_endpoint');
      for (const response_type of responseTypes.filter((type) => type !== 'code')) {
        const page = await plain.browser().get(authorizePath({ response_type }));
        expect([response_type, errorOf(page)]).toEqual([response_type, 'unauthorized_client']);
      }
      expect((await askForDevice(plain, { scope: 'openid' }, basic('shop.web'))).status).toBe(400);
    } finally {
      await plain.stop();
    }
  });
});
