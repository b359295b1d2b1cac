import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, DatabaseUnavailable } from '../../server/src/store/database.ts';
import { sessionStore } from '../../server/src/store/sessions.ts';
import type { Browser } from '../support/browser.ts';
import { authorize, authorizePath, codeFields, issuer, signIn, World, webApp } from '../support/world.ts';

const registered = 'https://shop.example.com/cb';
let world: World;
let turn = 0;
let username = '';
/** A person of their own for each case: no limit of one is met by another. */
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp(),
      webApp('shop.always', { consent: { mode: 'always', remember_for: 1000, on_refused_scope: 'drop' } }),
      webApp('shop.implicit', { consent: { mode: 'implicit', remember_for: 1000, on_refused_scope: 'drop' } }),
      webApp('shop.query', { redirect_uris: ['https://shop.example.com/cb?tenant=1&x=%20'] }),
      webApp('shop.native', {
        redirect_uris: ['com.example.app:/cb', 'http://127.0.0.1/cb', 'http://[::1]:8000/cb'],
        token_endpoint_auth_method: 'none',
        client_secret_digests: [],
      }),
    ],
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  world.memory.down = false;
});

type Change = Readonly<Record<string, string | undefined>>;

/** Page name, or the error that went to the client. */
async function outcome(browser: Browser, change: Change): Promise<string> {
  const page = await browser.get(authorizePath(change));
  if (page.leftTo === undefined) return page.name;
  const { error, code, state, iss } = Object.fromEntries(page.leftTo.searchParams);
  expect(`${page.leftTo.origin}${page.leftTo.pathname}`).toBe(registered);
  expect([state, iss]).toEqual(['the-state', issuer]);
  return error ?? (code === undefined ? 'nothing' : 'code');
}

describe('authorization endpoint: what goes back', () => {
  it('RFC 9207: code, state and iss, each once, in the query; the fragment is neutral', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const { leftTo } = await browser.get(authorizePath({ prompt: 'none' }));
    expect([...(leftTo?.searchParams.keys() ?? [])].sort()).toEqual(['code', 'iss', 'state']);
    expect(leftTo?.hash).toBe('#_');
  });

  it('state comes back unmodified whatever its length and characters', async () => {
    const browser = world.browser();
    for (const state of ['ü € \t"><script>&=+%20', 'x'.repeat(8000), '%00'.slice(0, 2), ' ']) {
      const page = await browser.get(authorizePath({ state, prompt: 'none' }));
      expect(page.leftTo?.searchParams.get('state')).toBe(state);
    }
    // 15 KiB are nearly a whole request target; sealed into a form it is longer than one.
    for (const length of [7000, 15_000]) {
      const state = 'y'.repeat(length);
      expect((await authorize(world.browser(), { state }, username)).state).toBe(state);
    }
    const without = await browser.get(authorizePath({ state: undefined, prompt: 'none' }));
    expect(without.leftTo?.searchParams.has('state')).toBe(false);
  });

  it('a registered query stays as it is, byte for byte', async () => {
    const page = await world.browser().get(
      authorizePath({
        client_id: 'shop.query',
        redirect_uri: 'https://shop.example.com/cb?tenant=1&x=%20',
        prompt: 'none',
      }),
    );
    expect(page.leftTo?.href).toContain('https://shop.example.com/cb?tenant=1&x=%20&error=login_required');
  });

  it.each([
    [{ response_type: undefined }, 'invalid_request'],
    [{ response_type: 'none' }, 'unsupported_response_type'],
    [{ scope: 'openid admin' }, 'invalid_scope'],
    [{ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ prompt: 'none login' }, 'invalid_request'],
    [{ prompt: 'none' }, 'login_required'],
    [{ max_age: 'x' }, 'invalid_request'],
    [{ request: 'x' }, 'request_not_supported'],
    [{ request_uri: 'https://x' }, 'request_uri_not_supported'],
    [
      { display: 'popup', acr_values: '2', ui_locales: 'de', claims_locales: 'de', login_hint: 'ada', foo: 'x' },
      'login',
    ],
  ] as readonly [Change, string][])('%j: %s', async (change, expected) => {
    expect(await outcome(world.browser(), change)).toBe(expected);
  });

  it('a request as POST is the same request as a GET, and stores nothing', async () => {
    const browser = world.browser();
    const body = authorizePath({ state: 'a b&c' }).split('?')[1] ?? '';
    const fields = Object.fromEntries(new URLSearchParams(body));
    const answer = await browser.postOnly('/authorize', fields, {
      origin: 'https://elsewhere',
      'sec-fetch-site': 'cross-site',
    });
    expect(answer.status).toBe(303);
    const location = answer.headers.get('location') ?? '';
    expect(location.startsWith('/authorize?')).toBe(true);
    expect(new URL(location, issuer).searchParams.get('state')).toBe('a b&c');
    expect((await browser.get(location)).name).toBe('login');
    // A repeat survives the way, and is refused there.
    const twice = await world.fetch(`${issuer}/authorize`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `${body}&state=2`,
    });
    const page = await browser.get(twice.headers.get('location') ?? '');
    expect(page.leftTo?.searchParams.get('error')).toBe('invalid_request');
  });

  it('a stranger writes nothing', async () => {
    const tables = ['sessions', 'authorization_requests', 'authorization_codes', 'login_attempts', 'audit'];
    const counts = () => Promise.all(tables.map((table) => world.count(table)));
    const before = await counts();
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    await browser.submit(page, { username: '', password: '', 'sign-in': '1' });
    await browser.submit(page, { cancel: '1' });
    expect(await counts()).toEqual(before);
  });
});

