/** Whatever happens between a page and its form, on every page that has one: it ends in something that can be gone on from. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Browser, Page } from '../support/browser.ts';
import { deviceApp, enterCode, startDevice } from '../support/devices.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { MovedClock } from '../support/moved-clock.ts';
import { aDirectory, authorize, authorizePath, signIn, World, webApp } from '../support/world.ts';

const moved = new MovedClock();
let world: World;
beforeAll(async () => {
  const shop = webApp('shop.web', { post_logout_redirect_uris: ['https://shop.example.com/bye'] });
  world = await World.open({
    replicas: 2,
    options: { clock: moved.clock },
    clients: [shop, deviceApp()],
    directories: { [memoryDirectoryId]: aDirectory({ password_change: 'allowed' }) },
  });
  world.memory.add('bob');
});
afterAll(() => world?.stop());
beforeEach(async () => {
  world.memory.add('ada');
  for (const table of ['authorization_codes', 'consents', 'login_attempts']) await world.rows(`DELETE FROM ${table}`);
});

interface Opened {
  readonly page: Page;
  /** What the person fills in and presses. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Names of the pages that the person sees. */
interface Form {
  readonly open: (browser: Browser) => Promise<Opened>;
  readonly done: string;
  /** Pressed twice at once, sorted. Default: done, both times. */
  readonly twice?: readonly [string, string];
  /** Where the first of two at once gives the browser another cookie, which the second may come without. */
  readonly lost?: string;
  /** Back, and pressed again. Default: done. */
  readonly again?: string;
  /** Open for 31 minutes, and for more than a day. Default: it is too late. */
  readonly late?: string;
  /** "Start again", where it was too late. */
  readonly restarted?: string;
  readonly cookiesLost: string;
  readonly sessionLost: string;
  /** Somebody else signed in meanwhile, in another tab. */
  readonly somebodyElse: string;
  /** Whoever sends it signs in, whoever was before. */
  readonly signsIn?: true;
}

const credentials = { username: 'ada', password: 'password-of-ada', 'sign-in': '1' };
const value = (page: Page, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.html)?.[1] ?? '';
/** As the account page lists it. */
function sessionOf(page: Page, which: 'this' | 'another'): string {
  const rows = page.html.split('<li>').filter((row) => row.includes('name="sign-out"'));
  const row = rows.find((one) => one.includes('class="badge"') === (which === 'this'));
  const id = /name="sign-out" value="([^"]*)"/.exec(row ?? '')?.[1];
  if (id === undefined) throw new Error(`no session of ${which} browser`);
  return id;
}
const signedIn = (browser: Browser) => authorize(browser, { scope: 'openid' });

const expired = 'error:request_expired';
const cookieMissing = 'error:cookie_missing';

