import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/src/keys/key-set.ts';
import { epochSeconds } from '../../server/src/protocol/time.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aServer } from '../support/builders.ts';
import {
  authorize,
  authorizePath,
  codeFields,
  issuer,
  refreshFields,
  signIn,
  World,
  webApp,
} from '../support/world.ts';

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp(),
      webApp('shop.other'),
      webApp('shop.pairwise', { subject_type: 'pairwise', sector_identifier: 'shop.example.com' }),
    ],
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

type Change = Readonly<Record<string, string | undefined>>;

/** Page name, or what went to the client. */
async function outcome(browser: Browser, change: Change): Promise<string> {
  return told(await browser.get(authorizePath(change)));
}

function told(page: Page): string {
  if (page.wayOut === undefined) return page.name;
  const { error, code } = page.response;
  return error ?? (code === undefined ? 'nothing' : 'code');
}

async function tokensOf(name: string, change: Change = {}) {
  if (!world.memory.people.has(name)) world.memory.add(name);
  const browser = world.browser();
  const { code } = await authorize(browser, change, name);
  const { body } = await world.token(codeFields(code), change.client_id);
  return { browser, ...body };
}

async function hintOf(name: string, change: Change = {}): Promise<string> {
  return (await tokensOf(name, change)).id_token ?? '';
}

describe('OIDC Core §3.1.2.1: id_token_hint', () => {
  it('prompt=none works with id_token_hint', async () => {
    const { browser, id_token: hint } = await tokensOf(username);
    expect(await outcome(browser, { prompt: 'none', id_token_hint: hint })).toBe('code');
    expect(await outcome(browser, { id_token_hint: hint })).toBe('code');
  });

  it('a hint for another user is login_required, and without prompt=none the login page that names nobody', async () => {
    const { browser } = await tokensOf(username);
    const hint = await hintOf('grace');
    expect(await outcome(browser, { prompt: 'none', id_token_hint: hint })).toBe('login_required');
    const page = await browser.get(authorizePath({ id_token_hint: hint }));
    expect(page.name).toBe('login');
    expect(page.html).not.toContain('Please confirm that it is you');
    expect(page.form.fields.username).toBe('');
  });

  it('nobody is signed in: login, or login_required', async () => {
    const hint = await hintOf(username);
    expect(await outcome(world.browser(), { prompt: 'none', id_token_hint: hint })).toBe('login_required');
    expect(told(await signIn(world.browser(), authorizePath({ id_token_hint: hint }), username))).toBe('code');
  });

  it('somebody else signs in: login_required, at once, and the session is theirs', async () => {
    const hint = await hintOf('grace');
    const browser = world.browser();
    const page = await signIn(browser, authorizePath({ id_token_hint: hint }), username);
    expect(page.name).toBe('continue');
    expect(page.response).toMatchObject({ error: 'login_required', state: 'the-state', iss: issuer });
    expect(page.response.code).toBeUndefined();
    expect(await outcome(browser, { prompt: 'none' })).toBe('consent_required');
  });

  it('the page after the sign-in still knows whom the request is about', async () => {
    const hint = await hintOf('grace');
    const browser = world.browser();
    await signIn(browser, authorizePath({ prompt: 'consent', id_token_hint: hint }), 'grace');
    const first = await browser.get(authorizePath({ prompt: 'consent', id_token_hint: hint }));
    // Somebody else signs in in another tab before the click.
    await authorize(browser, { prompt: 'login' }, 'grace');
    const login = await browser.get(authorizePath({ prompt: 'login' }));
    const another = await browser.submit(login, { 'use-another': '1' });
    await browser.submit(another, { username, password: `password-of-${username}`, 'sign-in': '1' });
    const clicked = await browser.submit(first, { decision: 'allow' });
    expect(clicked.name).toBe('login');
  });

  it('an expired one is as good', async () => {
    let ahead = 0;
    const clock = { now: () => epochSeconds(systemClock.now() + ahead) };
    const { lifetimes } = aServer();
    const own = await World.open({ server: { lifetimes: { ...lifetimes, id_token: 1 } }, options: { clock } });
    try {
      const browser = own.browser();
      const { code } = await authorize(browser, {});
      const hint = (await own.token(codeFields(code))).body.id_token ?? '';
      ahead = 3;
      expect(decodeJwt(hint).exp).toBeLessThan(clock.now());
      expect(await outcome(browser, { prompt: 'none', id_token_hint: hint })).toBe('code');
    } finally {
      await own.stop();
    }
  });

  it.each<[string, () => Promise<string>]>([
    ['no JWT', () => Promise.resolve('nonsense')],
    ['an access token', async () => (await tokensOf(username)).access_token ?? ''],
    ['one of another client', () => hintOf(username, { client_id: 'shop.other' })],
    ['an altered one', async () => `${(await hintOf(username)).slice(0, -6)}AAAAAA`],
    [
      'A53: one without a signature',
      async () => {
        const [, payload = ''] = (await hintOf(username)).split('.');
        return `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`;
      },
    ],
    [
      'one that somebody else signed with a key in its header',
      async () => {
        const { privateKey, publicKey } = await generateKeyPair('ES256');
        const claims = decodeJwt(await hintOf(username));
        const header = { alg: 'ES256', typ: 'JWT', jwk: await exportJWK(publicKey) };
        return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
      },
    ],
    ['A56: more than 16 KiB', () => Promise.resolve('x'.repeat(15_000))],
  ])('%s is invalid_request: an answer without it could be about somebody else', async (_title, make) => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const hint = await make();
    expect(await outcome(browser, { id_token_hint: hint })).toBe('invalid_request');
    expect(await outcome(browser, { id_token_hint: hint, prompt: 'none' })).toBe('invalid_request');
  });

  it('Core §8: a pairwise subject is compared as its client knows it', async () => {
    const change = { client_id: 'shop.pairwise' };
    const { browser, id_token: hint } = await tokensOf(username, change);
    expect(await outcome(browser, { ...change, prompt: 'none', id_token_hint: hint })).toBe('code');
    const other = await hintOf('grace', change);
    expect(await outcome(browser, { ...change, prompt: 'none', id_token_hint: other })).toBe('login_required');
  });

  it('openid-client: a hint with prompt=none', async () => {
    const rp = await world.relyingParty();
    const { browser, id_token: hint = '' } = await tokensOf(username);
    const url = oidc.buildAuthorizationUrl(rp, {
      ...Object.fromEntries(new URL(authorizePath(), issuer).searchParams),
      prompt: 'none',
      id_token_hint: hint,
    });
    const page = await browser.get(`${url.pathname}${url.search}`);
    const tokens = await oidc.authorizationCodeGrant(rp, page.wayOut ?? new URL('about:blank'), {
      pkceCodeVerifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
      expectedState: 'the-state',
      expectedNonce: 'the-nonce',
    });
    expect(tokens.claims()?.sub).toBe(decodeJwt(hint).sub);
  });
});

