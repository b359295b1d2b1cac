import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOwner, aScope } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import {
  aDirectory,
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
      webApp('shop.web', {
        scopes: ['openid', 'profile', 'email', 'groups', 'offline_access', 'shop:read', 'shop:mail', 'shop:grow'],
      }),
      webApp('shop.always', { consent: { mode: 'always', remember_for: 1000, on_refused_scope: 'drop' } }),
      webApp('shop.implicit', { consent: { mode: 'implicit', remember_for: 1000, on_refused_scope: 'drop' } }),
      webApp('shop.strict', { consent: { mode: 'remember', remember_for: 1000, on_refused_scope: 'deny' } }),
      webApp('shop.staff', { access_groups: ['staff'] }),
    ],
    scopes: [
      aScope('shop:read', { display_name: 'Read the shop', description: 'Everything in it.', consent: 'implicit' }),
      aScope('shop:mail', { display_name: 'Write mails', claims: ['email'] }),
      aScope('shop:grow'),
    ],
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [{ name: 'mailers', scopes: ['shop:mail', 'email'], groups: ['mailers'] }],
      }),
    },
  });
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username, { groups: ['mailers', 'staff'] });
  world.memory.down = false;
});
const person = () => {
  const found = world.memory.people.get(username);
  if (found === undefined) throw new Error('nobody');
  return found;
};
const codes = (where = 'true') => world.count('authorization_codes', `username = '${username}' AND ${where}`);
const audit = (event: string) =>
  world.rows(
    `SELECT event, outcome, reason, user_name, client_id, directory, rule, scopes, scopes_refused
      FROM audit WHERE event = $1 AND user_name = $2 ORDER BY time DESC LIMIT 1`,
    [event, username],
  );