describe('redirect URIs', () => {
  /** 0 of 3xx to anywhere else: the page is ours, and it is an error. */
  async function refusedLocally(uri: string, clientId = 'shop.web', more: Change = {}): Promise<void> {
    const browser = world.browser();
    const response = await browser.getOnly(authorizePath({ client_id: clientId, redirect_uri: uri, ...more }));
    expect([uri, response.status >= 400 && response.status < 500]).toEqual([uri, true]);
    expect(response.headers.get('location')).toBeNull();
  }

  it.each([
    '/..;/x',
    '/%2e%2e/',
    '/;p/',
    '/%252e%252e/',
    '/./',
    '//',
    '/',
    '?',
    '#',
    '?x=1',
    '%00',
    '\t',
    '\\..\\',
    '%2F..%2F',
  ])('A01: a path trick behind a registered URI is no redirect: %j', (tail) => refusedLocally(`${registered}${tail}`));

  it.each([
    'https://shop.example.com.evil.tld/cb',
    'https://shop.example.com@evil.tld/cb',
    'https://evil@shop.example.com/cb',
    'https://shop.example.com:444/cb',
    'http://shop.example.com/cb',
    'https://SHOP.example.com/cb',
    'https://shop.example.com/CB',
    'https://shop.example.com./cb',
    '//shop.example.com/cb',
    ' https://shop.example.com/cb',
    'javascript:alert(1)',
    'data:text/html,x',
  ])('A04, A06, A07, A10: %j', (uri) => refusedLocally(uri));

  it('A02, F17: no string one byte away from a registered URI is accepted', async () => {
    const mutations = new Set<string>();
    const bytes = ['a', '/', '.', '%', '?', '#', '@', ':', '\\', ' ', 'Z', '0', '\u00e9'];
    for (let index = 0; index <= registered.length; index++) {
      for (const byte of bytes) {
        mutations.add(registered.slice(0, index) + byte + registered.slice(index));
        if (index < registered.length) mutations.add(registered.slice(0, index) + byte + registered.slice(index + 1));
      }
      mutations.add(registered.slice(0, index) + registered.slice(index + 1));
    }
    mutations.delete(registered);
    expect(mutations.size).toBeGreaterThan(600);
    for (const uri of mutations) {
      const response = await world.fetch(`${issuer}${authorizePath({ redirect_uri: uri })}`);
      const location = response.headers.get('location');
      expect([uri, response.status, location]).toEqual([uri, 400, null]);
    }
  });

  it.each([
    { response_type: 'none' },
    { scope: 'admin' },
    { prompt: 'none' },
    { prompt: 'none login' },
    { code_challenge: undefined },
    { request: 'x' },
    { max_age: '-1' },
  ] as readonly Change[])('A09: an error branch with an unregistered URI stays here: %j', (change) =>
    refusedLocally('https://evil.example/cb', 'shop.web', change),
  );

  it('A08: on loopback only the port may vary, and never for localhost', async () => {
    const native = (redirect_uri: string) => authorizePath({ client_id: 'shop.native', redirect_uri });
    for (const uri of ['http://127.0.0.1:49152/cb', 'http://127.0.0.1/cb', 'http://[::1]:1/cb']) {
      expect((await world.browser().get(native(uri))).name).toBe('login');
    }
    for (const uri of [
      'http://localhost:49152/cb',
      'http://127.0.0.2/cb',
      'http://127.0.0.1:1/other',
      'http://[::1]/',
    ]) {
      await refusedLocally(uri, 'shop.native');
    }
  });

  it('an unknown client, or none, is a page of ours', async () => {
    await refusedLocally(registered, 'nobody');
    expect((await world.browser().get(authorizePath({ client_id: undefined }))).name).toBe('error:invalid_request');
  });

  it.each([['client_id'], ['redirect_uri']])('A03: %s twice is a page of ours', async (name) => {
    const response = await world.fetch(`${issuer}${authorizePath()}&${name}=x`);
    expect([response.status, response.headers.get('location')]).toEqual([400, null]);
  });
});

