/** OpenID Connect RP-Initiated Logout 1.0, and signing out in general: who is asked, where people end, what is over then. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Page } from '../support/browser.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { introspect, userinfo as openedBy } from '../support/tokens.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, World, webApp } from '../support/world.ts';

const asks = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const bye = 'https://shop.example.com/bye';
const byeFrom = `${bye}?from=shop`;
const front = 'https://shop.example.com/front?app=1';

let world: World;
beforeAll(async () => {
  world = await World.open({
    replicas: 3,
    // An ID token that has run out is what applications usually have at hand.
    server: {
      lifetimes: {
        authorization_code: 60,
        access_token: 300,
        id_token: 1,
        refresh_token_idle: 1_209_600,
        refresh_token_absolute: 7_776_000,
        session_idle: 7200,
        session_absolute: 43_200,
      },
    },
    clients: [
      webApp('shop.web', { consent: asks, post_logout_redirect_uris: [bye, byeFrom] }),
      webApp('shop.other', {
        client_name: 'The other',
        consent: asks,
        post_logout_redirect_uris: ['https://other.example.com/bye'],
        backchannel_logout_uri: 'https://other.example.com/out',
      }),
      webApp('shop.framed', {
        client_name: 'Framed',
        consent: asks,
        post_logout_redirect_uris: [bye],
        frontchannel_logout_uri: front,
      }),
      webApp('shop.home', { client_name: 'Home', consent: asks, client_uri: 'https://shop.example.com/' }),
      webApp('shop.opaque', { consent: asks, access_token_format: 'opaque' }),
      webApp('shop.gone', { consent: asks, post_logout_redirect_uris: [bye] }),
      aClient('shop.phone')
        .public()
        .with({ redirect_uris: ['com.example.app:/cb'], post_logout_redirect_uris: ['com.example.app:/bye'] })
        .build(),
    ],
  });
});
afterAll(() => world?.stop());

interface SignedIn {
  readonly browser: Browser;
  readonly idToken: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

let people = 0;
async function signedIn(clientId = 'shop.web', browser = world.browser(), scope = 'openid profile'): Promise<SignedIn> {
  const username = `person${++people}`;
  world.memory.add(username);
  const { code } = await authorize(browser, { client_id: clientId, scope }, username);
  const { status, body } = await world.token(codeFields(code), clientId);
  expect(status).toBe(200);
  return {
    browser,
    idToken: body.id_token ?? '',
    accessToken: body.access_token ?? '',
    refreshToken: body.refresh_token ?? '',
  };
}
const logoutPath = (parameters: Readonly<Record<string, string>>) =>
  `/logout?${new URLSearchParams(parameters).toString()}`;
const silently = async (browser: Browser) => (await authorize(browser, { prompt: 'none' })).error ?? 'signed in';
const userinfo = async (token: string) => (await openedBy(world, token)).status;
/** Nothing on the page, and nothing in the answer, leads anywhere but to us. */
const leadsNowhere = (page: Page) => {
  expect(page.leftTo).toBeUndefined();
  expect(page.wayOut).toBeUndefined();
  expect(page.link('back')).toBeUndefined();
  expect(page.html).not.toMatch(/evil/);
};
const session = 'nauthera_session';
const cookieOf = (browser: Browser) => [...browser.cookies].find(([name]) => name.endsWith(session));

