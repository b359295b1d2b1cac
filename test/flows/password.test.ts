import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { triesPerEntry } from '../../server/src/store/login-attempts.ts';
import { bothDatabases } from '../support/both-databases.ts';
import type { Browser, Page } from '../support/browser.ts';
import { anOwner } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import {
  aDirectory,
  authorize,
  authorizePath,
  codeFields,
  refreshFields,
  signIn,
  World,
  webApp,
} from '../support/world.ts';

/** Users change their password: by themselves, or because a sign-in needs it. */
describe.each(bothDatabases())('a new password, on %s', (_name, backend) => {
  let world: World;
  let turn = 0;
  let username = '';

  const allowed = aDirectory({ password_change: 'allowed' });
  const directory = (value = allowed) => ({
    kind: 'directory' as const,
    id: memoryDirectoryId,
    owner: { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' },
    value,
  });

  beforeAll(async () => {
    world = await World.open({
      counting: true,
      ...(await backend()),
      clients: [webApp()],
      directories: { [memoryDirectoryId]: allowed },
    });
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `user${++turn}`;
    world.memory.add(username);
    world.memory.down = false;
    world.memory.refusedPasswords.clear();
  });

  const old = () => `password-of-${username}`;
  const next = 'another password';
  const typed = (change: Partial<Record<'current_password' | 'new_password' | 'new_password_again', string>> = {}) => ({
    current_password: old(),
    new_password: next,
    new_password_again: change.new_password ?? next,
    change: '1',
    ...change,
  });
  const ask = async (browser: Browser) => {
    expect((await signIn(browser, '/account', username)).name).toBe('account');
    return browser.get('/password');
  };
  /** From the application's request to the page that asks for another password. */
  const required = async (browser: Browser, path = authorizePath({ state: 'kept' })) => {
    world.memory.add(username, { account: 'must_change_password' });
    return signIn(browser, path, username);
  };
  const enter = (browser: Browser, page: Page, password: string) =>
    browser.submit(page, { username, password, 'sign-in': '1' });
  const told = (event: string) =>
    world.rows<{ reason: string | null; outcome: string; session_id: string | null }>(
      'SELECT reason, outcome, session_id FROM audit WHERE event = $1 AND user_name = $2 ORDER BY id',
      [event, username],
    );
  const triesLeft = async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    for (let left = 0; ; left += 1) {
      if ((await enter(browser, login, 'wrong')).problem?.startsWith('Too many') === true) return left;
      if (left > triesPerEntry) throw new Error('nothing limits');
    }
  };

  describe('asked for on the account page', () => {
    it('a link leads there; the new password counts, the old one does not', async () => {
      const browser = world.browser();
      const account = await signIn(browser, '/account', username);
      expect(account.link('password')).toBe('/password');
      const page = await browser.get('/password');
      expect(page.html).toContain('Every other browser that you are signed in with is signed out.');
      const done = await browser.submit(page, typed());
      expect([done.name, done.problem]).toEqual(['password', undefined]);
      expect(done.html).toContain('Your password was changed');
      expect(done.link('account')).toBe('/account');
      const other = world.browser();
      const login = await enter(other, await other.get(authorizePath()), old());
      expect(login.problem).toBe('Username or password is not right.');
      expect((await enter(other, login, next)).name).toBe('consent');
    });

    it('ends every other session of this user with its grants, and nobody else: not this one, not offline access', async () => {
      world.memory.add('bystander');
      const bystander = world.browser();
      await signIn(bystander, '/account', 'bystander');
      const elsewhere = world.browser();
      const online = await authorize(elsewhere, { scope: 'openid' }, username);
      const onlineTokens = (await world.token(codeFields(online.code))).body;
      const away = await authorize(elsewhere, { scope: 'openid offline_access', prompt: 'consent' }, username);
      const offlineTokens = (await world.token(codeFields(away.code))).body;
      const browser = world.browser();
      const page = await ask(browser);
      const here = await authorize(browser, { scope: 'openid', prompt: 'consent' }, username);
      const tokensHere = (await world.token(codeFields(here.code))).body;
      await browser.submit(page, typed());
      expect((await browser.get('/account')).name).toBe('account');
      expect((await elsewhere.get('/account')).name).toBe('login');
      expect((await bystander.get('/account')).name).toBe('account');
      expect((await world.token(refreshFields(onlineTokens.refresh_token))).body.error).toBe('invalid_grant');
      expect((await world.token(refreshFields(offlineTokens.refresh_token))).status).toBe(200);
      expect((await world.token(refreshFields(tokensHere.refresh_token))).status).toBe(200);
      expect(await told('session.ended')).toMatchObject([{ reason: 'password_changed', outcome: 'success' }]);
    });

    it.each([false, true])(
      'the session goes on under another handle, whether or not the answer was lost: %s',
      async (loses) => {
        const browser = world.browser();
        const page = await ask(browser);
        const stolen = [...browser.cookies];
        world.memory.losesAnswers = loses;
        await browser.submit(page, typed());
        world.memory.losesAnswers = false;
        expect((await browser.get('/account')).name).toBe('account');
        const thief = world.browser();
        for (const [name, value] of stolen) thief.cookies.set(name, value);
        expect((await thief.get('/account')).name).toBe('login');
      },
    );

    it('an answer that was lost: nobody knows which password holds, so every other session ends all the same', async () => {
      const elsewhere = world.browser();
      await signIn(elsewhere, '/account', username);
      const browser = world.browser();
      const page = await ask(browser);
      world.memory.losesAnswers = true;
      const lost = await browser.submit(page, typed());
      world.memory.losesAnswers = false;
      expect(lost.status).toBe(503);
      expect(await told('password.refused')).toMatchObject([{ reason: 'outcome_unknown', outcome: 'refused' }]);
      expect((await elsewhere.get('/account')).name).toBe('login');
      expect((await browser.get('/account')).name).toBe('account');
    });

    it.each<[string, Record<string, string>, string]>([
      ['no current password', { current_password: '' }, 'Enter your current password'],
      ['no new one', { new_password: '', new_password_again: '' }, 'Enter a new password'],
      ['two that differ', { new_password_again: 'anothr password' }, 'The two new passwords are not the same.'],
      ['too long', { new_password: 'x'.repeat(129) }, 'This password is too long.'],
    ])('%s: said at the field, and no directory is asked', async (_title, change, problem) => {
      const browser = world.browser();
      const page = await ask(browser);
      const before = world.memory.binds;
      const after = await browser.submit(page, typed(change));
      expect([after.name, after.status]).toEqual(['password', 200]);
      expect(after.problem).toContain(problem);
      expect(world.memory.binds).toBe(before);
      // Nothing that was typed comes back.
      for (const value of Object.values(change).filter((one) => one.length > 3))
        expect(after.html).not.toContain(value);
    });

    it('the same as before is no new one', async () => {
      const browser = world.browser();
      const after = await browser.submit(await ask(browser), typed({ new_password: old() }));
      expect(after.problem).toBe('The new password is the same as the current one.');
    });

    it.each([
      ['too_short', 'This password is too short.'],
      ['in_history', 'You have used this password before. Choose another one.'],
      ['too_young', 'Your password was changed a short time ago. It cannot be changed again yet.'],
      ['no_match_policy', 'This password does not follow the rules of your directory. Choose another one.'],
      ['unknown', 'This password does not follow the rules of your directory. Choose another one.'],
    ] as const)('the directory says %s: so does the page, and no try is lost', async (hint, problem) => {
      world.memory.refusedPasswords.set(next, { outcome: 'rejected', reason: 'quality', hint });
      const browser = world.browser();
      const page = await ask(browser);
      for (let round = 0; round <= triesPerEntry; round += 1) {
        expect((await browser.submit(page, typed())).problem).toBe(problem);
      }
      expect((await told('password.refused')).map(({ reason }) => reason)).toEqual(
        Array.from({ length: triesPerEntry + 1 }, () => hint),
      );
      expect((await browser.submit(page, typed({ new_password: 'a better one' }))).problem).toBe(undefined);
    });

    it('A44: a wrong current password counts as a wrong one at a sign-in does', async () => {
      const browser = world.browser();
      const page = await ask(browser);
      for (let round = 0; round < triesPerEntry; round += 1) {
        const after = await browser.submit(page, typed({ current_password: 'wrong' }));
        expect(after.problem).toBe('The current password is not right.');
      }
      // Then the right one is refused too, here and at the sign-in.
      expect((await browser.submit(page, typed())).problem).toMatch(/^Too many tries/);
      expect(world.memory.people.get(username)?.password).toBe(old());
      expect(await triesLeft()).toBe(0);
      expect((await told('password.refused')).map(({ reason }) => reason)).toEqual(
        Array.from({ length: triesPerEntry }, () => 'credentials'),
      );
    });

    it('a success gives the tries back', async () => {
      const browser = world.browser();
      const page = await ask(browser);
      await browser.submit(page, typed({ current_password: 'wrong' }));
      await browser.submit(page, typed());
      expect(await triesLeft()).toBe(triesPerEntry);
    });

    it('sent twice it changes once, and both say so; a wrong password in another form is told', async () => {
      const browser = world.browser();
      const page = await ask(browser);
      const twin = await browser.get('/password');
      for (const sent of [await browser.submit(page, typed()), await browser.submit(page, typed())]) {
        expect(sent.html).toContain('Your password was changed');
      }
      expect(await told('password.changed')).toHaveLength(1);
      expect((await browser.submit(twin, typed())).problem).toBe('The current password is not right.');
    });

    it('the directory is down: nothing is changed, and the way back is open', async () => {
      const browser = world.browser();
      const page = await ask(browser);
      world.memory.down = true;
      const after = await browser.submit(page, typed());
      expect([after.name, after.status]).toEqual(['error:temporarily_unavailable', 503]);
      world.memory.down = false;
      expect((await browser.submit(await browser.get(after.link('retry') ?? ''), typed())).problem).toBe(undefined);
      expect(world.memory.people.get(username)?.password).toBe(next);
    });

    it('a stranger has to sign in first, and comes back', async () => {
      const browser = world.browser();
      const login = await browser.get('/password');
      expect([login.name, login.html.includes('Change your password')]).toEqual(['login', true]);
      expect((await enter(browser, login, old())).name).toBe('password');
    });

    it('the form of another session, or of no page of ours, changes nothing', async () => {
      const page = await ask(world.browser());
      const browser = world.browser();
      await ask(browser);
      await browser.post('/password', { ...page.form.fields, ...typed() });
      await browser.post('/password', typed());
      const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
      const own = await browser.get('/password');
      expect((await browser.postOnly('/password', { ...own.form.fields, ...typed() }, foreign)).status).toBe(400);
      expect(world.memory.people.get(username)?.password).toBe(old());
    });

    it('what it costs', async () => {
      const browser = world.browser();
      const page = await ask(browser);
      await world.counters.expectCost('password_page', () => browser.get('/password'));
      await world.counters.expectCost('password_refused', () =>
        browser.postOnly('/password', { ...page.form.fields, ...typed({ current_password: 'wrong' }) }),
      );
      await world.counters.expectCost('password_changed', () =>
        browser.postOnly('/password', { ...page.form.fields, ...typed() }),
      );
    });
  });

  describe('needed by a sign-in', () => {
    it('the page asks for it, and then the sign-in goes on with the same request', async () => {
      const browser = world.browser();
      const page = await required(browser);
      expect([page.name, page.status]).toEqual(['password', 200]);
      expect(page.html).toContain('Choose a new password to go on');
      // The current one is typed again: it is nowhere on the page, sealed or not.
      expect(page.form.fields.current_password).toBe('');
      expect(browser.cookies.has('__Host-nauthera_session')).toBe(false);
      const consent = await browser.submit(page, typed());
      expect(consent.name).toBe('consent');
      expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe('kept');
      expect(await told('password.changed')).toMatchObject([{ outcome: 'success', reason: null }]);
      expect(await told('login.failed')).toMatchObject([{ reason: 'must_change_password' }]);
      expect(await told('login.succeeded')).toHaveLength(1);
    });

    it('for a page of ours it leads there', async () => {
      const browser = world.browser();
      const page = await required(browser, '/account');
      expect([page.name, page.html.includes('id="cancel"')]).toEqual(['password', false]);
      expect((await browser.submit(page, typed())).name).toBe('account');
    });

    it('a wrong password leads to no such page', async () => {
      const browser = world.browser();
      world.memory.add(username, { account: 'must_change_password' });
      const login = await browser.get(authorizePath());
      const after = await enter(browser, login, 'wrong');
      expect([after.name, after.problem]).toEqual(['login', 'Username or password is not right.']);
      // Nor does the request of a page that has proven nothing.
      const sealed = new URLSearchParams({ request: login.form.fields.request ?? '' });
      expect((await browser.get(`/password?${sealed}`)).name).toBe('login');
      const answer = await browser.post('/password', { ...login.form.fields, ...typed() });
      expect(answer.name).toBe('login');
      expect(world.memory.people.get(username)?.password).toBe(old());
    });

    it('a refused one is said there, and the request stays', async () => {
      world.memory.refusedPasswords.set(next, { outcome: 'rejected', reason: 'quality', hint: 'too_short' });
      const browser = world.browser();
      const short = await browser.submit(await required(browser), typed());
      expect([short.name, short.problem]).toEqual(['password', 'This password is too short.']);
      const wrong = await browser.submit(short, typed({ current_password: 'wrong' }));
      expect(wrong.problem).toBe('The current password is not right.');
      const consent = await browser.submit(wrong, typed({ new_password: 'a better one' }));
      expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe('kept');
    });

    it('what else stands against the account still does', async () => {
      const browser = world.browser();
      const page = await required(browser);
      const find = world.memory.find.bind(world.memory);
      const person = world.memory.people.get(username);
      if (person === undefined) throw new Error('nobody');
      // Switched off while the new password is typed.
      world.memory.find = async (name) => {
        if (person.password === next) person.account = 'disabled';
        return find(name);
      };
      const after = await browser.submit(page, typed()).finally(() => {
        world.memory.find = find;
      });
      expect([after.name, after.problem]).toEqual(['login', 'Your account is switched off.']);
      expect(browser.cookies.has('__Host-nauthera_session')).toBe(false);
      expect(await told('password.changed')).toHaveLength(1);
    });

    it('the directory is down: the request is kept, and nothing is changed', async () => {
      const browser = world.browser();
      const page = await required(browser);
      world.memory.down = true;
      const after = await browser.submit(page, typed());
      expect([after.name, after.status]).toEqual(['error:temporarily_unavailable', 503]);
      world.memory.down = false;
      const again = await browser.get(after.link('retry') ?? '');
      expect(again.name).toBe('password');
      const consent = await browser.submit(again, typed());
      expect((await browser.submit(consent, { decision: 'allow' })).response.state).toBe('kept');
    });

    it('sent twice, and after Back: the second goes on where the first did', async () => {
      const browser = world.browser();
      const page = await required(browser);
      expect((await browser.submit(page, typed())).name).toBe('consent');
      const again = await browser.submit(page, typed());
      expect(again.name).toBe('consent');
      await browser.submit(again, { decision: 'allow' });
      expect((await browser.get(page.url)).name).not.toBe('password');
      expect(await told('password.changed')).toHaveLength(1);
    });

    it('Cancel goes back with access_denied', async () => {
      const browser = world.browser();
      const page = await browser.submit(await required(browser), { cancel: '1' });
      expect(page.response).toMatchObject({ error: 'access_denied', state: 'kept' });
    });

    it('ends the sessions that were begun with the old password', async () => {
      const before = world.browser();
      await signIn(before, '/account', username);
      const browser = world.browser();
      await browser.submit(await required(browser), typed());
      expect((await before.get('/account')).name).toBe('login');
    });

    it('ends the one that this browser had, also where no sign-in follows', async () => {
      const browser = world.browser();
      await signIn(browser, '/account', username);
      const page = await required(browser, authorizePath({ state: 'kept', prompt: 'login' }));
      expect(page.name).toBe('password');
      world.memory.losesAnswers = true;
      const lost = await browser.submit(page, typed());
      world.memory.losesAnswers = false;
      expect(lost.status).toBe(503);
      expect((await browser.get('/account')).name).toBe('login');
    });

    it('another browser opens no page with it', async () => {
      const page = await required(world.browser());
      const other = world.browser();
      await other.get(authorizePath());
      expect((await other.get(page.url)).name).toBe('error:invalid_request');
      expect((await other.post('/password', { ...page.form.fields, ...typed() })).name).toBe('error:invalid_request');
    });

    it('another language is picked: the same page', async () => {
      const browser = world.browser();
      const page = await required(browser);
      const german = await browser.post('/language', { ...page.form.fields, ...typed(), language: 'de' });
      expect([german.name, german.html.includes('Neues Passwort')]).toEqual(['password', true]);
      expect(german.html).not.toContain(next);
    });

    it('what it costs', async () => {
      const browser = world.browser();
      const page = await required(browser);
      await world.counters.expectCost('password_required_changed', () =>
        browser.postOnly('/password', { ...page.form.fields, ...typed() }),
      );
    });
  });

  it('no password, and no length of one, is stored anywhere', async () => {
    const browser = world.browser();
    await browser.submit(await required(browser), typed({ new_password: 'canary-new-password' }));
    for (const table of ['audit', 'sessions', 'authorization_requests', 'login_attempts']) {
      const rows = JSON.stringify(await world.rows(`SELECT * FROM ${table}`));
      expect(rows).not.toContain('canary-new-password');
      expect(rows).not.toContain(old());
    }
  });

  it('switched off: no link, no page, no change, and the sign-in says what it said', async () => {
    const browser = world.browser();
    const page = await ask(browser);
    const waiting = world.browser();
    const person = username;
    const { password_change: _allowed, ...off } = allowed;
    await world.served(directory(off));
    expect((await browser.get('/account')).link('password')).toBeUndefined();
    expect((await browser.get('/password')).name).toBe('account');
    expect((await browser.submit(page, typed())).name).toBe('account');
    expect(world.memory.people.get(person)?.password).toBe(old());
    const login = await required(waiting);
    expect([login.name, login.problem]).toEqual([
      'login',
      'Your password has expired. Ask your administrator for a new one.',
    ]);
    await world.served(directory());
  });
});