describe('A12: whatever is reflected is text', () => {
  const probe = `"><script>alert(1)</script>'&`;
  it.each([
    'state',
    'nonce',
    'login_hint',
    'scope',
    'prompt',
    'client_id',
    'redirect_uri',
    'ui_locales',
    'response_type',
  ])('%s', async (name) => {
    const browser = world.browser();
    const page = await browser.get(authorizePath({ [name]: probe }));
    expect(page.html).not.toContain('<script');
    if (page.name === 'login') {
      const again = await browser.submit(page, { username: probe, password: 'x', 'sign-in': '1' });
      expect(again.html).not.toContain('<script');
    }
  });
});

describe('prompt and max_age', () => {
  /** Signed in `age` seconds ago, with consent remembered unless `client_id` says otherwise. */
  async function signedIn(age = 0): Promise<Browser> {
    const browser = world.browser();
    await authorize(browser, {}, username);
    if (age > 0) await world.rows(`UPDATE sessions SET auth_time = now() - make_interval(secs => ${age})`);
    return browser;
  }
  it.each([
    [0, {}, 'code'],
    [0, { prompt: 'none' }, 'code'],
    [0, { prompt: 'login' }, 'login'],
    [0, { prompt: 'consent' }, 'consent'],
    [0, { prompt: 'consent login' }, 'login'],
    [0, { max_age: '0', prompt: 'none' }, 'login_required'],
    [0, { max_age: '600', prompt: 'none' }, 'code'],
    [5, { max_age: '1', prompt: 'none' }, 'login_required'],
    [50, { max_age: '1000' }, 'code'],
    [50, { max_age: '40' }, 'login'],
    [50, { max_age: '40', prompt: 'none' }, 'login_required'],
    [0, { scope: 'openid groups', prompt: 'none' }, 'consent_required'],
    [0, { scope: 'openid groups' }, 'consent'],
    [0, { client_id: 'shop.always' }, 'consent'],
    [0, { client_id: 'shop.always', prompt: 'none' }, 'consent_required'],
    [0, { client_id: 'shop.implicit' }, 'code'],
    [0, { client_id: 'shop.implicit', prompt: 'none', scope: 'openid groups' }, 'code'],
    [0, { client_id: 'shop.implicit', prompt: 'consent' }, 'consent'],
    [0, { prompt: 'select_account' }, 'choose-account'],
    // "However long ago", in the words of some.
    [100, { max_age: '2147483647' }, 'code'],
    [100, { max_age: '999999999999999' }, 'code'],
  ] as readonly [number, Change, string][])('signed in %i s ago, %j: %s', async (age, change, expected) => {
    expect(await outcome(await signedIn(age), change)).toBe(expected);
  });

  it('prompt=login and an elapsed max_age give a newer auth_time, after one sign-in', async () => {
    const browser = await signedIn(100);
    for (const change of [{ prompt: 'login' }, { max_age: '40' }, { max_age: '0' }]) {
      await world.rows(`UPDATE sessions SET auth_time = now() - interval '100 seconds'`);
      const before = await world.rows<{ at: Date }>('SELECT max(auth_time) AS at FROM sessions');
      const login = await browser.get(authorizePath(change));
      expect(login.name).toBe('login');
      expect(login.html).toContain('Please confirm that it is you');
      const done = await browser.submit(login, { password: `password-of-${username}`, 'sign-in': '1' });
      expect(done.response.code).toBeDefined();
      const after = await world.rows<{ at: Date }>('SELECT max(auth_time) AS at FROM sessions');
      expect(after[0]?.at.getTime()).toBeGreaterThan(before[0]?.at.getTime() ?? 0);
    }
  });

  it.each([
    [true, 'session_sign_in'],
    [false, 'session_sign_in_softly'],
  ])('A29: a handle that was replaced (%s) stays so in a crash of the database: %s', async (renews, expected) => {
    const browser = await signedIn(1);
    const { database } = world;
    const [row] = await world.rows<{ id: string; subject: string }>(
      'SELECT id, subject FROM sessions WHERE username = $1 AND ended_at IS NULL',
      [username],
    );
    expect(row).toBeDefined();
    const names: string[] = [];
    const recording: Pick<Database, 'run'> = {
      run: (statement, values) => {
        names.push(statement.name);
        return database.run(statement, values);
      },
    };
    const { subject = '', id = '' } = row ?? {};
    const { signedIn: done } = await sessionStore(recording as Database).signIn({
      handle: randomUUID(),
      browser: randomUUID(),
      session: {
        id: renews ? id : randomUUID(),
        subject,
        directory: 'd',
        entryId: 'e',
        username,
        name: username,
        claims: {},
      },
      renews,
      ends: undefined,
      idle: 60,
      absolute: 60,
      throttleKey: username,
      audit: [],
    });
    expect([done, names]).toEqual([true, [expected]]);
    expect((await browser.get('/account')).name).toBe(renews ? 'login' : 'account');
  });

  it('login_hint is filled in', async () => {
    const page = await world.browser().get(authorizePath({ login_hint: 'grace' }));
    expect(page.form.fields.username).toBe('grace');
  });

  it('a public client with a private-use scheme is asked every time', async () => {
    const native = { client_id: 'shop.native', redirect_uri: 'com.example.app:/cb' };
    const browser = world.browser();
    expect((await signIn(browser, authorizePath(native), username)).name).toBe('consent');
    const { code } = await authorize(browser, native, username);
    expect(code).toBeDefined();
    expect((await browser.get(authorizePath(native))).name).toBe('consent');
    const silent = await browser.get(authorizePath({ ...native, prompt: 'none' }));
    expect(silent.leftTo?.searchParams.get('error')).toBe('consent_required');
  });
});