describe('the consent page', () => {
  it('says who asks, for what, and with which values', async () => {
    const page = await signIn(world.browser(), authorizePath({ scope: 'openid shop:read shop:mail' }), username);
    for (const text of ['The shop', 'Read the shop', 'Everything in it.', 'Write mails', `${username}@example.com`]) {
      expect(page.html).toContain(text);
    }
    expect(page.html).toContain('Only for members of <bdi>mailers</bdi>');
    expect(page.html).toContain('You will not be asked again before');
    expect(page.html).not.toContain('data-page="continue"');
  });

  it('Allow: the directory is asked after the click, and the code comes with state and iss', async () => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath(), username);
    const { searches } = world.memory;
    const answer = await browser.postOnly('/consent', { ...consent.form.fields, decision: 'allow' });
    expect(world.memory.searches).toBe(searches + 1);
    expect(answer.status).toBe(303);
    // To a page of ours: browsers hold form-action against every redirect behind a form.
    expect(answer.headers.get('location')).toMatch(/^\/continue\?request=[0-9a-f-]{36}$/);
    const page = await browser.get(answer.headers.get('location') ?? '');
    expect([page.name, page.status]).toEqual(['continue', 200]);
    expect(page.headers.get('refresh')).toBeNull();
    expect(page.response).toMatchObject({ state: 'the-state', iss: issuer });
    expect(await audit('consent.given')).toEqual([
      {
        event: 'consent.given',
        outcome: 'success',
        reason: null,
        user_name: username,
        client_id: 'shop.web',
        directory: memoryDirectoryId,
        rule: 'mailers',
        scopes: ['openid', 'profile', 'email'],
        scopes_refused: null,
      },
    ]);
  });

  it('Deny: access_denied, nothing issued, nothing remembered', async () => {
    const browser = world.browser();
    const page = await browser.submit(await signIn(browser, authorizePath(), username), { decision: 'deny' });
    expect(page.name).toBe('continue');
    expect(page.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    expect(page.response.code).toBeUndefined();
    expect([await codes(`outcome = 'issued'`), await codes(`outcome = 'denied'`)]).toEqual([0, 1]);
    expect(await audit('consent.denied')).toMatchObject([{ outcome: 'refused', reason: 'denied_by_user' }]);
    expect((await browser.get(authorizePath())).name).toBe('consent');
  });

  it('sent twice at once: one code, and both get the same answer', async () => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath(), username);
    const pages = await Promise.all([1, 2, 3].map(() => browser.submit(consent, { decision: 'allow' })));
    const responses = new Set(pages.map((page) => page.response.code));
    expect([responses.size, await codes()]).toEqual([1, 1]);
    // Again a little later, and by reloading the page that continues.
    expect((await browser.submit(consent, { decision: 'allow' })).response.code).toBe(pages[0]?.response.code);
    expect((await browser.get(pages[0]?.url ?? '')).response.code).toBe(pages[0]?.response.code);
    // A No after the Yes changes nothing.
    expect((await browser.submit(consent, { decision: 'deny' })).response.code).toBe(pages[0]?.response.code);
  });

  it('back after the answer: already answered; at once when the code was redeemed, after a minute in any case', async () => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath(), username);
    const done = await browser.submit(consent, { decision: 'allow' });
    expect((await world.token(codeFields(done.response.code))).status).toBe(200);
    for (const again of [
      await browser.get(done.url),
      await browser.get(consent.url),
      await browser.submit(consent, { decision: 'allow' }),
    ]) {
      expect([again.name, again.status]).toEqual(['error:already_answered', 400]);
      // The application says of no page of its own: the front door of the site that the answer went to.
      expect(again.link('back')).toBe('https://shop.example.com/');
    }
    expect(await codes()).toBe(1);
    const denied = await browser.submit(await browser.get(authorizePath({ prompt: 'consent' })), { decision: 'deny' });
    await world.rows(`UPDATE authorization_codes SET created_at = now() - interval '61 seconds'`);
    expect((await browser.get(denied.url)).name).toBe('error:already_answered');
  });

  it('A16: the page that continues, and the consent page, open in no other browser', async () => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath(), username);
    const stranger = world.browser();
    expect((await stranger.get(consent.url)).name).toBe('error:cookie_missing');
    await stranger.get(authorizePath());
    expect((await stranger.get(consent.url)).name).toMatch(/^error:/);
    const done = await browser.submit(consent, { decision: 'allow' });
    const stolen = await stranger.get(done.url);
    expect(stolen.name).toMatch(/^error:/);
    expect(stolen.html).not.toContain('code=');
  });

  it.each([
    ['no session', undefined],
    ['another session', 'A'.repeat(43)],
  ])('A16: nor beside a browser’s cookie that was planted: %s', async (_what, session) => {
    const browser = world.browser();
    const done = await browser.submit(await signIn(browser, authorizePath(), username), { decision: 'allow' });
    const planted = browser.clone();
    if (session === undefined) planted.cookies.delete('__Host-nauthera_session');
    else planted.cookies.set('__Host-nauthera_session', session);
    const page = await planted.get(done.url);
    expect(page.name).toBe('error:request_expired');
    expect(page.html).not.toContain('code=');
    expect((await browser.get(done.url)).response.code).toBe(done.response.code);
  });

  it('a click counts for the person it was shown to', async () => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath(), username);
    // In another tab of the same browser somebody else signs in.
    await authorize(browser, { prompt: 'login', client_id: 'shop.implicit' }, 'ada');
    const page = await browser.submit(consent, { decision: 'allow' });
    expect(page.name).toBe('consent');
    expect(page.html).toContain('ada of the shop');
    expect(await world.count('authorization_codes', `username = 'ada' AND client_id = 'shop.web'`)).toBe(0);
  });

  it('two tabs are two requests in one session', async () => {
    const browser = world.browser();
    const one = await browser.get(authorizePath({ state: 'one' }));
    const other = await browser.get(authorizePath({ state: 'other' }));
    const fields = { username, password: `password-of-${username}`, 'sign-in': '1' };
    const first = await browser.submit(one, fields);
    const second = await browser.submit(other, fields);
    expect((await browser.submit(first, { decision: 'allow' })).response.state).toBe('one');
    expect((await browser.submit(second, { decision: 'allow' })).response.state).toBe('other');
    expect(await world.count('sessions', `username = '${username}'`)).toBe(1);
  });

  it('"Use another account" keeps the request', async () => {
    const browser = world.browser();
    const login = await browser.submit(await signIn(browser, authorizePath(), username), { 'use-another': '1' });
    expect([login.name, login.form.fields.username]).toEqual(['login', '']);
    world.memory.add('grace');
    const consent = await browser.submit(login, { username: 'grace', password: 'password-of-grace', 'sign-in': '1' });
    expect(consent.html).toContain('grace of the shop');
  });
});

