/** OpenID Connect RP-Initiated Logout 1.0: whatever is wrong with a request ends on a page of ours, and nobody else signs a person out. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Page } from '../support/browser.ts';
import { bye, byeFrom, logoutPath, type SignedIn, signedIn, silently, useLogout, world } from '../support/logout.ts';
import { authorizePath, issuer } from '../support/world.ts';

useLogout();

/** Nothing on the page, and nothing in the answer, leads anywhere but to us. */
const leadsNowhere = (page: Page) => {
  expect(page.leftTo).toBeUndefined();
  expect(page.wayOut).toBeUndefined();
  expect(page.link('back')).toBeUndefined();
  expect(page.html).not.toMatch(/evil/);
};

const forged = (token: string, part: 0 | 1 | 2, change: (text: string) => string) =>
  token
    .split('.')
    .map((text, at) => (at === part ? change(text) : text))
    .join('.');
/** Its first letter is another one, whichever that was. */
const altered = (text = '') => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
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
  ['a signature that does not hold', ({ idToken }) => logoutPath({ id_token_hint: forged(idToken, 2, altered) })],
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
    ['an altered request', (fields) => ({ ...fields, request: altered(fields.request) }), {}, 'sign-out'],
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
    const username = 'person-of-both';
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