describe('OIDC Core §3.1.2.2: sub with a value', () => {
  const about = (member: 'id_token' | 'userinfo', ...values: unknown[]): Change => ({
    claims: JSON.stringify({ [member]: { sub: { values } } }),
  });

  it.each(['id_token', 'userinfo'] as const)('in %s: nobody else is answered about', async (member) => {
    const { browser, id_token: token = '' } = await tokensOf(username);
    const { sub } = decodeJwt(token);
    const other = decodeJwt(await hintOf('grace')).sub;
    expect(await outcome(browser, { ...about(member, sub), prompt: 'none' })).toBe('code');
    expect(await outcome(browser, { ...about(member, other, sub), prompt: 'none' })).toBe('code');
    expect(await outcome(browser, { ...about(member, other), prompt: 'none' })).toBe('login_required');
    expect(await outcome(browser, about(member, other))).toBe('login');
    const page = await signIn(world.browser(), authorizePath(about(member, other)), username);
    expect(page.response.error).toBe('login_required');
    expect(told(await signIn(world.browser(), authorizePath(about(member, other)), 'grace'))).toBe('code');
  });

  it('it holds beside a hint', async () => {
    const { browser, id_token: hint = '' } = await tokensOf(username);
    const other = decodeJwt(await hintOf('grace')).sub;
    const change = { ...about('id_token', other), id_token_hint: hint, prompt: 'none' };
    expect(await outcome(browser, change)).toBe('login_required');
  });
});