describe('with an ID token of this session', () => {
  it('the session ends without a question, and everything that hangs off it; state comes back', async () => {
    const { browser, idToken, accessToken, refreshToken } = await signedIn();
    expect(await userinfo(accessToken)).toBe(200);
    const before = browser.clone();
    const page = await browser.get(
      logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'st at&e=#ü' }),
    );
    expect(page.status).toBe(303);
    expect(page.leftTo?.href).toBe(`${bye}?${new URLSearchParams({ state: 'st at&e=#ü' }).toString()}`);
    expect(cookieOf(browser)).toBeUndefined();
    expect(await silently(browser)).toBe('login_required');
    // A30: the cookie as it was.
    expect(cookieOf(before)).toBeDefined();
    expect(await silently(before)).toBe('login_required');
    expect((await before.get('/account')).name).toBe('login');
    expect((await world.token(refreshFields(refreshToken))).body.error).toBe('invalid_grant');
    // F52: everywhere within a second.
    await expect.poll(() => userinfo(accessToken), { timeout: 10_000 }).toBe(401);
  });

  it.each(['shop.web', 'shop.opaque'])(
    'F52: within a second its access tokens open nothing on any replica: %s',
    async (clientId) => {
      const { browser, idToken, accessToken } = await signedIn(clientId);
      const ask = async (url: string) => [
        (await introspect(world, accessToken, clientId, {}, url)).body.active,
        (await openedBy(world, accessToken, url)).status,
      ];
      // Seen before by each, so that nothing is remembered wrongly.
      for (const url of world.urls) expect(await ask(url)).toEqual([true, 200]);
      await browser.get(logoutPath({ id_token_hint: idToken }));
      for (const url of world.urls) {
        await expect.poll(() => ask(url), { timeout: 10_000, interval: 50 }).toEqual([false, 401]);
      }
    },
  );

  it('offline access goes on, and its ID token names the session all the same', async () => {
    const { browser, idToken, refreshToken } = await signedIn('shop.web', world.browser(), 'openid offline_access');
    expect((await browser.get(logoutPath({ id_token_hint: idToken }))).name).toBe('signed-out');
    expect(await silently(browser)).toBe('login_required');
    expect((await world.token(refreshFields(refreshToken))).status).toBe(200);
  });

  it('a code that was not redeemed yet is worth nothing', async () => {
    const { browser, idToken } = await signedIn();
    const { code } = await authorize(browser, { prompt: 'none' });
    await browser.get(logoutPath({ id_token_hint: idToken }));
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('an expired one is as good', async () => {
    const { browser, idToken } = await signedIn();
    await sleep(2100);
    const page = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye }));
    expect(page.leftTo?.href).toBe(bye);
    expect(await silently(browser)).toBe('login_required');
  });

  it.each([
    ['no state', {}, ''],
    ['an empty state', { state: '' }, ''],
    ['a state of 8 KiB', { state: 's'.repeat(8192) }, `state=${'s'.repeat(8192)}`],
  ])('%s', async (_case, more, query) => {
    const { browser, idToken } = await signedIn();
    for (const [uri, separator] of [
      [bye, '?'],
      [byeFrom, '&'],
    ] as const) {
      const page = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: uri, ...more }));
      expect(page.leftTo?.href).toBe(query === '' ? uri : `${uri}${separator}${query}`);
    }
  });

  it('without an address the page says that it is done, and leads back to the application if that has a page', async () => {
    const home = await signedIn('shop.home');
    const page = await home.browser.get(logoutPath({ id_token_hint: home.idToken, state: 'unused' }));
    expect([page.name, page.status, page.link('back'), page.wayOut]).toEqual([
      'signed-out',
      200,
      'https://shop.example.com/',
      undefined,
    ]);
    const web = await signedIn();
    const plain = await web.browser.get(logoutPath({ id_token_hint: web.idToken }));
    expect([plain.link('back'), plain.link('sign-in-again')]).toEqual([undefined, '/account']);
  });

  it('logout_hint, ui_locales and unknown parameters change nothing', async () => {
    const { browser, idToken } = await signedIn();
    const page = await browser.get(
      logoutPath({
        id_token_hint: idToken,
        logout_hint: 'somebody',
        ui_locales: 'xx de',
        client_id: 'shop.web',
        foo: 'bar',
      }),
    );
    expect(page.name).toBe('signed-out');
    expect(page.html).toContain('<html lang="de"');
  });

  it("another site's form brings no cookie: the same request comes again as a GET", async () => {
    const { browser, idToken } = await signedIn();
    const fields = { id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'a b' };
    const headers = { origin: 'https://shop.example.com', 'sec-fetch-site': 'cross-site', cookie: '-' };
    const first = await browser.postOnly('/logout', fields, headers);
    expect([first.status, first.headers.get('location')]).toEqual([303, logoutPath(fields)]);
    expect((await browser.post('/logout', fields, headers)).leftTo?.href).toBe(`${bye}?state=a+b`);
    expect(await silently(browser)).toBe('login_required');
  });

  it('openid-client builds such a request', async () => {
    const { browser, idToken } = await signedIn();
    const configuration = await world.relyingParty();
    const url = oidc.buildEndSessionUrl(configuration, {
      id_token_hint: idToken,
      post_logout_redirect_uri: bye,
      state: 'x',
    });
    expect(url.origin + url.pathname).toBe(`${issuer}/logout`);
    expect((await browser.get(url.pathname + url.search)).leftTo?.href).toBe(`${bye}?state=x`);
  });

  it('a native application may register a private-use scheme', async () => {
    const page = await world
      .browser()
      .get(logoutPath({ client_id: 'shop.phone', post_logout_redirect_uri: 'com.example.app:/bye' }));
    expect(page.leftTo?.href).toBe('com.example.app:/bye');
  });
});

