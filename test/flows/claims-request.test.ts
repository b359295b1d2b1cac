import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anOwner, aScope } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import {
  aDirectory,
  authorize,
  authorizePath,
  challenge,
  codeFields,
  issuer,
  refreshFields,
  signIn,
  verifier,
  World,
  webApp,
} from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.web', { scopes: ['openid', 'profile', 'email', 'groups', 'offline_access', 'hr:staff'] }),
      webApp('shop.narrow', { scopes: ['openid', 'profile'] }),
      webApp('shop.implicit', { consent: { mode: 'implicit', remember_for: 1000, on_refused_scope: 'drop' } }),
      webApp('shop.grows', { scopes: ['openid'] }),
      webApp('shop.listed', { id_token_claims: ['name'] }),
    ],
    scopes: [aScope('hr:staff', { claims: ['employee'] }), aScope('hr:other', { claims: ['salary'] })],
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [
          { name: 'staff', scopes: ['hr:staff'], groups: ['hr'] },
          { name: 'groups', scopes: ['groups'], groups: ['admins', 'hr'] },
        ],
      }),
    },
  });
  const claims = { name: 'Ada', email: 'ada@example.com', employee: '7', salary: '9', department: 'mill' };
  world.memory.add('ada', { groups: ['hr'], claims });
  world.memory.add('bob', { groups: ['mill'], claims: { ...claims, name: 'Bob' } });
});
afterAll(() => world.stop());

type Change = Readonly<Record<string, string | undefined>>;
const claims = (request: unknown): Change => ({ scope: 'openid', claims: JSON.stringify(request) });

interface Told {
  readonly userinfo: Record<string, unknown>;
  readonly idToken: Record<string, unknown>;
}

const protocolOwn = ['iss', 'sub', 'aud', 'iat', 'exp', 'auth_time', 'nonce', 'sid', 'email_verified'];
const about = (all: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !protocolOwn.includes(name)));

async function told(body: { access_token?: string; id_token?: string }): Promise<Told> {
  const headers = { authorization: `Bearer ${body.access_token}` };
  const userinfo = (await (await world.fetch(`${issuer}/userinfo`, { headers })).json()) as Record<string, unknown>;
  return { userinfo: about(userinfo), idToken: about(decodeJwt(body.id_token ?? '')) };
}

/** What userinfo and ID token tell, at first and after a refresh. */
async function tell(change: Change, username = 'ada'): Promise<readonly [Told, Told]> {
  const { code } = await authorize(world.browser(), change, username);
  const first = (await world.token(codeFields(code), change.client_id)).body;
  const second = (await world.token(refreshFields(first.refresh_token), change.client_id)).body;
  return [await told(first), await told(second)];
}

