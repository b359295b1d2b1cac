import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gives } from '../../server/src/protocol/response-type.ts';
import { responseTypes } from '../../server/src/protocol/terms.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aClient } from '../support/builders.ts';
import { answered, membersOf } from '../support/front-channel.ts';
import { authorizePath, issuer, World } from '../support/world.ts';

/** Requests at the edges of what the specifications say, for every response type in every mode. */
const redirectUri = 'https://shop.example.com/cb?tenant=a%20b';
let world: World;
beforeAll(async () => {
  const consent = { mode: 'implicit', remember_for: 1000, on_refused_scope: 'drop' } as const;
  world = await World.open({
    clients: [
      aClient()
        .everyResponseType()
        .with({ redirect_uris: [redirectUri], consent })
        .build(),
      aClient('shop.code')
        .with({ redirect_uris: [redirectUri] })
        .build(),
    ],
  });
});
afterAll(() => world?.stop());
let browser: Browser;
let username = '';
let turn = 0;
beforeEach(async () => {
  // One address signs in more often here than anybody may.
  await world.rows('DELETE FROM login_attempts');
  username = `user${++turn}`;
  world.memory.add(username);
  browser = world.browser();
});

type Change = Readonly<Record<string, string | undefined>>;
const path = (change: Change) => authorizePath({ redirect_uri: redirectUri, ...change });
const signIn = (page: Page) => browser.submit(page, { username, password: `password-of-${username}`, 'sign-in': '1' });
const mistype = (page: Page) => browser.submit(page, { username, password: 'mistyped', 'sign-in': '1' });

