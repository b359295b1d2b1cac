import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { triesPerAddress, triesPerEntry } from '../../server/src/store/login-attempts.ts';
import type { Browser, Page } from '../support/browser.ts';
import { MovedClock } from '../support/moved-clock.ts';
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
  world = await World.open({ clients: [webApp(), webApp('shop.other')] });
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
  world.memory.down = false;
});

const sessionCookie = '__Host-nauthera_session';
const browserCookie = '__Host-nauthera_browser';
const right = () => `password-of-${username}`;
const enter = (browser: Browser, page: Page, name: string, password: string) =>
  browser.submit(page, { username: name, password, 'sign-in': '1' });

describe('the sign-in page', () => {
  it('names the client and the host to go back to, and protects itself', async () => {
    const page = await world.browser().get(authorizePath());
    expect(page.html).toContain('The shop');
    expect(page.html).toContain('shop.example.com');
    expect(page.headers.get('content-security-policy')).toContain(`frame-ancestors 'none'`);
    expect(page.headers.get('content-security-policy')).toContain(`form-action 'self'`);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  });

  it.each([
    ['', 'x', 'Enter your username'],
    ['ada', '', 'Enter your password'],
    ['ada', 'wrong', 'Username or password is not right.'],
    ['nobody', 'wrong', 'Username or password is not right.'],
    ['x'.repeat(257), 'wrong', 'Username or password is not right.'],
    ['ada', 'x'.repeat(129), 'Username or password is not right.'],
    ['ada\u0007', 'wrong', 'Username or password is not right.'],
  ])('%j with %j: %s, on a page that follows the form', async (name, password, problem) => {
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    const answer = await browser.postOnly('/login', { ...page.form.fields, username: name, password, 'sign-in': '1' });
    expect(answer.status).toBe(303);
    const next = await browser.get(answer.headers.get('location') ?? '');
    expect([next.name, next.status, next.problem]).toEqual(['login', 200, problem]);
    // The name survives, the password does not.
    expect(next.form.fields.username).toBe(name.slice(0, 256).replace('\u0007', '\ufffd'));
    expect(next.html).not.toContain(`value="${password || 'nothing'}"`);
  });

  it.each([
    ['locked', 'Your account cannot be used at this time.'],
    ['disabled', 'Your account is switched off.'],
    ['expired', 'Your account has expired.'],
    ['must_change_password', 'Your password has expired. Ask your administrator for a new one.'],
    ['password_expired', 'Your password has expired. Ask your administrator for a new one.'],
    ['outside_hours', 'Your account cannot be used at this time.'],
  ] as const)('A32: %s, told only after the password was right', async (account, problem) => {
    const browser = world.browser();
    const person = world.memory.add(username, { account });
    const page = await browser.get(authorizePath());
    expect((await enter(browser, page, username, 'wrong')).problem).toBe('Username or password is not right.');
    expect((await enter(browser, page, username, person.password)).problem).toBe(problem);
    expect(browser.cookies.has(sessionCookie)).toBe(false);
  });

  it('a wrong password keeps a request of any length', async () => {
    const browser = world.browser();
    const state = 'x'.repeat(7000);
    const again = await enter(browser, await browser.get(authorizePath({ state })), username, 'wrong');
    expect(again.problem).toMatch(/not right/);
    const consent = await enter(browser, again, username, right());
    expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe(state);
  });

  it('Cancel goes back with access_denied, which is counted, and stores nothing', async () => {
    const browser = world.browser();
    const counted = async (): Promise<number> => {
      const metrics = await (await fetch(`${world.servers[0]?.managementUrl ?? ''}/metrics`)).text();
      const found = /authorization_requests_total\{response_type="code",outcome="access_denied"\} (\d+)/.exec(metrics);
      return Number(found?.[1] ?? 0);
    };
    const before = await counted();
    const page = await browser.submit(await browser.get(authorizePath()), { cancel: '1' });
    expect(page.name).toBe('continue');
    expect(page.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    expect(await counted()).toBe(before + 1);
  });

  it('"Use another account" asks for a name again; signing in as somebody else ends the first session', async () => {
    const browser = world.browser();
    const first = await authorize(browser, {}, username);
    const tokens = await world.token(codeFields(first.code));
    const known = await browser.get(authorizePath({ prompt: 'login' }));
    expect(known.html).toContain('readonly');
    const open = await browser.submit(known, { 'use-another': '1' });
    expect([open.name, open.form.fields.username]).toEqual(['login', '']);
    const consent = await enter(browser, open, 'ada', 'password-of-ada');
    expect(['consent', 'continue']).toContain(consent.name);
    expect((await world.token(refreshFields(tokens.body.refresh_token))).body.error).toBe('invalid_grant');
    const ended = await world.rows(
      `SELECT reason FROM audit WHERE event = 'session.ended' AND user_id =
        (SELECT DISTINCT subject FROM sessions WHERE username = '${username}')`,
    );
    expect(ended).toEqual([{ reason: 'another_user' }]);
  });

  it('an unreachable directory: a page that keeps the request, and nothing given', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ state: 'kept' }));
    world.memory.down = true;
    const page = await enter(browser, login, username, right());
    expect([page.name, page.status]).toEqual(['error:temporarily_unavailable', 503]);
    expect(page.html).toContain('The directory does not answer');
    expect(browser.cookies.has(sessionCookie)).toBe(false);
    world.memory.down = false;
    const again = await browser.get(page.link('retry') ?? '');
    const consent = await enter(browser, again, username, right());
    expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe('kept');
  });

  it('open for more than 30 minutes: "Start again" keeps the request', async () => {
    // The clock of the replica, not of the test: a page that was sealed long ago.
    const moved = new MovedClock();
    const other = await World.open({ options: { clock: moved.clock } });
    try {
      await moved.during(other, async (move) => {
        const browser = other.browser();
        const login = await browser.get(authorizePath({ state: 'kept', prompt: 'consent' }));
        move(31 * 60);
        const expired = await browser.submit(login, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
        expect([expired.name, expired.status]).toEqual(['error:request_expired', 400]);
        const again = await browser.submit(expired, { restart: '1' });
        expect(again.name).toBe('login');
        const consent = await browser.submit(again, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
        expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe('kept');
      });
    } finally {
      await other.stop();
    }
  });

  it('open for more than a day: it was open for too long, and nobody is told that an application made a mistake', async () => {
    const moved = new MovedClock();
    const other = await World.open({ options: { clock: moved.clock } });
    try {
      await moved.during(other, async (move) => {
        const browser = other.browser();
        const login = await browser.get(authorizePath());
        move(25 * 3600);
        for (const page of [
          await browser.submit(login, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' }),
          await browser.get(`/login?${new URLSearchParams({ request: login.form.fields.request ?? '' })}`),
        ]) {
          expect([page.name, page.status]).toEqual(['error:request_expired', 400]);
          // Too old to begin anew, so neither is promised.
          expect(page.html).not.toMatch(/Start again|Your request was kept/);
        }
      });
      expect(other.memory.binds).toBe(0);
    } finally {
      await other.stop();
    }
  });
});

describe('A48, F15: known and unknown names cost the same and look the same', () => {
  it('same bytes, same search, same bind, same rows', async () => {
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    const measure = async (name: string) => {
      const { searches, binds } = world.memory;
      const rows = await world.count('audit');
      const answer = await enter(browser, page, name, 'wrong-password');
      return {
        searches: world.memory.searches - searches,
        binds: world.memory.binds - binds,
        audit: (await world.count('audit')) - rows,
        status: answer.status,
        headers: [...answer.headers.keys()].sort(),
        html: answer.html.replaceAll(/value="[^"]*"/g, 'value=""').replaceAll(/Reference: <code>[^<]*/g, ''),
      };
    };
    expect(await measure(username)).toEqual(await measure('nobody-at-all'));
  });

  it('the limit tells no more than the answer', async () => {
    const after = async (name: string) => {
      const browser = world.browser();
      const page = await browser.get(authorizePath());
      const problems: (string | undefined)[] = [];
      for (let tries = 0; tries <= triesPerEntry; tries++) {
        problems.push((await enter(browser, page, name, 'wrong')).problem);
      }
      return problems;
    };
    const known = await after(username);
    expect(known).toEqual(await after('nobody-of-that-name'));
    expect(known.at(-1)).toBe('Too many tries. Wait 1 minute, then try again.');
  });
});

describe('limits on failed sign-ins', () => {
  it('A43, F14: many spellings of one name share one counter', async () => {
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    const spellings = [username, username.toUpperCase(), ` ${username}`, `${username} `, ` ${username.toUpperCase()} `];
    for (const spelling of spellings)
      expect((await enter(browser, page, spelling, 'wrong')).problem).toMatch(/not right/);
    const { binds } = world.memory;
    expect((await enter(browser, page, username, right())).problem).toMatch(/Too many tries/);
    // The right password within the lock is not even tried.
    expect(world.memory.binds).toBe(binds);
  });

  it('after the limit one try a minute; ten quiet minutes forgive', async () => {
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    const wrong = () => enter(browser, page, username, 'wrong').then(({ problem }) => problem?.split('.')[0]);
    for (let tries = 0; tries < triesPerEntry; tries++) await wrong();
    expect(await wrong()).toBe('Too many tries');
    const pass = (time: string) => world.rows(`UPDATE login_attempts SET last_at = last_at - interval '${time}'`);
    await pass('61 seconds');
    expect([await wrong(), await wrong()]).toEqual(['Username or password is not right', 'Too many tries']);
    await pass('10 minutes');
    for (let tries = 0; tries < triesPerEntry; tries++) expect(await wrong()).toBe('Username or password is not right');
    expect(await wrong()).toBe('Too many tries');
    await pass('61 seconds');
    expect((await enter(browser, page, username, right())).name).toBe('consent');
  });

  it('a success gives the counter back', async () => {
    for (let round = 0; round < 3; round++) {
      const browser = world.browser();
      const page = await browser.get(authorizePath());
      for (let tries = 1; tries < triesPerEntry; tries++) {
        expect((await enter(browser, page, username, 'wrong')).problem).toMatch(/not right/);
      }
      expect((await enter(browser, page, username, right())).name).toBe('consent');
    }
  });

  it('A49: many names from one address meet its limit; forwarded headers widen it and never lift it', async () => {
    await world.rows('DELETE FROM login_attempts');
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    const problems = new Map<string, number>();
    for (let tries = 0; tries < triesPerAddress + 5; tries++) {
      const { problem = '' } = await enter(browser, page, `guess${tries}`, 'wrong');
      problems.set(problem.slice(0, 8), (problems.get(problem.slice(0, 8)) ?? 0) + 1);
      // The minute that all of them belong to lasts as long as this machine needs.
      if (tries === 0) await world.rows(`UPDATE login_attempts SET first_at = now() + interval '1 hour'`);
    }
    expect(Object.fromEntries(problems)).toEqual({ Username: triesPerAddress, 'Too many': 5 });
    // Over the limit, the entry's own counter is not moved: nobody can be locked out for free.
    const before = await world.rows('SELECT * FROM login_attempts ORDER BY key');
    await enter(browser, page, username, 'wrong');
    expect(await world.rows('SELECT * FROM login_attempts ORDER BY key')).toEqual(before);
    const proxied = world.browser();
    const other = await proxied.get(authorizePath());
    expect((await enter(proxied, other, username, right())).name).toBe('consent');
    await world.rows('DELETE FROM login_attempts');
  });

  it('what was typed is stored nowhere', async () => {
    const browser = world.browser();
    const secret = 'my-password-in-the-wrong-field';
    await enter(browser, await browser.get(authorizePath()), secret, 'x');
    for (const table of ['login_attempts', 'audit']) {
      const rows = await world.rows<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${table} t`);
      expect(rows.map(({ row }) => row).join()).not.toContain(secret);
      expect(rows.map(({ row }) => row).join()).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });
});

describe('sessions and browsers', () => {
  it('A29: a cookie planted before the sign-in opens nothing after it', async () => {
    const attacker = world.browser();
    await authorize(attacker, {}, 'ada');
    const planted = attacker.cookies.get(sessionCookie) ?? '';
    const victim = attacker.clone();
    await authorize(victim, { prompt: 'login' }, 'ada');
    expect(victim.cookies.get(sessionCookie)).not.toBe(planted);
    // The same person, so the session goes on, under a new handle alone.
    expect((await attacker.get(authorizePath())).name).toBe('login');
    expect((await victim.get(authorizePath({ prompt: 'none' }))).leftTo?.searchParams.get('code')).toBeTruthy();
  });

  it('A29: an invented session cookie is replaced, not adopted', async () => {
    const browser = world.browser();
    browser.cookies.set(sessionCookie, 'A'.repeat(43));
    await authorize(browser, {}, username);
    expect(browser.cookies.get(sessionCookie)).not.toBe('A'.repeat(43));
  });

  it('A29, A16: a sign-in begun in one browser is not finished in another', async () => {
    const first = world.browser();
    const login = await first.get(authorizePath());
    const other = world.browser();
    await other.get(authorizePath());
    const finished = await enter(other, login, username, right());
    expect([finished.name, finished.status]).toEqual(['error:invalid_request', 400]);
    const without = world.browser();
    expect((await enter(without, login, username, right())).name).toBe('error:cookie_missing');
    expect(other.cookies.has(sessionCookie)).toBe(false);
  });

  it('A29: who planted the cookie of a browser and knows its request gets no code of who signed in there', async () => {
    const attacker = world.browser();
    const login = await attacker.get(authorizePath({ prompt: 'consent' }));
    const victim = attacker.clone();
    // With an account of their own they learn the request's id.
    const own = await enter(attacker, login, 'ada', 'password-of-ada');
    const consent = await enter(victim, login, username, right());
    expect(consent.url).toBe(own.url);
    const done = await victim.submit(consent, { decision: 'allow' });
    expect(done.response.code).toBeTruthy();
    const stolen = await attacker.get(done.url);
    expect(stolen.name).toBe('error:request_expired');
    expect(stolen.html).not.toContain('code=');
    attacker.cookies.delete(sessionCookie);
    expect((await attacker.get(done.url)).html).not.toContain('code=');
    expect((await victim.get(done.url)).response.code).toBe(done.response.code);
  });

  it('a session cookie in another browser is worth nothing', async () => {
    const first = world.browser();
    await authorize(first, {}, username);
    const thief = world.browser();
    await thief.get(authorizePath());
    thief.cookies.set(sessionCookie, first.cookies.get(sessionCookie) ?? '');
    expect((await thief.get(authorizePath())).name).toBe('login');
  });

  it.each([
    ['idle', `last_seen_at = now() - interval '2 hours 1 second'`],
    ['absolute', `expires_at = now() - interval '1 second'`],
    ['ended', 'ended_at = now()'],
  ])('A30, A81: a session past its end is none, swept or not: %s', async (_title, how) => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    await world.rows(`UPDATE sessions SET ${how} WHERE username = '${username}'`);
    expect((await browser.get(authorizePath())).name).toBe('login');
    expect((await browser.get(authorizePath({ prompt: 'none' }))).leftTo?.searchParams.get('error')).toBe(
      'login_required',
    );
  });

  it('being used keeps a session from being idle', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    await world.rows(`UPDATE sessions SET last_seen_at = now() - interval '1 hour' WHERE username = '${username}'`);
    await browser.get(authorizePath());
    const [row] = await world.rows<{ fresh: boolean }>(
      `SELECT last_seen_at > now() - interval '1 minute' AS fresh FROM sessions WHERE username = '${username}'`,
    );
    expect(row?.fresh).toBe(true);
  });

  it('§5: at most 20 requests wait for one browser; what is beyond travels sealed, and goes on all the same', async () => {
    const browser = world.browser();
    let carried = '';
    for (let tab = 0; tab <= 20; tab++) {
      const login = await browser.get(authorizePath({ state: `tab ${tab}`, prompt: 'login' }));
      const answer = await browser.postOnly('/login', {
        ...login.form.fields,
        username,
        password: right(),
        'sign-in': '1',
      });
      carried = new URL(answer.headers.get('location') ?? '', issuer).searchParams.get('request') ?? '';
      expect([tab, /^[0-9a-f-]{36}$/.test(carried)]).toEqual([tab, tab < 20]);
    }
    const consent = await browser.get(`/consent?request=${carried}`);
    expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe('tab 20');
  });

  it('cookies are for this host, for HTTP alone, and not for other sites', async () => {
    const browser = world.browser();
    const response = await browser.getOnly(authorizePath());
    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(new RegExp(`^${browserCookie}=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax; Secure$`));
  });
});

describe('A67, A19, F21: forms', () => {
  const forged: readonly [string, Readonly<Record<string, string>>, Readonly<Record<string, string>>][] = [
    ['from another site', {}, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['from another origin of the same site', {}, { origin: 'https://app.example.com', 'sec-fetch-site': 'same-site' }],
    ['with an opaque origin', {}, { origin: 'null', 'sec-fetch-site': '-' }],
    ['without any origin', {}, { origin: '-', 'sec-fetch-site': '-' }],
    ['without a form token', { token: '' }, {}],
    ['with another token', { token: 'A'.repeat(43) }, {}],
    ['without the request', { request: '' }, {}],
    ['with an altered request', { request: 'A'.repeat(200) }, {}],
    ['with an id in place of the request', { request: '00000000-0000-4000-8000-000000000000' }, {}],
  ];
  it.each(forged)('a sign-in %s is an error and nothing else', async (_title, fields, headers) => {
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    const { binds } = world.memory;
    const page = await browser.submit(login, { username, password: right(), 'sign-in': '1', ...fields }, headers);
    expect([page.name, page.status]).toEqual(['error:invalid_request', 400]);
    expect([world.memory.binds, browser.cookies.has(sessionCookie)]).toEqual([binds, false]);
  });

  it.each(forged)('a consent %s is an error and nothing else', async (_title, fields, headers) => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath(), username);
    const page = await browser.submit(consent, { decision: 'allow', ...fields }, headers);
    expect([page.name, page.status]).toEqual(['error:invalid_request', 400]);
    expect(await world.count('authorization_codes', `username = '${username}'`)).toBe(0);
  });

  it('a token is good for its own request alone', async () => {
    const browser = world.browser();
    const one = await browser.get(authorizePath({ state: 'one' }));
    const other = await browser.get(authorizePath({ state: 'other' }));
    const mixed = { token: other.form.fields.token ?? '', username, password: right(), 'sign-in': '1' };
    expect((await browser.submit(one, mixed)).name).toBe('error:invalid_request');
  });

  it('posted empty, the flow stays where it was', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    expect((await browser.submit(login, {})).name).toBe('login');
    const consent = await enter(browser, login, username, right());
    const again = await browser.submit(consent, {});
    expect(again.name).toBe('consent');
    expect((await browser.submit(again, { decision: 'perhaps' })).name).toBe('consent');
  });

  it('out of order, the flow stays where it was', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    const page = await browser.post('/consent', { ...login.form.fields, decision: 'allow' });
    expect(page.name).toBe('login');
    expect(await world.count('authorization_codes', `username = '${username}'`)).toBe(0);
  });

  it.each([
    ['another field twice', '&username=x'],
    ['the request twice', '&request=x'],
  ])('A03: %s is refused', async (_title, more) => {
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    const fields = new URLSearchParams({ ...login.form.fields, username, password: right() });
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await world.fetch(`${issuer}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: issuer, cookie },
      body: fields.toString() + more,
    });
    expect(response.status).toBe(400);
  });

  it.each(['text/plain', 'multipart/form-data; boundary=x', 'application/json', 'application/x-www-form-urlencoded\t'])(
    'A65: a form as %j is 415',
    async (type) => {
      const response = await world.fetch(`${issuer}/login`, {
        method: 'POST',
        headers: { 'content-type': type, origin: issuer },
        body: 'username=x',
      });
      // A trailing tab is trimmed on the way; then the form is only incomplete.
      expect(response.status).toBe(type.endsWith('\t') ? 400 : 415);
    },
  );
});