describe('OIDC Core §5.5: where a claim was asked for, there it goes, at every refresh too', () => {
  it.each<[string, unknown, Told]>([
    ['userinfo', { userinfo: { email: null } }, { userinfo: { email: 'ada@example.com' }, idToken: {} }],
    ['ID token', { id_token: { email: null } }, { userinfo: {}, idToken: { email: 'ada@example.com' } }],
    [
      'both, essential or not',
      { userinfo: { name: { essential: true } }, id_token: { name: null, email: { essential: true } } },
      { userinfo: { name: 'Ada' }, idToken: { name: 'Ada', email: 'ada@example.com' } },
    ],
    [
      'what the directory does not have is left out, essential or not',
      { userinfo: { nickname: { essential: true }, birthdate: null } },
      { userinfo: {}, idToken: {} },
    ],
    [
      'with another value: left out',
      { id_token: { email: { value: 'eve@example.com' } } },
      { userinfo: {}, idToken: {} },
    ],
    [
      'a Scope stands for it',
      { id_token: { employee: { values: ['7', '8'] } } },
      { userinfo: {}, idToken: { employee: '7' } },
    ],
    [
      'a Scope that is not open to the client, or none',
      { userinfo: { salary: { essential: true }, department: null } },
      { userinfo: {}, idToken: {} },
    ],
    [
      'claims of the protocol are not for asking',
      { userinfo: { iss: { value: 'x' }, jti: null, events: null }, id_token: { exp: { value: 1 }, azp: null } },
      { userinfo: {}, idToken: {} },
    ],
  ])('%s', async (_title, request, expected) => {
    expect(await tell(claims(request))).toEqual([expected, expected]);
  });

  it('§5.4: claims of scopes go to userinfo; beside them those asked for by name', async () => {
    const expected = { userinfo: { name: 'Ada' }, idToken: { email: 'ada@example.com' } };
    const change = { ...claims({ id_token: { email: null } }), scope: 'openid profile' };
    expect(await tell(change)).toEqual([expected, expected]);
  });

  it('idToken.claims[] stays what it was: of what was released, into every ID token', async () => {
    const change = { ...claims({ id_token: { email: null } }), client_id: 'shop.listed', scope: 'openid profile' };
    const [first] = await tell(change);
    expect(first.idToken).toEqual({ name: 'Ada', email: 'ada@example.com' });
  });

  it('a client that may not ask for the scope cannot ask for its claims', async () => {
    const change = { ...claims({ userinfo: { email: null, name: null } }), client_id: 'shop.narrow' };
    const [first] = await tell(change);
    expect(first.userinfo).toEqual({ name: 'Ada' });
  });

  it('openid-client: §5.5 as applications send it', async () => {
    const rp = await world.relyingParty();
    const browser = world.browser();
    const url = oidc.buildAuthorizationUrl(rp, {
      redirect_uri: 'https://shop.example.com/cb',
      scope: 'openid',
      state: 's',
      nonce: 'n',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      claims: JSON.stringify({ id_token: { email: { essential: true }, acr: { essential: true } } }),
    });
    world.memory.add('ivy', { claims: { name: 'Ivy', email: 'ivy@example.com' } });
    const consent = await signIn(browser, `${url.pathname}${url.search}`, 'ivy');
    const page = await browser.submit(consent, { decision: 'allow' });
    const tokens = await oidc.authorizationCodeGrant(rp, page.wayOut ?? new URL('about:blank'), {
      pkceCodeVerifier: verifier,
      expectedState: 's',
      expectedNonce: 'n',
    });
    expect(tokens.claims()).toMatchObject({
      email: 'ivy@example.com',
      acr: expect.stringContaining('Password') as string,
    });
  });
});

describe('a claim by name is no way around the directory', () => {
  it('what a consent rule refuses through the scope, it refuses by name, and the request goes on', async () => {
    const request = claims({ id_token: { employee: null, groups: null, email: null } });
    expect((await tell(request, 'bob'))[0].idToken).toEqual({ email: 'ada@example.com' });
    expect((await tell(request, 'ada'))[0].idToken).toEqual({
      employee: '7',
      groups: ['hr'],
      email: 'ada@example.com',
    });
  });

  it('who leaves the group loses the claim at the next refresh', async () => {
    const person = world.memory.add('carol', { groups: ['hr'], claims: { name: 'Carol', employee: '3' } });
    const request = claims({ userinfo: { employee: null, name: null }, id_token: { employee: null } });
    const { code } = await authorize(world.browser(), request, 'carol');
    const first = (await world.token(codeFields(code))).body;
    expect(await told(first)).toEqual({ userinfo: { employee: '3', name: 'Carol' }, idToken: { employee: '3' } });
    person.groups = [];
    const second = (await world.token(refreshFields(first.refresh_token))).body;
    expect(await told(second)).toEqual({ userinfo: { name: 'Carol' }, idToken: {} });
    // The same refresh token within its grace: what was found out holds.
    const repeated = (await world.token(refreshFields(first.refresh_token))).body;
    expect(await told(repeated)).toEqual({ userinfo: { name: 'Carol' }, idToken: {} });
    person.groups = ['hr'];
    const third = (await world.token(refreshFields(second.refresh_token))).body;
    expect((await told(third)).idToken).toEqual({});
  });
});