const forms: Readonly<Record<string, Form>> = {
  login: {
    open: async (browser) => ({ page: await browser.get(authorizePath()), fields: credentials }),
    done: 'consent',
    restarted: 'login',
    cookiesLost: cookieMissing,
    sessionLost: 'consent',
    somebodyElse: 'consent',
    signsIn: true,
  },
  'login for the account page': {
    open: async (browser) => ({ page: await browser.get('/account'), fields: credentials }),
    done: 'account',
    restarted: 'login',
    cookiesLost: cookieMissing,
    sessionLost: 'account',
    somebodyElse: 'account',
    signsIn: true,
  },
  'login for a page of ours': {
    open: async (browser) => {
      const { user_code } = await startDevice(world);
      return { page: await browser.get(`/device?user_code=${user_code}`), fields: credentials };
    },
    done: 'device-confirm',
    restarted: 'login',
    cookiesLost: cookieMissing,
    sessionLost: 'device-confirm',
    somebodyElse: 'device-confirm',
    signsIn: true,
  },
  'choose-account': {
    open: async (browser) => {
      await signedIn(browser);
      const page = await browser.get(authorizePath({ scope: 'openid', prompt: 'select_account' }));
      return { page, fields: { account: value(page, 'account') } };
    },
    done: 'continue',
    restarted: 'choose-account',
    cookiesLost: cookieMissing,
    sessionLost: 'login',
    somebodyElse: 'choose-account',
  },
  consent: {
    open: async (browser) => ({ page: await signIn(browser), fields: { decision: 'allow' } }),
    done: 'continue',
    restarted: 'consent',
    cookiesLost: cookieMissing,
    sessionLost: 'login',
    somebodyElse: 'consent',
  },
  device: {
    open: async (browser) => {
      const { user_code } = await startDevice(world);
      await signedIn(browser);
      return { page: await browser.get('/device'), fields: { user_code, continue: '1' } };
    },
    done: 'device-confirm',
    // The form lives as long as its session.
    late: 'device-confirm',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'device-confirm',
  },
  'device-confirm': {
    open: async (browser) => {
      const { user_code } = await startDevice(world);
      return { page: await enterCode(browser, user_code), fields: { decision: 'allow' } };
    },
    done: 'device-done',
    // It is the code that runs out, by the clock of the database.
    late: 'device-done',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'device',
  },
  'account: Remove access': {
    open: async (browser) => {
      await signedIn(browser);
      const page = await browser.get('/account');
      return { page, fields: { remove: value(page, 'remove'), confirmed: 'yes' } };
    },
    done: 'account',
    late: 'account',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'account',
  },
  'account: Remove all access': {
    open: async (browser) => {
      await signedIn(browser);
      return { page: await browser.get('/account?ask=remove-all'), fields: { 'remove-all': 'yes' } };
    },
    done: 'account',
    late: 'account',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'account',
  },
  'account: Sign out of another browser': {
    open: async (browser) => {
      await signIn(world.browser(), '/account');
      await signIn(browser, '/account');
      const page = await browser.get('/account');
      return { page, fields: { 'sign-out': sessionOf(page, 'another') } };
    },
    done: 'account',
    late: 'account',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'account',
  },
  'account: Sign out of this browser': {
    open: async (browser) => {
      await signIn(browser, '/account');
      const page = await browser.get('/account');
      return { page, fields: { 'sign-out': sessionOf(page, 'this') } };
    },
    done: 'signed-out',
    twice: ['login', 'signed-out'],
    again: 'login',
    late: 'signed-out',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'account',
  },
  'account: Sign out everywhere': {
    open: async (browser) => {
      await signedIn(browser);
      return { page: await browser.get('/account?ask=sign-out-all'), fields: { 'sign-out-all': 'yes' } };
    },
    done: 'signed-out',
    twice: ['login', 'signed-out'],
    again: 'login',
    late: 'signed-out',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'account',
  },
  password: {
    open: async (browser) => {
      world.memory.add('ada');
      await signedIn(browser);
      const typed = { current_password: 'password-of-ada', new_password: 'another', new_password_again: 'another' };
      return { page: await browser.get('/password'), fields: { ...typed, change: '1' } };
    },
    done: 'password',
    // The form lives as long as its session.
    late: 'password',
    cookiesLost: 'login',
    sessionLost: 'login',
    somebodyElse: 'password',
  },
  'password, needed by a sign-in': {
    open: async (browser) => {
      world.memory.add('ada', { account: 'must_change_password' });
      const page = await signIn(browser);
      const typed = { current_password: 'password-of-ada', new_password: 'another', new_password_again: 'another' };
      return { page, fields: { ...typed, change: '1' } };
    },
    done: 'consent',
    // It is known by the request alone, and opens nothing: the new password is typed once more.
    lost: 'login',
    restarted: 'login',
    cookiesLost: cookieMissing,
    sessionLost: 'consent',
    somebodyElse: 'consent',
    signsIn: true,
  },
  'sign-out': {
    open: async (browser) => {
      await signedIn(browser);
      const back = { client_id: 'shop.web', post_logout_redirect_uri: 'https://shop.example.com/bye' };
      return { page: await browser.get(`/logout?${new URLSearchParams(back)}`), fields: { 'sign-out': '1' } };
    },
    done: 'signed-out',
    // Asked once more, without what was wished for then.
    late: 'sign-out',
    cookiesLost: cookieMissing,
    sessionLost: 'signed-out',
    somebodyElse: 'sign-out',
  },
};

