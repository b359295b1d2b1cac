import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient, anOwner, aScope } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import {
  aDirectory,
  authorize,
  authorizePath,
  challenge,
  codeFields,
  issuer,
  refreshFields,
  type TokenAnswer,
  verifier,
  World,
  webApp,
} from '../support/world.ts';

const orders = 'https://orders.example';
const billing = 'https://billing.example';
const scope = 'openid offline_access orders:read billing:read';
const orderScope = aScope('orders:read', { audiences: [orders, 'orders'] });

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.web', { scopes: ['openid', 'offline_access', 'orders:read', 'billing:read', 'staff:all'] }),
      webApp('shop.other', { scopes: ['openid', 'orders:read'], access_token_audiences: ['https://shop.example'] }),
      aClient('shop.job')
        .machine('secret-of-shop.job')
        .with({ scopes: ['orders:read', 'billing:read'], default_scopes: ['orders:read'] })
        .build(),
      aClient('https://job.example').machine('secret-of-https://job.example').build(),
    ],
    scopes: [
      orderScope,
      aScope('billing:read', { audiences: [billing] }),
      aScope('staff:all', { audiences: ['https://staff.example'] }),
    ],
    directories: {
      [memoryDirectoryId]: aDirectory({ consent_rules: [{ name: 'staff', scopes: ['staff:all'], groups: ['staff'] }] }),
    },
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

const audience = ({ body }: TokenAnswer) =>
  body.access_token === undefined ? body.error : decodeJwt(body.access_token).aud;

/** A parameter may come several times: `resources` are added to what a test sends. */
const withResources = (text: string, resources: readonly string[]) =>
  [text, ...resources.map((one) => `resource=${encodeURIComponent(one)}`)].join('&');

async function codeFor(resources: readonly string[], change: Readonly<Record<string, string>> = { scope }) {
  const browser = world.browser();
  // The consent is remembered: what follows is answered at once.
  await authorize(browser, change, username);
  const page = await browser.get(withResources(authorizePath(change), resources));
  return page.response;
}

async function ask(
  fields: Readonly<Record<string, string>>,
  resources: readonly string[] = [],
  clientId = 'shop.web',
): Promise<TokenAnswer> {
  const response = await world.fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(`secret-of-${clientId}`)}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: withResources(new URLSearchParams(fields).toString(), resources),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] };
}

describe('RFC 8707 §2.1: at the authorization endpoint', () => {
  it.each<[string, readonly string[], readonly string[] | string]>([
    ['none: every audience of the scopes', [], [orders, 'orders', billing]],
    ['one', [orders], orders],
    ['several, each its own parameter', [orders, billing], [orders, billing]],
    ['one of them twice', [billing, billing], billing],
  ])('%s', async (_title, resources, expected) => {
    const { code } = await codeFor(resources);
    const first = await ask(codeFields(code));
    expect(audience(first)).toEqual(expected);
    expect(audience(await ask(refreshFields(first.body.refresh_token)))).toEqual(expected);
  });

  it.each<[string, readonly string[]]>([
    ['nobody’s', ['https://elsewhere.example']],
    ['one good, one not', [orders, 'https://elsewhere.example']],
    ['of a scope that was not asked for', ['https://staff.example']],
    ['another spelling', [`${orders}/`]],
    ['with a fragment', [`${orders}#x`]],
    ['an audience that is no URI', ['orders']],
    ['the client itself, which is no URI', ['shop.web']],
  ])('%s: invalid_target by redirect', async (_title, resources) => {
    const page = await world.browser().get(withResources(authorizePath({ scope }), resources));
    expect(page.response).toMatchObject({ error: 'invalid_target', state: 'the-state', iss: issuer });
  });

  it('an audience of the client itself, beside those of the scopes', async () => {
    const change = { client_id: 'shop.other', scope: 'openid orders:read' };
    const { code } = await codeFor(['https://shop.example'], change);
    expect(audience(await ask(codeFields(code), [], 'shop.other'))).toBe('https://shop.example');
  });

  it('what travels from page to page keeps every value', async () => {
    const browser = world.browser();
    const login = await browser.get(withResources(authorizePath({ scope }), [orders, billing]));
    let page = await browser.submit(login, { username, password: `password-of-${username}`, 'sign-in': '1' });
    page = await browser.submit(page, { decision: 'allow' });
    expect(audience(await ask(codeFields(page.response.code)))).toEqual([orders, billing]);
  });

  it('the resource of a scope that the directory refuses is none: no token for nobody', async () => {
    const change = { scope: 'openid staff:all' };
    const browser = world.browser();
    const login = await browser.get(withResources(authorizePath(change), ['https://staff.example']));
    let page = await browser.submit(login, { username, password: `password-of-${username}`, 'sign-in': '1' });
    page = await browser.submit(page, { decision: 'allow' });
    expect(page.name).toBe('consent-partial');
    const { code } = (await browser.get(page.link('continue') ?? '')).response;
    expect(audience(await ask(codeFields(code)))).toBe('invalid_target');
    expect(await world.count('grants', `username = '${username}'`)).toBe(0);
  });
});