describe('consent covers claims by name', () => {
  const byName = (...names: string[]) => claims({ userinfo: Object.fromEntries(names.map((name) => [name, null])) });

  it('the page shows them with what is known, and a yes to scopes is none to them', async () => {
    world.memory.add('dora', { claims: { name: 'Dora', email: 'dora@example.com' } });
    const browser = world.browser();
    await authorize(browser, { scope: 'openid' }, 'dora');
    const silent = async (change: Change) =>
      (await browser.get(authorizePath({ ...change, prompt: 'none' }))).response.error ?? 'code';
    expect(await silent({ scope: 'openid' })).toBe('code');
    expect(await silent(byName('email', 'nickname'))).toBe('consent_required');
    const page = await browser.get(authorizePath(byName('email', 'nickname', 'salary')));
    expect(page.name).toBe('consent');
    expect(page.html).toContain('See these details about you');
    expect(page.html).toContain('dora@example.com');
    expect(page.html).toContain('Nickname');
    // Not even as something that is not known.
    expect(page.html).not.toContain('<dt>salary');
    await browser.submit(page, { decision: 'allow' });
    expect(await silent(byName('email'))).toBe('code');
    expect(await silent(byName('nickname', 'email'))).toBe('code');
    expect(await silent(byName('email', 'name'))).toBe('consent_required');
    // The scope stands for more than the claim that was allowed.
    expect(await silent({ scope: 'openid email' })).toBe('consent_required');
  });

  it('a yes to a scope is one to its claims, by whichever name they are asked for', async () => {
    world.memory.add('emil', { claims: { name: 'Emil', email: 'emil@example.com' } });
    const browser = world.browser();
    await authorize(browser, { scope: 'openid email' }, 'emil');
    const page = await browser.get(authorizePath({ ...byName('email', 'email_verified'), prompt: 'none' }));
    expect(page.response.code).toBeDefined();
  });

  it('a later yes adds to what is remembered', async () => {
    world.memory.add('fay', { claims: { name: 'Fay', email: 'fay@example.com' } });
    const browser = world.browser();
    await authorize(browser, byName('email'), 'fay');
    await authorize(browser, byName('name'), 'fay');
    const [row] = await world.rows<{ claims: string[] }>(
      `SELECT c.claims FROM consents c JOIN sessions s USING (subject) WHERE s.username = 'fay'`,
    );
    expect(row?.claims).toEqual(['email', 'name']);
    const page = await browser.get(authorizePath({ ...byName('email', 'name'), prompt: 'none' }));
    expect(page.response.code).toBeDefined();
  });

  it('a client whose consent is implicit is not asked', async () => {
    world.memory.add('gus', { claims: { name: 'Gus', email: 'gus@example.com' } });
    const change = { ...byName('email'), client_id: 'shop.implicit' };
    const page = await signIn(world.browser(), authorizePath(change), 'gus');
    expect(page.response.code).toBeDefined();
  });

  it('a click counts for the claims that were shown: the client may ask for more since', async () => {
    world.memory.add('hal', { claims: { name: 'Hal', email: 'hal@example.com' } });
    const browser = world.browser();
    const change = { ...byName('email'), client_id: 'shop.grows' };
    const page = await signIn(browser, authorizePath(change), 'hal');
    expect(page.html).not.toContain('hal@example.com');
    await world.served({
      kind: 'client',
      id: 'shop.grows',
      owner: anOwner('shop.grows'),
      value: webApp('shop.grows', { scopes: ['openid', 'email'] }),
    });
    const again = await browser.submit(page, { decision: 'allow' });
    expect(again.name).toBe('consent');
    expect(again.html).toContain('hal@example.com');
    expect((await browser.submit(again, { decision: 'allow' })).name).toBe('continue');
  });
});

describe('acr and amr', () => {
  const acr = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
  it.each<[string, Change, Record<string, unknown>]>([
    ['not asked for: not told', { scope: 'openid' }, {}],
    ['acr_values that we give', { scope: 'openid', acr_values: `urn:mfa ${acr}` }, { acr }],
    [
      'acr_values that we do not give are a wish: what was done is told',
      { scope: 'openid', acr_values: 'urn:mfa' },
      { acr },
    ],
    ['an acr that is not essential', claims({ id_token: { acr: { values: ['urn:mfa'] } } }), { acr }],
    ['an essential acr that we give', claims({ id_token: { acr: { essential: true, values: [acr] } } }), { acr }],
    ['RFC 8176: amr', claims({ id_token: { amr: null } }), { amr: ['pwd'] }],
    ['for the ID token alone', claims({ userinfo: { acr: null, amr: null } }), {}],
  ])('%s', async (_title, change, expected) => {
    const [first, second] = await tell(change);
    expect([first.idToken, second.idToken]).toEqual([expected, expected]);
    expect(first.userinfo).toEqual({});
  });

  it('§5.5.1.1: an essential acr that cannot be met ends the request before anybody types anything', async () => {
    const change = claims({ id_token: { acr: { essential: true, values: ['urn:mfa'] } } });
    const { leftTo } = await world.browser().get(authorizePath(change));
    expect(leftTo?.searchParams.get('error')).toBe('unmet_authentication_requirements');
    expect(leftTo?.searchParams.get('state')).toBe('the-state');
  });
});
