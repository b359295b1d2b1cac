import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gives, isFrontChannel } from '../../server/src/protocol/response-type.ts';
import { passwordContext, type ResponseType, responseTypes } from '../../server/src/protocol/terms.ts';
import { aClient, aScope } from '../support/builders.ts';
import { authorize, authorizePath, codeFields, issuer, verifier, World } from '../support/world.ts';

const orders = 'https://orders.example';
let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  const scopes = ['openid', 'profile', 'email', 'offline_access', 'orders:read', 'billing:read'];
  world = await World.open({
    clients: [aClient().everyResponseType().with({ scopes }).build()],
    scopes: [
      aScope('orders:read', { audiences: [orders] }),
      aScope('billing:read', { audiences: ['https://billing.example'] }),
    ],
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

type Change = Readonly<Record<string, string | undefined>>;
const asked: Change = {
  scope: 'openid profile orders:read billing:read',
  claims: JSON.stringify({ userinfo: { email: null }, id_token: { email_verified: null, acr: { essential: true } } }),
  resource: orders,
};

const userinfo = async (token: string | undefined) => {
  const headers = { authorization: `Bearer ${token ?? ''}` };
  return (await (await world.fetch(`${issuer}/userinfo`, { headers })).json()) as Record<string, unknown>;
};

const types = (word: 'code' | 'token' | 'id_token') =>
  responseTypes.filter((type) => gives(type, word)).map((type): [ResponseType] => [type]);

describe('what is asked holds for what the authorization endpoint gives, and for what comes after it', () => {
  it.each(types('id_token'))('%s: claims by name and acr in its ID token', async (response_type) => {
    const { id_token: token = '' } = await authorize(world.browser(), { ...asked, response_type }, username);
    expect(decodeJwt(token)).toMatchObject({ email_verified: false, acr: passwordContext });
    // Scope claims are in the ID token only where nobody can ask for them elsewhere.
    expect('name' in decodeJwt(token)).toBe(response_type === 'id_token');
    // Asked of the userinfo endpoint, also where there is none to ask.
    expect(decodeJwt(token)).not.toHaveProperty('email');
  });

  it.each(types('token'))('%s: the resource in its access token, the claims at userinfo', async (response_type) => {
    const { access_token: token = '' } = await authorize(world.browser(), { ...asked, response_type }, username);
    expect(decodeJwt(token).aud).toBe(orders);
    expect(await userinfo(token)).toMatchObject({ email: `${username}@example.com`, name: `${username} of the shop` });
  });

  it.each(types('code'))('%s: and all of it behind its code', async (response_type) => {
    const { code } = await authorize(world.browser(), { ...asked, response_type }, username);
    const { body } = await world.token(codeFields(code));
    expect(decodeJwt(body.access_token ?? '').aud).toBe(orders);
    expect(decodeJwt(body.id_token ?? '')).toMatchObject({ email_verified: false, acr: passwordContext });
    expect(await userinfo(body.access_token)).toMatchObject({ email: `${username}@example.com` });
  });

  it.each(responseTypes.map((type): [ResponseType] => [type]))('%s: a hint, silently', async (response_type) => {
    const browser = world.browser();
    const { code } = await authorize(browser, { scope: 'openid profile email' }, username);
    const hint = (await world.token(codeFields(code))).body.id_token;
    const silent = { response_type, prompt: 'none', id_token_hint: hint };
    expect((await browser.get(authorizePath(silent))).response.error).toBeUndefined();
    world.memory.add('grace');
    const other = world.browser();
    await authorize(other, { scope: 'openid profile email' }, 'grace');
    const page = await other.get(authorizePath(silent));
    expect([page.mode, page.response.error]).toEqual([
      isFrontChannel(response_type) ? 'fragment' : 'query',
      'login_required',
    ]);
  });
});

describe('what cannot be is told in the mode of the answer', () => {
  const refused: readonly [Change, string][] = [
    [{ claims: '{' }, 'invalid_request'],
    [{ claims: '{"userinfo":{"email":{"value":"\\u0000"}}}' }, 'invalid_request'],
    [{ claims: '{"id_token":{"acr":{"essential":true,"value":"x"}}}' }, 'unmet_authentication_requirements'],
    [{ resource: 'https://elsewhere.example' }, 'invalid_target'],
    [{ id_token_hint: 'x' }, 'invalid_request'],
    [{ prompt: 'create' }, 'invalid_request'],
    [{ prompt: 'none select_account' }, 'invalid_request'],
    [{ request: 'x' }, 'request_not_supported'],
    [{ request_uri: 'https://x' }, 'request_uri_not_supported'],
    [{ registration: '{}' }, 'registration_not_supported'],
  ];
  const modes: readonly Change[] = [
    { response_type: 'code' },
    { response_type: 'code', response_mode: 'fragment' },
    { response_type: 'code', response_mode: 'form_post' },
    { response_type: 'id_token' },
    { response_type: 'code id_token token', response_mode: 'form_post' },
  ];
  it.each(refused.flatMap(([change, error]) => modes.map((mode): [Change, Change, string] => [change, mode, error])))(
    '%j with %j: %s',
    async (change, mode, error) => {
      const page = await world.browser().get(authorizePath({ ...change, ...mode }));
      expect(page.response).toMatchObject({ error, state: 'the-state', iss: issuer });
      expect(page.mode).toBe(mode.response_mode ?? (mode.response_type === 'code' ? 'query' : 'fragment'));
    },
  );
});

describe('OIDC Core §11: offline_access', () => {
  const offline = { scope: 'openid offline_access' };
  it.each(responseTypes.map((type): [ResponseType] => [type]))('%s: ignored without a code', async (response_type) => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ ...offline, response_type, prompt: 'consent' }));
    const credentials = { username, password: `password-of-${username}`, 'sign-in': '1' };
    const consent = await browser.submit(login, credentials);
    expect(consent.html.includes('Keep this access while you are away')).toBe(gives(response_type, 'code'));
    const page = await browser.submit(consent, { decision: 'allow' });
    expect(page.response.error).toBeUndefined();
  });

  it('the user is asked for it even where the rest was allowed before, and once', async () => {
    const browser = world.browser();
    await authorize(browser, { scope: 'openid' }, username);
    expect((await browser.get(authorizePath({ ...offline, prompt: 'none' }))).response.error).toBe('consent_required');
    await authorize(browser, offline, username);
    expect((await browser.get(authorizePath({ ...offline, prompt: 'none' }))).response.code).toBeDefined();
  });
});