/** Every parameter of the response, repeats included, and nothing that was not sent as one. */
function parameters(page: Page): readonly (readonly [string, string])[] {
  if (page.posted !== undefined) {
    expect(page.posted.action).toBe(redirectUri);
    const inputs = [...page.html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
    expect(inputs.length).toBe(Object.keys(page.posted.fields).length);
    return Object.entries(page.posted.fields);
  }
  const url = page.wayOut as URL;
  expect(url.href.startsWith(redirectUri)).toBe(true);
  if (page.mode === 'fragment') {
    expect([...url.searchParams]).toEqual([['tenant', 'a b']]);
    return [...new URLSearchParams(url.hash.slice(1))];
  }
  expect(url.hash).toBe('#_');
  return [...url.searchParams].filter(([name]) => name !== 'tenant');
}
function expectEachOnce(page: Page, expected: readonly string[]): Readonly<Record<string, string>> {
  const all = parameters(page);
  expect(all.map(([name]) => name).sort()).toEqual([...expected].sort());
  return Object.fromEntries(all);
}

const widest = { response_type: 'code id_token token', response_mode: 'form_post', prompt: 'none', state: '' };
const longest = 16_384 - path(widest).length;
const states: readonly [string, string][] = [
  ['plain', 'af0ifjsldkj'],
  ['8 KiB', 'Az09-_.~'.repeat(1024)],
  ['as long as the target', 's'.repeat(longest)],
  ['all that is printed in ASCII', Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')],
  ['quotes and backslashes', '"\\'.repeat(2500)],
  ['Unicode', 'Zoë 東京 ∑ 🇪🇺 \u{10ffff} e\u0301'],
  ['8 KiB of Unicode letters, as long as the target', '東'.repeat(Math.floor(longest / 9))],
  ['what turns the reading around, and what nobody sees', 'a\u202eb\u2066c\u200f\ufeff\u00a0\u0001\u007f\u0085\t z'],
  ['markup', '"><script>alert(1)</script><!--&lt;&#39;\''],
  ['what looks like more parameters', 'a&code=b&iss=https://evil.example#access_token=c%26d+e'],
  ['spaces around', '  x  '],
];

describe.each(answered)('response_type=%s, response_mode=%s', (response_type, response_mode) => {
  const asked = { response_type, response_mode };
  const whole = [...membersOf(response_type), 'iss'];

  it.each(states)('a state comes back unmodified after a mistyped password: %s', async (_what, state) => {
    const login = await browser.get(path({ ...asked, state }));
    const again = await mistype(login);
    expect([again.status, again.name, again.problem]).toEqual([200, 'login', expect.stringContaining('not right')]);
    const done = await signIn(again);
    expect(done.mode).toBe(response_mode);
    expect(expectEachOnce(done, [...whole, 'state'])).toMatchObject({ state, iss: issuer });
    const silent = await browser.get(path({ ...asked, state, prompt: 'none' }));
    expect(expectEachOnce(silent, [...whole, 'state']).state).toBe(state);
  });

  it.each(states)('and so after Cancel, and beside an error: %s', async (_what, state) => {
    const login = await browser.get(path({ ...asked, state }));
    const cancelled = await browser.submit(login, { cancel: '1' });
    const errors = ['error', 'error_description', 'iss', 'state'];
    expect(expectEachOnce(cancelled, errors)).toMatchObject({ error: 'access_denied', state });
    const silent = await browser.get(path({ ...asked, state, prompt: 'none' }));
    expect(expectEachOnce(silent, errors)).toMatchObject({ error: 'login_required', state });
    expect([cancelled.mode, silent.mode]).toEqual([response_mode, response_mode]);
  });

  it('without a state, or with an empty one, none comes back', async () => {
    for (const state of [undefined, '']) {
      const login = await browser.get(path({ ...asked, state }));
      expectEachOnce(login.name === 'login' ? await signIn(login) : login, whole);
    }
  });

  it.each<[string, string]>([
    ['unknown parameters', 'foo=bar&audience=x&resource_hint=y&claims_locales=de'],
    ['unknown parameters without a value', 'foo&bar=&=x'],
    ['hints that nobody follows', 'display=popup&ui_locales=xx&login_hint=somebody&acr_values=gold'],
    ['empty values', 'prompt=&max_age=&login_hint=&display=&response=&id_token_hint='],
  ])('RFC 6749 §3.1: %s change nothing', async (_what, more) => {
    const done = await signIn(await browser.get(`${path(asked)}&${more}`));
    expectEachOnce(done, [...whole, 'state']);
  });

  it.each(['scope', 'nonce', 'foo', 'code_challenge', 'prompt', 'state', 'response_mode', 'response_type'])(
    'RFC 6749 §3.1, A03: %s twice is invalid_request, and no parameter is there twice',
    async (name) => {
      const from = new URLSearchParams(path({ ...asked, prompt: 'none', foo: 'x' }).split('?')[1]);
      const page = await browser.get(
        `${path({ ...asked, prompt: 'none', foo: 'x' })}&${name}=${encodeURIComponent(from.get(name) ?? '')}`,
      );
      const state = name === 'state' ? [] : ['state'];
      expect(expectEachOnce(page, ['error', 'error_description', 'iss', ...state]).error).toBe('invalid_request');
      // What was sent twice says nothing: neither how to answer.
      if (name === 'response_mode') expect(page.mode).toBe(response_type === 'code' ? 'query' : 'fragment');
      else if (name !== 'response_type') expect(page.mode).toBe(response_mode);
    },
  );

  it('by POST, from another site, all the same', async () => {
    const form = Object.fromEntries(new URLSearchParams(path(asked).split('?')[1]));
    const login = await browser.post('/authorize', form, {
      origin: 'https://shop.example.com',
      'sec-fetch-site': 'cross-site',
    });
    expectEachOnce(await signIn(login), [...whole, 'state']);
  });

  it('the order of words, scopes and parameters is irrelevant', async () => {
    const reversed = response_type.split(' ').reverse().join(' ');
    const query = [
      ...new URLSearchParams(path({ ...asked, response_type: reversed, scope: 'email profile openid' }).split('?')[1]),
    ].reverse();
    const done = await signIn(await browser.get(`/authorize?${new URLSearchParams(query).toString()}`));
    expectEachOnce(done, [...whole, 'state']);
  });

  it('every response is kept by nobody and refers to nobody', async () => {
    const done = await signIn(await browser.get(path(asked)));
    const silent = await browser.getOnly(path({ ...asked, prompt: 'none' }));
    for (const headers of [done.headers, silent.headers]) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    }
    expect(silent.status).toBe(response_mode === 'form_post' ? 200 : 303);
  });
});

describe('an error travels as its answer would', () => {
  const errors: readonly [string, Change][] = [
    ['unauthorized_client', { client_id: 'shop.code', response_type: 'token' }],
    ['unsupported_response_type', { response_type: 'code magic' }],
    ['unsupported_response_type', { response_type: 'id_token magic' }],
    ['invalid_request', { response_type: undefined }],
    ['invalid_request', { response_type: 'id_token', nonce: undefined }],
    ['invalid_request', { response_type: 'code id_token', nonce: '' }],
    ['invalid_request', { response_type: 'code token', code_challenge: undefined }],
    ['invalid_request', { response_type: 'id_token', scope: 'profile' }],
    ['invalid_scope', { response_type: 'token', scope: 'openid admin' }],
    ['request_not_supported', { response_type: 'token', request: 'eyJ' }],
    ['request_uri_not_supported', { response_type: 'code', request_uri: 'https://x.example/' }],
    ['registration_not_supported', { response_type: 'id_token', registration: '{}' }],
    ['login_required', { response_type: 'code id_token token', prompt: 'none' }],
  ];
  it.each(
    errors.flatMap(([error, change]) =>
      [undefined, 'fragment', 'form_post'].map((mode) => [error, change, mode] as const),
    ),
  )('%s for %j with response_mode=%s', async (error, change, response_mode) => {
    const page = await browser.get(path({ ...change, response_mode }));
    const front = /token/.test(change.response_type ?? '');
    expect(page.mode).toBe(response_mode ?? (front ? 'fragment' : 'query'));
    const told = expectEachOnce(page, ['error', 'error_description', 'iss', 'state']);
    expect(told).toMatchObject({ error, state: 'the-state', iss: issuer });
    // RFC 6749 §4.1.2.1
    expect(told.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  });

  it.each(responseTypes)('response_mode=query for %s', async (response_type) => {
    const page = await browser.get(path({ response_type, response_mode: 'query', prompt: 'none' }));
    const front = response_type !== 'code';
    expect([page.mode, page.response.error]).toEqual(
      front ? ['fragment', 'invalid_request'] : ['query', 'login_required'],
    );
  });

  it.each(responseTypes)('an unknown response_mode for %s', async (response_type) => {
    for (const response_mode of ['web_message', 'QUERY', 'form_post ', 'fragment.jwt']) {
      const page = await browser.get(path({ response_type, response_mode, prompt: 'none' }));
      expect(page.response).toMatchObject({ error: 'invalid_request', state: 'the-state', iss: issuer });
      expect(page.mode).toBe(response_type === 'code' ? 'query' : 'fragment');
    }
  });

  it('what a form cannot carry is refused in a way that carries it', async () => {
    for (const state of ['a\nb', 'a\r\nb']) {
      const page = await browser.get(path({ response_type: 'id_token', response_mode: 'form_post', state }));
      expect([page.mode, page.response.error, page.response.state]).toEqual(['fragment', 'invalid_request', state]);
    }
  });

  it('RFC 6749 §4.1.2.1: no code and no token beside an error', async () => {
    for (const response_type of responseTypes.filter((type) => gives(type, 'token'))) {
      const page = await browser.get(path({ response_type, prompt: 'none' }));
      for (const name of ['code', 'access_token', 'id_token', 'token_type'])
        expect(page.response).not.toHaveProperty(name);
    }
  });
});