describe('remembered, implicit, always', () => {
  it('remembered until it expires, or more is asked', async () => {
    const browser = world.browser();
    await authorize(browser, { scope: 'openid' }, username);
    expect((await browser.get(authorizePath({ scope: 'openid' }))).name).toBe('left');
    expect((await browser.get(authorizePath({ scope: 'openid profile' }))).name).toBe('consent');
    await world.rows(`UPDATE consents SET expires_at = now() WHERE subject IN
      (SELECT subject FROM sessions WHERE username = '${username}')`);
    expect((await browser.get(authorizePath({ scope: 'openid' }))).name).toBe('consent');
    const signedIn = await signIn(world.browser(), authorizePath({ scope: 'openid' }), username);
    expect(signedIn.name).toBe('consent');
  });

  it('what has expired does not come back with the next yes', async () => {
    const browser = world.browser();
    await authorize(browser, { scope: 'openid email' }, username);
    expect((await browser.get(authorizePath({ scope: 'openid email' }))).name).toBe('left');
    await world.rows(`UPDATE consents SET expires_at = now() WHERE subject IN
      (SELECT subject FROM sessions WHERE username = '${username}')`);
    await authorize(browser, { scope: 'openid profile' }, username);
    expect((await browser.get(authorizePath({ scope: 'openid profile' }))).name).toBe('left');
    expect((await browser.get(authorizePath({ scope: 'openid email' }))).name).toBe('consent');
  });

  it('a scope whose owner says so needs no yes', async () => {
    const browser = world.browser();
    await authorize(browser, { scope: 'openid' }, username);
    expect((await browser.get(authorizePath({ scope: 'openid shop:read' }))).name).toBe('left');
  });

  it('always: asked each time', async () => {
    const browser = world.browser();
    const change = { client_id: 'shop.always' };
    await authorize(browser, change, username);
    expect((await browser.get(authorizePath(change))).name).toBe('consent');
    expect(await world.count('consents', `client_id = 'shop.always'`)).toBe(0);
  });

  it('implicit: the sign-in answers, verified by the entry it just read', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ client_id: 'shop.implicit' }));
    const { searches, binds } = world.memory;
    const page = await browser.submit(login, { username, password: `password-of-${username}`, 'sign-in': '1' });
    expect(page.name).toBe('continue');
    expect(page.response.code).toBeDefined();
    expect([world.memory.searches - searches, world.memory.binds - binds]).toEqual([1, 1]);
    expect(await audit('login.succeeded')).toMatchObject([
      {
        reason: 'consent_implicit',
        client_id: 'shop.implicit',
        rule: 'mailers',
        scopes: ['openid', 'profile', 'email'],
      },
    ]);
  });

  it('implicit, signed in twice with one form: one code, and both get the same answer', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ client_id: 'shop.implicit' }));
    const fields = { username, password: `password-of-${username}`, 'sign-in': '1' };
    const pages = await Promise.all([1, 2, 3].map(() => browser.submit(login, fields)));
    expect(new Set(pages.map((page) => page.response.code)).size).toBe(1);
    expect(await codes()).toBe(1);
    expect((await browser.get(authorizePath({ client_id: 'shop.implicit', prompt: 'none' }))).name).toBe('left');
  });

  it('A39: a client created anew is asked for again', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    await world.rows(`UPDATE consents SET client_uid = 'a-former-uid' WHERE client_id = 'shop.web'`);
    expect((await browser.get(authorizePath())).name).toBe('consent');
  });
});