it('oauth4webapi: max_age, acr_values and resource, and the library believes what it gets', async () => {
  const options = { [oauth.customFetch]: (target: string, init: object) => world.fetch(target, init) };
  const as: oauth.AuthorizationServer = await oauth.processDiscoveryResponse(
    new URL(issuer),
    await oauth.discoveryRequest(new URL(issuer), options),
  );
  expect(as).toMatchObject({ claims_parameter_supported: true, acr_values_supported: [passwordContext] });
  const client: oauth.Client = { client_id: 'shop.web', default_max_age: 100 };
  const change = { ...asked, acr_values: passwordContext, max_age: '100' };
  const browser = world.browser();
  await authorize(browser, change, username);
  const { wayOut } = await browser.get(authorizePath({ ...change, prompt: 'none' }));
  const parameters = oauth.validateAuthResponse(as, client, wayOut ?? new URL('about:blank'), 'the-state');
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    oauth.ClientSecretBasic('secret-of-shop.web'),
    parameters,
    'https://shop.example.com/cb',
    verifier,
    { ...options, additionalParameters: { resource: orders } },
  );
  const result = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: 'the-nonce',
    maxAge: 100,
    requireIdToken: true,
  });
  const claims = oauth.getValidatedIdTokenClaims(result);
  expect(claims?.acr).toBe(passwordContext);
  expect(decodeJwt(result.access_token).aud).toBe(orders);
});