describe('A token of another session', () => {
  it('asks, and the answer decides', async () => {
    const one = await signedIn();
    const other = await signedIn();
    const parameters = { id_token_hint: one.idToken, post_logout_redirect_uri: bye, state: 'x' };
    const page = await other.browser.get(logoutPath(parameters));
    expect(page.name).toBe('sign-out');
    expect(await silently(other.browser)).toBe('signed in');
    const done = await other.browser.submit(page, { 'sign-out': '1' });
    expect([done.name, done.wayOut?.href]).toEqual(['signed-out', `${bye}?state=x`]);
    expect(await silently(other.browser)).toBe('login_required');
    expect(await silently(one.browser)).toBe('signed in');
  });

  it('one without a session (refreshed offline) is about whoever it names', async () => {
    const one = await signedIn('shop.web', world.browser(), 'openid offline_access');
    const refreshed = (await world.token(refreshFields(one.refreshToken))).body.id_token ?? '';
    const stranger = await signedIn();
    expect((await stranger.browser.get(logoutPath({ id_token_hint: refreshed }))).name).toBe('sign-out');
    expect((await one.browser.get(logoutPath({ id_token_hint: refreshed }))).name).toBe('signed-out');
    expect(await silently(one.browser)).toBe('login_required');
  });
});

describe('without an ID token', () => {
  it('asks who is signed in, and says who else will hear of it', async () => {
    const { browser } = await signedIn();
    await authorize(browser, { client_id: 'shop.other' });
    const page = await browser.get('/logout');
    expect(page.name).toBe('sign-out');
    expect(page.html).toContain('Sign out?');
    expect(page.html).toContain(`You are signed in as <bdi>person${people} of the shop</bdi>.`);
    expect(page.html).toContain('You will also be signed out of: <bdi>The other</bdi>.');
    const done = await browser.submit(page, { 'sign-out': '1' });
    expect([done.name, done.status]).toEqual(['signed-out', 200]);
    leadsNowhere(done);
    expect(await silently(browser)).toBe('login_required');
  });

  it('the POST answers 303, and a form sent twice ends on the same page', async () => {
    const { browser } = await signedIn('shop.framed');
    const page = await browser.get(logoutPath({ client_id: 'shop.framed', post_logout_redirect_uri: bye }));
    const again = browser.clone();
    const fields = { ...page.form.fields, 'sign-out': '1' };
    expect((await browser.clone().postOnly('/sign-out', { ...fields, 'sign-out': '' })).status).toBe(303);
    const first = await browser.postOnly('/sign-out', fields);
    expect([first.status, first.headers.get('location')?.startsWith('/signed-out?')]).toEqual([303, true]);
    const second = await again.post('/sign-out', fields);
    const shown = await browser.get(first.headers.get('location') ?? '');
    for (const one of [shown, second]) {
      expect([one.name, one.wayOut?.href, one.html.includes('<iframe')]).toEqual(['signed-out', bye, true]);
    }
  });

  it('"stay" ends nothing and leads to no application', async () => {
    const { browser } = await signedIn();
    const page = await browser.get(logoutPath({ client_id: 'shop.web', post_logout_redirect_uri: bye }));
    const stayed = await browser.submit(page, { stay: '1' });
    expect(stayed.name).toBe('account');
    expect(await silently(browser)).toBe('signed in');
  });

  it('state alone leads nowhere', async () => {
    const { browser } = await signedIn();
    const done = await browser.submit(await browser.get(logoutPath({ state: 'x' })), { 'sign-out': '1' });
    expect(done.name).toBe('signed-out');
    leadsNowhere(done);
  });

  it('a registered address of the named client is gone to after the answer', async () => {
    const { browser } = await signedIn();
    const page = await browser.get(
      logoutPath({ client_id: 'shop.web', post_logout_redirect_uri: byeFrom, state: 'é' }),
    );
    expect(page.name).toBe('sign-out');
    const done = await browser.submit(page, { 'sign-out': '1' });
    // By the page, not by a redirect: the policy for forms covers the whole chain behind one.
    expect([done.name, done.wayOut?.href, done.link('back')]).toEqual([
      'signed-out',
      `${byeFrom}&state=%C3%A9`,
      `${byeFrom}&state=%C3%A9`,
    ]);
    expect(done.headers.get('content-security-policy')).toContain("form-action 'self'");
  });

  it('an address that was withdrawn meanwhile is gone to by nobody', async () => {
    const { browser } = await signedIn();
    const page = await browser.get(logoutPath({ client_id: 'shop.gone', post_logout_redirect_uri: bye }));
    const value = webApp('shop.gone', { consent: asks, post_logout_redirect_uris: [] });
    await world.served({ kind: 'client', id: 'shop.gone', owner: anOwner('shop.gone'), value });
    const done = await browser.submit(page, { 'sign-out': '1' });
    expect(done.name).toBe('signed-out');
    leadsNowhere(done);
  });
});