describe.each(Object.entries(forms))('conventions §6.3: %s', (_name, form) => {
  const opened = async () => {
    const browser = world.browser();
    return { browser, ...(await form.open(browser)) };
  };

  it('pressed once, and after Back again', async () => {
    const { browser, page, fields } = await opened();
    expect((await browser.submit(page, fields)).name).toBe(form.done);
    expect((await browser.submit(page, fields)).name).toBe(form.again ?? form.done);
    expect(await world.count('authorization_codes', `scopes = '{openid,profile,email}'`)).toBeLessThanOrEqual(1);
  });

  it('pressed twice at once', async () => {
    const { browser, page, fields } = await opened();
    const pages = await Promise.all([browser.submit(page, fields), browser.submit(page, fields)]);
    const names = pages.map(({ name }) => name).sort();
    if (form.lost === undefined) expect(names).toEqual(form.twice ?? [form.done, form.done]);
    // Whichever came first has the new cookie, and goes on with it.
    else expect([[form.done, form.done], [form.done, form.lost].sort()]).toContainEqual(names);
  });

  it('open in two tabs: the second is no worse off than after Back', async () => {
    const { browser, page, fields } = await opened();
    const other = await browser.get(page.url);
    expect((await browser.submit(page, fields)).name).toBe(form.done);
    if (other.name === page.name)
      expect([form.done, form.again ?? form.done]).toContain((await browser.submit(other, fields)).name);
  });

  it('open for too long', async () => {
    for (const age of [31 * 60, 25 * 3600]) {
      await moved.during(world, async (move) => {
        const { browser, page, fields } = await opened();
        move(age);
        const after = await browser.submit(page, fields);
        expect(after.name).toBe(form.late ?? expired);
        if (age < 3600 && form.restarted !== undefined) {
          expect((await browser.submit(after, { restart: '1' })).name).toBe(form.restarted);
        }
      });
    }
  });

  it('its cookies are lost, or that of the session alone', async () => {
    const all = await opened();
    all.browser.cookies.clear();
    expect((await all.browser.submit(all.page, all.fields)).name).toBe(form.cookiesLost);
    const one = await opened();
    one.browser.cookies.delete('__Host-nauthera_session');
    expect((await one.browser.submit(one.page, one.fields)).name).toBe(form.sessionLost);
  });

  it('somebody else signed in in another tab: nothing is done in their name', async () => {
    const { browser, page, fields } = await opened();
    const tab = await browser.get(authorizePath({ scope: 'openid profile', prompt: 'login' }));
    const login = page.name === 'login' ? tab : await browser.submit(tab, { 'use-another': '1' });
    const bob = { username: 'bob', password: 'password-of-bob', 'sign-in': '1' };
    expect((await browser.submit(login, bob)).name).toBe('consent');
    expect((await browser.submit(page, fields)).name).toBe(form.somebodyElse);
    for (const table of ['authorization_codes', 'grants', 'device_codes']) {
      expect(await world.count(table, `username = 'bob'`)).toBe(0);
    }
    expect(await world.count('consents', `subject IN (SELECT subject FROM sessions WHERE username = 'bob')`)).toBe(0);
    expect(await world.count('sessions', `username = 'bob' AND ended_at IS NOT NULL`)).toBe(
      form.signsIn === true ? 1 : 0,
    );
    await world.rows(`DELETE FROM sessions WHERE username = 'bob'`);
  });

  it('nothing pressed, or a form of nothing: no error of ours', async () => {
    const { browser, page } = await opened();
    expect((await browser.submit(page, {})).status).toBe(200);
    expect([200, 400]).toContain((await browser.post(page.form.action, {})).status);
  });
});