describe('at most ten unused codes for one user and client', () => {
  it('an application in a loop is told to wait, and stores nothing more', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    for (let codes = 1; codes < 10; codes++) expect(await outcome(browser, {})).toBe('code');
    expect(await outcome(browser, {})).toBe('temporarily_unavailable');
    expect(await outcome(browser, { prompt: 'none' })).toBe('temporarily_unavailable');
    expect(await world.count('authorization_codes', `username = '${username}'`)).toBe(10);
    const consent = await browser.get(authorizePath({ prompt: 'consent' }));
    const page = await browser.submit(consent, { decision: 'allow' });
    expect(page.name).toBe('error:temporarily_unavailable');
    await world.rows(`UPDATE authorization_codes SET expires_at = now() WHERE username = '${username}'`);
    expect((await browser.submit(page, {})).name).toBe('continue');
  });
});

describe('a database that is away issues nothing', () => {
  it('503 with Retry-After for pages and tokens, a redirect for prompt=none; afterwards all goes on', async () => {
    let away = false;
    const database = (real: Database, use: 'request' | 'background'): Database =>
      use === 'background'
        ? real
        : {
            ...real,
            kind: real.kind,
            kysely: real.kysely,
            run: (statement, values) =>
              away ? Promise.reject(new DatabaseUnavailable('a test says so')) : real.run(statement, values),
          };
    const own = await World.open({ options: { seams: { database } } });
    try {
      const browser = own.browser();
      const { code } = await authorize(browser);
      const consent = await browser.get(authorizePath({ prompt: 'consent' }));
      away = true;
      const page = await browser.get(authorizePath());
      expect([page.name, page.status]).toEqual(['error:temporarily_unavailable', 503]);
      expect(page.headers.get('retry-after')).not.toBeNull();
      expect((await browser.submit(consent, { decision: 'allow' })).status).toBe(503);
      const silent = await browser.get(authorizePath({ prompt: 'none' }));
      expect(silent.leftTo?.searchParams.get('error')).toBe('temporarily_unavailable');
      const refused = await own.token(codeFields(code));
      expect([refused.status, refused.body.error]).toEqual([503, 'temporarily_unavailable']);
      away = false;
      expect((await own.token(codeFields(code))).status).toBe(200);
      expect((await browser.submit(consent, { decision: 'allow' })).name).toBe('continue');
    } finally {
      await own.stop();
    }
  });
});

describe('I7: a directory that cannot be asked issues nothing', () => {
  it('prompt=none: temporarily_unavailable by redirect', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    world.memory.down = true;
    expect(await outcome(browser, { prompt: 'none' })).toBe('temporarily_unavailable');
  });

  it('a remembered yes: a page with a way to try the same request again', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const before = await world.count('authorization_codes');
    world.memory.down = true;
    const page = await browser.get(authorizePath({ state: 'kept' }));
    expect([page.name, page.status, page.headers.get('retry-after')]).toEqual([
      'error:temporarily_unavailable',
      503,
      '2',
    ]);
    expect(await world.count('authorization_codes')).toBe(before);
    world.memory.down = false;
    const retried = await browser.get(page.link('retry') ?? '');
    expect(retried.name).toBe('continue');
    expect(retried.response).toMatchObject({ state: 'kept', iss: issuer });
    expect(retried.response.code).toBeDefined();
  });
});