describe('nobody is signed in', () => {
  it.each([
    ['nothing sent', {}, undefined],
    ['state alone', { state: 'x' }, undefined],
    ['a client', { client_id: 'shop.web' }, undefined],
    [
      'a client and its address',
      { client_id: 'shop.web', post_logout_redirect_uri: bye, state: 'x' },
      `${bye}?state=x`,
    ],
  ])('%s', async (_case, parameters, to) => {
    const page = await world.browser().get(logoutPath(parameters));
    if (to === undefined) {
      expect([page.name, page.status]).toEqual(['signed-out', 200]);
      leadsNowhere(page);
    } else expect(page.leftTo?.href).toBe(to);
  });

  it('an ID token of a session that ended before', async () => {
    const { browser, idToken } = await signedIn();
    const path = logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye });
    await browser.get(path);
    expect((await browser.get(path)).leftTo?.href).toBe(bye);
    expect((await world.browser().get(path)).leftTo?.href).toBe(bye);
  });
});

const forged = (token: string, part: 0 | 1 | 2, change: (text: string) => string) =>
  token
    .split('.')
    .map((text, at) => (at === part ? change(text) : text))
    .join('.');
const rewritten = (change: (value: Record<string, unknown>) => object) => (text: string) =>
  Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(text, 'base64url').toString())))).toString('base64url');