describe('RFC 8707 §2.2: at the token endpoint', () => {
  it.each<[string, readonly string[], readonly string[], string | readonly string[]]>([
    ['fewer than were authorized', [orders, billing], [billing], billing],
    ['one of all', [], [orders], orders],
    ['the same', [orders], [orders], orders],
    ['more than were authorized', [orders], [billing], 'invalid_target'],
    ['one of them more', [orders], [orders, billing], 'invalid_target'],
    ['nobody’s', [], ['https://elsewhere.example'], 'invalid_target'],
    ['malformed', [], ['elsewhere'], 'invalid_target'],
  ])('a code: %s', async (_title, authorized, resources, expected) => {
    const { code } = await codeFor(authorized);
    const answer = await ask(codeFields(code), resources);
    expect(audience(answer)).toEqual(expected);
    if (expected !== 'invalid_target') return;
    // Nothing was spent: the client may say it better.
    expect([answer.status, (await ask(codeFields(code))).status]).toEqual([400, 200]);
  });

  it('a narrower exchange leaves the grant as it was authorized', async () => {
    const { code } = await codeFor([orders, billing]);
    const first = await ask(codeFields(code), [orders]);
    const second = await ask(refreshFields(first.body.refresh_token));
    expect([audience(first), audience(second)]).toEqual([orders, [orders, billing]]);
  });

  it.each<[string, readonly string[], readonly string[], Readonly<Record<string, string>>, string]>([
    ['one of all', [], [billing], {}, billing],
    ['one of those authorized', [orders, billing], [orders], {}, orders],
    ['one that was not authorized', [orders], [billing], {}, 'invalid_target'],
    ['one whose scope is not asked for this time', [], [billing], { scope: 'orders:read' }, 'invalid_target'],
    ['nobody’s', [], ['https://elsewhere.example'], {}, 'invalid_target'],
  ])('a refresh: %s', async (_title, authorized, resources, more, expected) => {
    const { code } = await codeFor(authorized);
    const token = (await ask(codeFields(code))).body.refresh_token;
    const answer = await ask({ ...refreshFields(token), ...more }, resources);
    expect(audience(answer)).toBe(expected);
    // A refusal spent nothing.
    if (expected === 'invalid_target') expect((await ask(refreshFields(token))).status).toBe(200);
  });

  it.each<[string, Readonly<Record<string, string>>, readonly string[], string | readonly string[]]>([
    ['none', {}, [], [orders, 'orders']],
    ['one', {}, [orders], orders],
    ['several', { scope: 'orders:read billing:read' }, [billing, orders], [billing, orders]],
    ['of a scope that is not asked for', {}, [billing], 'invalid_target'],
    ['nobody’s', {}, ['https://elsewhere.example'], 'invalid_target'],
    ['with a fragment', {}, [`${orders}#`], 'invalid_target'],
  ])('client credentials: %s', async (_title, more, resources, expected) => {
    const answer = await ask({ grant_type: 'client_credentials', ...more }, resources, 'shop.job');
    expect(audience(answer)).toEqual(expected);
  });

  it('client credentials: a client that is its own audience, and is a URI', async () => {
    const itself = 'https://job.example';
    expect(audience(await ask({ grant_type: 'client_credentials' }, [itself], itself))).toBe(itself);
  });

  it('a resource that is an audience no more: no token for nobody, and none for everybody', async () => {
    const { code } = await codeFor([billing]);
    const token = (await ask(codeFields(code))).body.refresh_token;
    const declare = (audiences: string[]) =>
      world.served({
        kind: 'scope',
        id: 'billing:read',
        owner: anOwner('scope billing:read'),
        value: aScope('billing:read', { audiences }),
      });
    await declare(['https://billing.new']);
    expect(audience(await ask(refreshFields(token)))).toBe('invalid_target');
    await declare([billing]);
    expect(audience(await ask(refreshFields(token)))).toBe(billing);
  });
});

it('openid-client: resource at both endpoints', async () => {
  const rp = await world.relyingParty();
  const browser = world.browser();
  await authorize(browser, { scope }, username);
  const url = oidc.buildAuthorizationUrl(rp, {
    redirect_uri: 'https://shop.example.com/cb',
    scope,
    state: 's',
    nonce: 'n',
    resource: orders,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  const page = await browser.get(`${url.pathname}${url.search}`);
  const checks = { pkceCodeVerifier: verifier, expectedState: 's', expectedNonce: 'n' };
  const back = page.wayOut ?? new URL('about:blank');
  const tokens = await oidc.authorizationCodeGrant(rp, back, checks, { resource: orders });
  expect(decodeJwt(tokens.access_token).aud).toBe(orders);
});