describe('what the directory refuses', () => {
  it('drop: the person is told, and the client gets the rest', async () => {
    const browser = world.browser();
    person().groups = [];
    const consent = await signIn(browser, authorizePath(), username);
    const page = await browser.submit(consent, { decision: 'allow' });
    expect(page.name).toBe('consent-partial');
    expect(page.html).toContain('See your e-mail address');
    expect(page.html).not.toContain('http-equiv="refresh"');
    const on = await browser.get(page.link('continue') ?? '');
    const { body } = await world.token(codeFields(on.response.code));
    expect(body.scope).toBe('openid profile');
    expect(await audit('consent.given')).toMatchObject([
      { scopes: ['openid', 'profile'], scopes_refused: ['email'], rule: null },
    ]);
  });

  it('a code that ran out while the page was read: start again, without reading it again', async () => {
    const browser = world.browser();
    person().groups = [];
    const page = await browser.submit(await signIn(browser, authorizePath(), username), { decision: 'allow' });
    await world.rows(`UPDATE authorization_codes SET expires_at = now(), created_at = now() - interval '61 seconds'`);
    const expired = await browser.get(page.link('continue') ?? '');
    expect(expired.name).toBe('error:request_expired');
    const again = await browser.submit(expired, { restart: '1' });
    expect(again.name).toBe('continue');
    expect((await world.token(codeFields(again.response.code))).body.scope).toBe('openid profile');
  });

  it('drop with prompt=none: the rest at once', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    person().groups = [];
    const page = await browser.get(authorizePath({ prompt: 'none' }));
    const { body } = await world.token(codeFields(page.leftTo?.searchParams.get('code') ?? ''));
    expect(body.scope).toBe('openid profile');
  });

  it('deny: access_denied and a way back; nothing issued', async () => {
    const browser = world.browser();
    person().groups = [];
    const consent = await signIn(browser, authorizePath({ client_id: 'shop.strict' }), username);
    const page = await browser.submit(consent, { decision: 'allow' });
    expect([page.name, page.status]).toEqual(['error:access_denied', 403]);
    expect(page.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    expect(await codes(`outcome = 'issued'`)).toBe(0);
    expect(await audit('consent.verified')).toMatchObject([
      { outcome: 'refused', reason: 'scope_refused', rule: 'mailers', scopes_refused: ['email'] },
    ]);
  });

  it('nothing remains: access_denied even with drop', async () => {
    const browser = world.browser();
    person().groups = [];
    const consent = await signIn(browser, authorizePath({ scope: 'shop:mail' }), username);
    expect((await browser.submit(consent, { decision: 'allow' })).name).toBe('error:access_denied');
  });

  it('access.groups: only members may use the client, whatever is asked', async () => {
    const browser = world.browser();
    const change = { client_id: 'shop.staff', scope: 'openid' };
    await authorize(browser, change, username);
    person().groups = [];
    expect((await browser.get(authorizePath(change))).name).toBe('error:access_denied');
    const silent = await browser.get(authorizePath({ ...change, prompt: 'none' }));
    expect(silent.leftTo?.searchParams.get('error')).toBe('access_denied');
    expect(await audit('consent.verified')).toMatchObject([{ outcome: 'refused', reason: 'not_a_member' }]);
    // The session lives: another client is served.
    expect((await browser.get(authorizePath({ scope: 'openid' }))).name).toBe('consent');
  });

  it.each(['locked', 'deleted'] as const)(
    'an account that is %s before Allow: access_denied, the session ends',
    async (how) => {
      const browser = world.browser();
      const consent = await signIn(browser, authorizePath(), username);
      if (how === 'deleted') person().deleted = true;
      else person().account = how;
      const page = await browser.submit(consent, { decision: 'allow' });
      expect(page.name).toBe('error:access_denied');
      expect([
        await codes(`outcome = 'issued'`),
        await world.count('consents', `subject IN (SELECT subject FROM sessions WHERE username = '${username}')`),
      ]).toEqual([0, 0]);
      expect((await browser.get(authorizePath())).name).toBe('login');
      expect(await audit('grant.ended')).toMatchObject([{ reason: how === 'deleted' ? 'gone' : how }]);
    },
  );

  it('a directory that stops before Allow: nothing given, and "Try again" continues the same request', async () => {
    const browser = world.browser();
    const consent = await signIn(browser, authorizePath({ state: 'kept' }), username);
    world.memory.down = true;
    const page = await browser.submit(consent, { decision: 'allow' });
    expect([page.name, page.status]).toEqual(['error:temporarily_unavailable', 503]);
    expect([await codes(), await world.count('audit', `user_name = '${username}' AND event LIKE 'consent%'`)]).toEqual([
      0, 0,
    ]);
    expect((await browser.submit(page, { retry: '1' })).name).toBe('error:temporarily_unavailable');
    world.memory.down = false;
    const done = await browser.submit(page, { retry: '1' });
    expect([done.name, done.response.state]).toEqual(['continue', 'kept']);
  });
});