/** Parameters that are wrong, given a good ID token and access token of this browser. */
const wrong: readonly [string, (good: SignedIn) => string][] = [
  ['an unknown client', () => logoutPath({ client_id: 'shop.nobody', post_logout_redirect_uri: bye })],
  ['an unknown client alone', () => logoutPath({ client_id: 'shop.nobody' })],
  [
    "a client_id that is not the token's audience",
    ({ idToken }) => logoutPath({ id_token_hint: idToken, client_id: 'shop.other', post_logout_redirect_uri: bye }),
  ],
  ['an address and nobody whose it is', () => logoutPath({ post_logout_redirect_uri: bye })],
  [
    "another client's address",
    ({ idToken }) => logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: 'https://other.example.com/bye' }),
  ],
  ...[
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/%09/evil.example',
    'javascript:alert(1)//evil',
    'data:text/html,evil',
    '/evil',
    `${bye}/`,
    `${bye}?`,
    `${bye}#`,
    `${bye}#evil`,
    `${bye}?x=evil`,
    `${bye}/../evil`,
    `${bye}/%2e%2e/evil`,
    ` ${bye}`,
    `${bye} `,
    `\t${bye}`,
    'https://SHOP.example.com/bye',
    'HTTPS://shop.example.com/bye',
    'https://shop.example.com:443/bye',
    'https://shop.example.com./bye',
    'https://user@shop.example.com/bye',
    'https://shop.example.com@evil.example/bye',
    'https://shop.example.com.evil.example/bye',
    'https://shop.example.com/Bye',
    'http://shop.example.com/bye',
    `${byeFrom}&x=evil`,
    `${bye}?from=Shop`,
    `${bye}\u0000`,
    'x'.repeat(3000),
  ].map((uri): [string, (good: SignedIn) => string] => [
    `A13: the address ${JSON.stringify(uri.slice(0, 60))}`,
    ({ idToken }) => logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: uri }),
  ]),
  [
    'a signature that does not hold',
    ({ idToken }) => logoutPath({ id_token_hint: forged(idToken, 2, (text) => `A${text.slice(1, -1)}A`) }),
  ],
  [
    'claims that were changed',
    ({ idToken }) =>
      logoutPath({
        id_token_hint: forged(
          idToken,
          1,
          rewritten((claims) => ({ ...claims, aud: 'shop.other' })),
        ),
      }),
  ],
  [
    'A53: alg none',
    ({ idToken }) =>
      logoutPath({
        id_token_hint: `${forged(
          idToken,
          0,
          rewritten((header) => ({ ...header, alg: 'none' })),
        )
          .split('.')
          .slice(0, 2)
          .join('.')}.`,
      }),
  ],
  [
    'A58: another key',
    ({ idToken }) =>
      logoutPath({
        id_token_hint: forged(
          idToken,
          0,
          rewritten((header) => ({ ...header, kid: 'x' })),
        ),
      }),
  ],
  ['A37: an access token', ({ accessToken }) => logoutPath({ id_token_hint: accessToken })],
  ['A37: a refresh token', ({ refreshToken }) => logoutPath({ id_token_hint: refreshToken })],
  ['no token at all', () => logoutPath({ id_token_hint: 'x' })],
  [
    'A56: more than 16 KiB are not even sent',
    ({ idToken }) => logoutPath({ id_token_hint: `${idToken}.${'x'.repeat(9000)}` }),
  ],
  ...['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state', 'logout_hint', 'ui_locales', 'foo'].map(
    (name): [string, (good: SignedIn) => string] => [
      `A03: ${name} twice`,
      ({ idToken }) => `${logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye })}&${name}=x&${name}=x`,
    ],
  ),
  ['parameters that are no UTF-8', ({ idToken }) => `${logoutPath({ id_token_hint: idToken })}&state=%ff`],
  ['a percent sign alone', ({ idToken }) => `${logoutPath({ id_token_hint: idToken })}&state=%`],
  ['too many parameters', ({ idToken }) => `${logoutPath({ id_token_hint: idToken })}&${'x=1&'.repeat(70)}`],
];

