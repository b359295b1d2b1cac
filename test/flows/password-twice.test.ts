import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newHandle, newId } from '../../server/src/tokens/handle.ts';
import { bothDatabases } from '../support/both-databases.ts';
import type { Browser, Page } from '../support/browser.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, signIn, World, webApp } from '../support/world.ts';

/**
 * The form that changes a password, sent twice. A browser takes the answer to the first press for nothing, its cookie with it, and
 * the cookie that it has opens nothing any more.
 */
describe.each(bothDatabases())('a new password sent twice, on %s', (_name, backend) => {
  let world: World;
  let turn = 0;
  let username = '';

  beforeAll(async () => {
    world = await World.open({
      replicas: 2,
      ...(await backend()),
      clients: [webApp()],
      directories: { [memoryDirectoryId]: aDirectory({ password_change: 'allowed' }) },
    });
  });
  afterAll(() => world?.stop());
  beforeEach(async () => {
    await world.rows('DELETE FROM login_attempts');
    username = `user${++turn}`;
    world.memory.add(username);
  });

  const session = '__Host-nauthera_session';
  const typed = () => ({
    current_password: `password-of-${username}`,
    new_password: 'another password',
    new_password_again: 'another password',
    change: '1',
  });
  const ask = async (browser: Browser) => {
    expect((await signIn(browser, '/account', username)).name).toBe('account');
    return browser.get('/password');
  };
  /** As a browser does whose first navigation is cancelled by the second. */
  const losing = async (browser: Browser, act: () => Promise<unknown>) => {
    const before = [...browser.cookies];
    await act();
    browser.cookies.clear();
    for (const [name, value] of before) browser.cookies.set(name, value);
  };
  const holding = (cookies: Iterable<[string, string]>) => {
    const browser = world.browser();
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    return browser;
  };
  const changes = () => world.count('audit', `event = 'password.changed' AND user_name = '${username}'`);
  const refusals = () => world.count('audit', `event = 'password.refused' AND user_name = '${username}'`);
  const sessions = () => world.count('sessions', `username = '${username}' AND ended_at IS NULL`);
  const expectChanged = async (browser: Browser, page: Page) => {
    expect([page.name, page.problem]).toEqual(['password', undefined]);
    expect(page.html).toContain('Your password was changed');
    expect((await browser.get('/account')).name).toBe('account');
    expect(await sessions()).toBe(1);
  };

  it.each([false, true])(
    'the first answer is lost (and that of the directory: %s): the second says so, and the browser stays signed in',
    async (losesAnswers) => {
      const browser = world.browser();
      const page = await ask(browser);
      world.memory.losesAnswers = losesAnswers;
      await losing(browser, () => browser.submit(page, typed()));
      world.memory.losesAnswers = false;
      await expectChanged(browser, await browser.submit(page, typed()));
      expect(await changes()).toBe(losesAnswers ? 0 : 1);
    },
  );

  it('at once, on two replicas: both say so, and either cookie is the one that counts', async () => {
    for (let round = 0; round < 5; round += 1) {
      username = `user${++turn}`;
      world.memory.add(username);
      const browser = world.browser();
      const page = await ask(browser);
      const twins = [holding(browser.cookies), holding(browser.cookies)];
      const pages = await Promise.all(twins.map((twin) => twin.submit(page, typed())));
      for (const [index, twin] of twins.entries()) {
        const after = pages[index];
        if (after !== undefined) await expectChanged(twin, after);
      }
      expect(await changes()).toBe(1);
    }
  });

  it('the directory has changed it and not yet said so: the second press waits for the first', async () => {
    const browser = world.browser();
    const page = await ask(browser);
    const gate = Promise.withResolvers<void>();
    const change = world.memory.changePassword.bind(world.memory);
    let presses = 0;
    world.memory.changePassword = async (...asked) => {
      presses += 1;
      const answer = await change(...asked);
      if (answer.outcome === 'changed') await gate.promise;
      return answer;
    };
    try {
      const twins = [holding(browser.cookies), holding(browser.cookies)] as const;
      const first = twins[0].submit(page, typed());
      await expect.poll(() => presses).toBe(1);
      const second = twins[1].submit(page, typed());
      await expect.poll(refusals).toBe(1);
      gate.resolve();
      await expectChanged(twins[0], await first);
      await expectChanged(twins[1], await second);
    } finally {
      gate.resolve();
      world.memory.changePassword = change;
    }
  });

  it('a wrong password sent twice is told twice', async () => {
    const browser = world.browser();
    const page = await ask(browser);
    const wrong = { ...typed(), current_password: 'wrong' };
    const pages = await Promise.all([browser.submit(page, wrong), browser.submit(page, wrong)]);
    const problem = 'The current password is not right.';
    expect(pages.map((one) => one.problem)).toEqual([problem, problem]);
  });

  it('A29: whoever has both old cookies and not the form is nobody, with whatever form', async () => {
    const browser = world.browser();
    const stolen = [...(await ask(browser).then(() => browser.cookies))];
    const page = await browser.get('/password');
    const own = await holding(stolen).get('/password');
    await browser.submit(page, typed());
    const fields = { ...page.form.fields, ...typed() };
    const { form: _form, ...without }: Record<string, string> = fields;
    for (const sent of [{ ...own.form.fields, ...typed() }, { ...fields, form: newId() }, without]) {
      const thief = holding(stolen);
      expect((await thief.post('/password', sent)).name).toBe('login');
      expect((await thief.get('/account')).name).toBe('login');
    }
    // Nor is the form enough without both of them.
    for (const name of stolen.map(([one]) => one).filter((one) => one !== '__Host-nauthera_language')) {
      const other = holding(stolen);
      other.cookies.set(name, newHandle());
      expect((await other.post('/password', fields)).name).toBe('login');
      expect((await other.get('/account')).name).toBe('login');
    }
    expect((await browser.get('/account')).name).toBe('account');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a minute later', () => world.rows(`UPDATE login_attempts SET first_at = first_at - interval '1 minute'`)],
    ['after the session ended', () => world.rows(`UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL`)],
  ])('%s the old cookie opens nothing, with the form neither', async (_title, happens) => {
    const browser = world.browser();
    const page = await ask(browser);
    await losing(browser, () => browser.submit(page, typed()));
    await happens();
    expect((await browser.submit(page, typed())).name).toBe('login');
    expect(browser.cookies.has(session)).toBe(false);
  });

  it('a form that changed nothing leaves no way back', async () => {
    const browser = world.browser();
    const page = await ask(browser);
    const stolen = [...browser.cookies];
    await browser.submit(page, { ...typed(), current_password: 'wrong' });
    await browser.submit(await browser.get('/password'), typed());
    expect((await holding(stolen).post('/password', { ...page.form.fields, ...typed() })).name).toBe('login');
  });
});