describe('OIDC Core §3.1.2.1: prompt=select_account', () => {
  const choose = { prompt: 'select_account' };

  it('nobody is signed in: to sign in is to choose', async () => {
    const page = await signIn(world.browser(), authorizePath(choose), username);
    expect(page.name).toBe('consent');
  });

  it('the page names the application and the one account; to choose it goes on', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await browser.get(authorizePath(choose));
    expect(page.name).toBe('choose-account');
    const text = page.html.replaceAll(/<[^>]*>/g, '');
    expect(text).toContain('Choose an account');
    expect(text).toContain('to continue to The shop');
    expect(text).toContain(`${username} of the shop (${username})`);
    const account = /<button name="account" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const done = await browser.submit(page, { account });
    expect([done.name, told(done)]).toEqual(['continue', 'code']);
  });

  it('another account: the login page, and after it no more choosing', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const login = await browser.submit(await browser.get(authorizePath(choose)), { 'use-another': '1' });
    expect([login.name, login.form.fields.username]).toEqual(['login', '']);
    world.memory.add(`${username}b`);
    const fields = { username: `${username}b`, password: `password-of-${username}b`, 'sign-in': '1' };
    expect((await browser.submit(login, fields)).name).toBe('consent');
  });

  const account = (page: Page) => ({ account: /<button name="account" value="([^"]*)"/.exec(page.html)?.[1] ?? '' });

  it.each<[string, Change, readonly string[]]>([
    ['select_account consent', {}, ['choose-account', 'consent', 'continue']],
    ['consent select_account login', {}, ['choose-account', 'login', 'consent', 'continue']],
    ['select_account login', {}, ['choose-account', 'login', 'continue']],
    ['login consent', {}, ['login', 'consent', 'continue']],
    ['select_account', { max_age: '0' }, ['choose-account', 'login', 'continue']],
    ['consent', {}, ['consent', 'continue']],
  ])('prompt=%s, %j: %j', async (prompt, more, expected) => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    let page = await browser.get(authorizePath({ prompt, ...more }));
    const seen = [page.name];
    while (page.name !== 'continue' && seen.length < 6) {
      page = await browser.submit(page, {
        ...(page.name === 'choose-account' ? account(page) : {}),
        ...(page.name === 'login' ? { username, password: `password-of-${username}`, 'sign-in': '1' } : {}),
        ...(page.name === 'consent' ? { decision: 'allow' } : {}),
      });
      seen.push(page.name);
    }
    expect(seen).toEqual(expected);
    expect(page.response.code).toBeDefined();
  });

  it('an account that is not there, or nothing: it is asked again', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await browser.get(authorizePath(choose));
    for (const fields of [{ account: 'nobody' }, { account: 'x'.repeat(5000) }, {}]) {
      expect((await browser.submit(page, fields)).name).toBe('choose-account');
    }
  });

  it('somebody else signed in meanwhile: the choice was of another session', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await browser.get(authorizePath(choose));
    const login = await browser.get(authorizePath({ prompt: 'login' }));
    const another = await browser.submit(login, { 'use-another': '1' });
    world.memory.add(`${username}c`);
    await browser.submit(another, { username: `${username}c`, password: `password-of-${username}c`, 'sign-in': '1' });
    const again = await browser.submit(page, account(page));
    expect(again.name).toBe('choose-account');
    expect(again.html).toContain(`${username}c of the shop`);
  });

  it('F20, A65: the form is ours, and this browser’s', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await browser.get(authorizePath(choose));
    const foreign = await browser.submit(page, account(page), {
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    });
    expect(foreign.name).toBe('error:invalid_request');
    const { token: _token, ...rest } = page.form.fields;
    expect((await browser.post('/choose-account', { ...rest, ...account(page) })).name).toBe('error:invalid_request');
    const other = world.browser();
    await authorize(other, {}, username);
    expect((await other.post('/choose-account', { ...page.form.fields, ...account(page) })).name).toBe(
      'error:invalid_request',
    );
  });

  it('a session that ended meanwhile: login', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await browser.get(authorizePath(choose));
    await world.rows(`UPDATE sessions SET ended_at = now() WHERE username = '${username}'`);
    expect((await browser.submit(page, account(page))).name).toBe('login');
  });

  it('nothing can be chosen in silence', async () => {
    expect(await outcome(world.browser(), { prompt: 'none select_account' })).toBe('invalid_request');
  });
});

describe('OIDC Core §3.1.2.1: max_age', () => {
  it('auth_time is in the ID token whenever max_age was sent, as of the last sign-in', async () => {
    const { browser } = await tokensOf(username);
    await world.rows(`UPDATE sessions SET auth_time = now() - interval '50 seconds' WHERE username = '${username}'`);
    const age = async (change: Change) => {
      const { code } = await authorize(browser, change, username);
      const { body } = await world.token(codeFields(code));
      const { auth_time: at, iat = 0 } = decodeJwt(body.id_token ?? '');
      const second = (await world.token(refreshFields(body.refresh_token))).body;
      expect(decodeJwt(second.id_token ?? '').auth_time).toBe(at);
      return iat - Number(at);
    };
    expect(await age({ max_age: '1000' })).toBeGreaterThanOrEqual(49);
    expect(await age({ max_age: '45' })).toBeLessThan(45);
  });

  it('max_age=0 is prompt=login, also within the second of the sign-in', async () => {
    const { browser } = await tokensOf(username);
    expect(await outcome(browser, { max_age: '0', prompt: 'none' })).toBe('login_required');
    expect(await outcome(browser, { max_age: '0' })).toBe('login');
  });
});

describe('what never causes an error', () => {
  it.each<Change>([
    { display: 'page' },
    { display: 'popup' },
    { display: 'touch' },
    { display: 'wap' },
    { display: 'hologram' },
    { ui_locales: 'de fr-CA x' },
    { ui_locales: '!!' },
    { claims_locales: 'de' },
    { login_hint: 'x'.repeat(3000) },
    { acr_values: 'a b c' },
    { id_token_hint: '' },
    { max_age: '' },
    { claims: '' },
    { resource: '' },
  ])('%j', async (change) => expect(await outcome(world.browser(), change)).toBe('login'));

  it('ui_locales chooses the language of every page', async () => {
    const browser = world.browser();
    const page = await browser.get(authorizePath({ ui_locales: 'xx fr-CA de' }));
    expect(page.html).toContain('<html lang="fr"');
  });
});