describe('whatever is wrong ends on a page of ours', () => {
  let good: SignedIn;
  beforeAll(async () => {
    good = await signedIn();
  });

  it.each(wrong)('%s', async (_case, path) => {
    const page = await good.browser.get(path(good));
    expect([page.name, page.status]).toEqual(['error:logout_failed', 400]);
    expect(page.html).toContain('You may still be signed in');
    leadsNowhere(page);
    expect(page.headers.get('location')).toBeNull();
    expect((await good.browser.get('/account')).name).toBe('account');
    // Not signed in at all: nobody may believe that they still are.
    const stranger = await world.browser().get(path(good));
    expect([stranger.name, stranger.status]).toEqual(['signed-out', 200]);
    leadsNowhere(stranger);
  });

  it('and the person may sign out there', async () => {
    const { browser, idToken } = await signedIn();
    const page = await browser.get(
      logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: 'https://evil.example' }),
    );
    const done = await browser.submit(page, { 'sign-out': '1' });
    expect(done.name).toBe('signed-out');
    leadsNowhere(done);
    expect(await silently(browser)).toBe('login_required');
  });
});

describe('F21: nobody else signs a person out', () => {
  it.each<
    [
      string,
      (fields: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
      Readonly<Record<string, string>>,
      string,
    ]
  >([
    ['no form token', ({ token: _token, ...rest }) => rest, {}, 'error:invalid_request'],
    ['a token of another form', (fields) => ({ ...fields, token: 'x'.repeat(43) }), {}, 'error:invalid_request'],
    ['an altered request', (fields) => ({ ...fields, request: `${fields.request?.slice(0, -2)}xx` }), {}, 'sign-out'],
    ['no request', ({ request: _request, ...rest }) => rest, {}, 'sign-out'],
    [
      'another site',
      (fields) => fields,
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      'error:invalid_request',
    ],
    [
      'a sibling site',
      (fields) => fields,
      { origin: 'https://x.example.com', 'sec-fetch-site': 'same-site' },
      'error:invalid_request',
    ],
    ['an origin of nobody', (fields) => fields, { origin: 'null', 'sec-fetch-site': '-' }, 'error:invalid_request'],
    ['a field twice', (fields) => fields, {}, 'error:invalid_request'],
  ])('%s', async (name, change, headers, expected) => {
    const { browser } = await signedIn();
    const page = await browser.get('/logout');
    const fields = { ...change(page.form.fields), 'sign-out': '1' };
    const path = '/sign-out';
    const answer =
      name === 'a field twice'
        ? await world
            .fetch(`${issuer}${path}`, {
              method: 'POST',
              headers: {
                'content-type': 'application/x-www-form-urlencoded',
                'sec-fetch-site': 'same-origin',
                cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; '),
              },
              body: `${new URLSearchParams(fields).toString()}&sign-out=1`,
            })
            .then((response) => (response.status === 400 ? 'error:invalid_request' : String(response.status)))
        : (await browser.post(path, fields, headers)).name;
    expect(answer).toBe(expected);
    expect(await silently(browser)).toBe('signed in');
  });

  it('a form of one browser is nothing in another', async () => {
    const one = await signedIn();
    const other = await signedIn();
    const page = await one.browser.get('/logout');
    expect((await other.browser.post('/sign-out', { ...page.form.fields, 'sign-out': '1' })).name).toBe('sign-out');
    for (const { browser } of [one, other]) expect(await silently(browser)).toBe('signed in');
  });

  it('a form about a session that is another one now asks again', async () => {
    const { browser } = await signedIn();
    const page = await browser.get('/logout');
    const username = `person${++people}`;
    world.memory.add(username);
    const login = await browser.get(authorizePath({ prompt: 'login' }));
    const switched = await browser.submit(login, { 'use-another': '1' });
    await browser.submit(switched, { username, password: `password-of-${username}`, 'sign-in': '1' });
    const again = await browser.submit(page, { 'sign-out': '1' });
    expect([again.name, again.html.includes(`${username} of the shop`)]).toEqual(['sign-out', true]);
    expect(await silently(browser)).toBe('signed in');
  });

  it('a link ends nothing by itself, and no page of it can be framed', async () => {
    const { browser, idToken } = await signedIn();
    for (const path of ['/logout', '/sign-out', '/signed-out', '/logout?client_id=shop.web']) {
      const page = await browser.get(path);
      expect([path, page.name]).toEqual([path, 'sign-out']);
      expect(page.headers.get('x-frame-options')).toBe('DENY');
      expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(page.headers.get('cache-control')).toBe('no-store');
    }
    expect(await silently(browser)).toBe('signed in');
    expect((await browser.get(logoutPath({ id_token_hint: idToken }))).name).toBe('signed-out');
  });
});

describe('front-channel logout', () => {
  const frameOf = (page: Page) => /<iframe [^>]*src="([^"]*)"/.exec(page.html)?.[1]?.replaceAll('&amp;', '&');

  it('the page loads each address with iss and sid, in frames of exactly that origin, and goes on', async () => {
    const { browser, idToken } = await signedIn('shop.framed');
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString()) as { sid: string };
    const page = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'x' }));
    expect(page.name).toBe('signed-out');
    expect(frameOf(page)).toBe(`${front}&${new URLSearchParams({ iss: issuer, sid: claims.sid }).toString()}`);
    expect(page.headers.get('content-security-policy')).toMatch(/; frame-src https:\/\/shop\.example\.com$/);
    expect([page.wayOut?.href, page.link('back')]).toEqual([`${bye}?state=x`, `${bye}?state=x`]);
    expect(page.html).not.toContain('<script');
    // Without a sealed address of this browser there is nothing to load, and the policy is the usual one.
    const plain = await browser.get('/signed-out');
    expect([plain.name, frameOf(plain)]).toEqual(['signed-out', undefined]);
    expect(plain.headers.get('content-security-policy')).not.toContain('frame-src');
  });

  it("the page's address opens in no other browser, and not as another page's", async () => {
    const { browser, idToken } = await signedIn('shop.framed');
    const path = logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye });
    const { headers } = await browser.getOnly(path);
    const address = headers.get('location') ?? '';
    const stranger = world.browser();
    await stranger.get(authorizePath());
    const page = await stranger.get(address);
    expect([page.name, frameOf(page)]).toEqual(['signed-out', undefined]);
    leadsNowhere(page);
    const asked = await browser.get(address.replace('/signed-out', '/sign-out'));
    expect(asked.name).toBe('signed-out');
    leadsNowhere(asked);
  });
});