describe('a registration that changes under way', () => {
  it('a client that is withdrawn between the pages gets nothing', async () => {
    const own = await World.open();
    try {
      const browser = own.browser();
      const consent = await signIn(browser);
      const stored = await own.registry.get('client', 'shop.web');
      if (stored === null) throw new Error('no client');
      await own.served({ kind: 'client', id: 'shop.web', owner: stored.owner, value: webApp(), withdrawn: true });
      const page = await browser.submit(consent, { decision: 'allow' });
      expect(page.name).toBe('error:invalid_client');
      expect(await own.count('authorization_codes')).toBe(0);
    } finally {
      await own.stop();
    }
  });

  it('A39: a client that is made anew between the pages inherits no click: it begins anew', async () => {
    const own = await World.open();
    try {
      const browser = own.browser();
      const consent = await signIn(browser);
      const stored = await own.registry.get('client', 'shop.web');
      if (stored === null) throw new Error('no client');
      const owner = { ...stored.owner, uid: 'made-anew' };
      await own.served({ kind: 'client', id: 'shop.web', owner, value: webApp() });
      const page = await browser.submit(consent, { decision: 'allow' });
      expect(page.name).toBe('error:request_expired');
      expect(await own.count('authorization_codes')).toBe(0);
      const again = await browser.submit(page, { restart: '1' });
      expect(again.name).toBe('consent');
      expect((await browser.submit(again, { decision: 'allow' })).response.state).toBe('the-state');
    } finally {
      await own.stop();
    }
  });

  it('a directory that is withdrawn: its users are strangers, and another directory may know them', async () => {
    const own = await World.open({ clients: [webApp()] });
    try {
      const browser = own.browser();
      const { code } = await authorize(browser, {}, 'ada');
      const { body } = await own.token(codeFields(code));
      const stored = await own.registry.get('directory', memoryDirectoryId);
      if (stored === null) throw new Error('no directory');
      const { owner } = stored;
      await own.served({ kind: 'directory', id: memoryDirectoryId, owner, value: aDirectory(), withdrawn: true });
      expect((await browser.get(authorizePath())).name).toBe('login');
      expect((await browser.get(authorizePath({ prompt: 'none' }))).leftTo?.searchParams.get('error')).toBe(
        'login_required',
      );
      // Nobody has said that she left: nothing is given, and nothing is spent.
      expect((await own.token(refreshFields(body.refresh_token))).status).toBe(503);
      await own.served({ kind: 'directory', id: memoryDirectoryId, owner, value: aDirectory() });
      expect((await own.token(refreshFields(body.refresh_token))).status).toBe(200);
    } finally {
      await own.stop();
    }
  });

  describe('a scope whose owner gives it more claims', () => {
    const scope = 'openid shop:grow';
    const grown = async (claims: string[], run: () => Promise<void>) => {
      const declare = (value = aScope('shop:grow', { claims })) =>
        world.served({ kind: 'scope', id: 'shop:grow', owner: anOwner('scope shop:grow'), value });
      await declare();
      try {
        await run();
      } finally {
        await declare(aScope('shop:grow'));
      }
    };
    const released = async () =>
      (
        await world.rows<{ claims: object }>(
          `SELECT claims FROM authorization_codes WHERE username = $1 AND outcome = 'issued' ORDER BY created_at DESC LIMIT 1`,
          [username],
        )
      )[0]?.claims;

    it('a remembered yes was none to those: it is asked for again', async () => {
      const browser = world.browser();
      await authorize(browser, { scope }, username);
      expect((await browser.get(authorizePath({ scope, prompt: 'none' }))).response.code).toBeDefined();
      await grown(['email'], async () => {
        const silent = await browser.get(authorizePath({ scope, prompt: 'none' }));
        expect(silent.response.error).toBe('consent_required');
        const page = await browser.get(authorizePath({ scope }));
        expect(page.html).toContain(`${username}@example.com`);
        expect((await browser.submit(page, { decision: 'allow' })).response.code).toBeDefined();
        expect(await released()).toMatchObject({ email: `${username}@example.com` });
        expect((await browser.get(authorizePath({ scope, prompt: 'none' }))).response.code).toBeDefined();
        const account = await browser.get('/account');
        expect(account.html).not.toContain('See these details about you');
      });
    });

    it('a refresh gives what the yes was to', async () => {
      const asked = { scope: `${scope} offline_access` };
      const granted = async () => {
        const { code } = await authorize(world.browser(), asked, username);
        const first = (await world.token(codeFields(code))).body;
        const { body } = await world.token(refreshFields(first.refresh_token));
        const headers = { authorization: `Bearer ${body.access_token ?? ''}` };
        const told = async () => (await world.fetch(`${issuer}/userinfo`, { headers })).json();
        return { told, again: () => world.token(refreshFields(body.refresh_token)) };
      };
      const before = await granted();
      await grown(['email'], async () => {
        expect((await before.again()).status).toBe(200);
        expect(await before.told()).not.toHaveProperty('email');
        const after = await granted();
        expect(await after.told()).toHaveProperty('email');
        expect((await after.again()).status).toBe(200);
        expect(await after.told()).toHaveProperty('email');
      });
    });

    it('a click counts for those that were shown', async () => {
      const browser = world.browser();
      const page = await signIn(browser, authorizePath({ scope }), username);
      expect(page.html).not.toContain('@example.com');
      await grown(['email'], async () => {
        const again = await browser.submit(page, { decision: 'allow' });
        expect(again.name).toBe('consent');
        expect(again.html).toContain(`${username}@example.com`);
        expect(await codes()).toBe(0);
      });
    });
  });

  it('a client whose default asks for more between the pages: the click counts for what was shown', async () => {
    const own = await World.open();
    try {
      const browser = own.browser();
      const consent = await signIn(browser, authorizePath({ scope: undefined }));
      expect(consent.html).not.toContain('@example.com');
      const stored = await own.registry.get('client', 'shop.web');
      if (stored === null) throw new Error('no client');
      const { owner } = stored;
      const value = webApp('shop.web', { default_scopes: ['openid', 'email'] });
      await own.served({ kind: 'client', id: 'shop.web', owner, value });
      const again = await browser.submit(consent, { decision: 'allow' });
      expect(again.name).toBe('consent');
      expect(again.html).toContain('ada@example.com');
      expect(await own.count('authorization_codes')).toBe(0);
    } finally {
      await own.stop();
    }
  });

  it('a scope that is closed to the client between the pages is refused, by way of a page', async () => {
    const own = await World.open();
    try {
      const browser = own.browser();
      const consent = await signIn(browser);
      const stored = await own.registry.get('client', 'shop.web');
      if (stored === null) throw new Error('no client');
      await own.served({
        kind: 'client',
        id: 'shop.web',
        owner: stored.owner,
        value: webApp('shop.web', { scopes: ['openid'] }),
      });
      const page = await browser.submit(consent, { decision: 'allow' });
      expect(page.name).toBe('continue');
      expect(page.response.error).toBe('invalid_scope');
    } finally {
      await own.stop();
    }
  });
});