describe('A31', () => {
  it('the sign-in page takes back the cookie of a session that is over', async () => {
    const { browser } = await signedIn();
    await world.rows(`UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND username = 'person${people}'`);
    expect(cookieOf(browser)).toBeDefined();
    expect((await browser.get(authorizePath())).name).toBe('login');
    expect(cookieOf(browser)).toBeUndefined();
  });

  it('asking somebody again who they are keeps it', async () => {
    const { browser } = await signedIn();
    expect((await browser.get(authorizePath({ prompt: 'login' }))).name).toBe('login');
    expect(await silently(browser)).toBe('signed in');
  });
});

describe('the database does not answer', () => {
  it('A23: nobody reads that they are signed out', async () => {
    const { browser, idToken } = await signedIn();
    const broken = await World.open({ clients: [webApp('shop.web', { consent: asks })] });
    const { browser: own, idToken: hint } = { browser: broken.browser(), idToken };
    for (const [name, value] of browser.cookies) own.cookies.set(name, value);
    await broken.database.close();
    const page = await own.get(logoutPath({ id_token_hint: hint }));
    expect(page.status).toBeGreaterThanOrEqual(400);
    expect(page.name).not.toBe('signed-out');
    await broken.stop().catch(() => undefined);
  });
});

describe('the audit trail', () => {
  it('has one row of the end, by name', async () => {
    const { browser, idToken } = await signedIn();
    await browser.get(logoutPath({ id_token_hint: idToken }));
    const rows = await world.rows(
      `SELECT event, outcome, reason, session_id IS NOT NULL AS session FROM audit WHERE user_name = 'person${people}' AND event = 'session.ended'`,
    );
    expect(rows).toEqual([{ event: 'session.ended', outcome: 'success', reason: 'logout', session: true }]);
  });
});
