import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openInteraction, sealedOf, sealedText, sealInteraction } from '../../server/src/interaction/sealed-request.ts';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { epochSeconds } from '../../server/src/protocol/time.ts';
import { aClient } from '../support/builders.ts';
import { launchChromium } from '../support/chromium.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { freePort } from '../support/ports.ts';
import { aDirectory, authorizePath, keyEncryptionKey, World } from '../support/world.ts';

/** What people do that no flow foresees: press twice, go back, open two tabs, come back tomorrow, delete cookies. */
let world: World;
let browser: Browser;
let issuer: string;
let application: Server;
let callback: string;
const arrived: URL[] = [];
let turn = 0;
let username = '';

beforeAll(async () => {
  application = createServer((request, response) => {
    const url = new URL(request.url ?? '/', callback);
    if (url.pathname === '/cb') arrived.push(url);
    response.end('<!doctype html><title>The application</title>');
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  callback = `http://127.0.0.1:${(application.address() as AddressInfo).port}/cb`;
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  world = await World.open({
    server: { issuer, display_name: 'Acme' },
    options: { listen: { host: '127.0.0.1', port } },
    directories: { [memoryDirectoryId]: aDirectory({ password_change: 'allowed' }) },
    clients: [
      aClient('shop.web')
        .with({
          client_name: 'Order Desk',
          client_uri: 'https://orders.example.com/',
          redirect_uris: [callback],
          scopes: ['openid', 'profile', 'email'],
          consent: { mode: 'always', remember_for: 60, on_refused_scope: 'drop' },
        })
        .build(),
    ],
  });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await world?.stop();
  application?.closeAllConnections();
  application?.close();
});

beforeEach(async () => {
  // All come from one address, and its limit is not what this is about.
  await world.rows('DELETE FROM login_attempts');
  arrived.length = 0;
  username = `user${++turn}`;
  world.memory.add(username);
});

/** A new browser without scripts. */
async function person(use: (page: Page, context: BrowserContext) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(60_000);
  try {
    await use(await context.newPage(), context);
  } finally {
    await context.close();
  }
}

const open = (page: Page, change: Readonly<Record<string, string>> = {}) =>
  page.goto(`${issuer}${authorizePath({ redirect_uri: callback, ...change })}`);
const at = (page: Page, name: string) => page.locator(`body[data-page="${name}"]`).waitFor();
const failing = (page: Page, code: string) => page.locator(`body[data-error="${code}"]`).waitFor();
const codes = () => arrived.map((url) => url.searchParams.get('code'));

async function signIn(page: Page): Promise<void> {
  await at(page, 'login');
  await page.fill('#username', username);
  await page.fill('#password', `password-of-${username}`);
  await page.click('#sign-in');
}
/** The form that this page holds, sent once more by hand: what a second press sends before the first was answered. */
async function sendAgain(page: Page, button: string): Promise<() => Promise<{ status: number; location: string }>> {
  const fields = await page
    .locator('main form input')
    .evaluateAll((inputs) =>
      inputs.map((one) => [one.getAttribute('name') ?? '', one.getAttribute('value') ?? ''] as const),
    );
  const action = await page.locator('main form').getAttribute('action');
  const [name = '', value = ''] = button.split('=');
  const typed = { username, password: `password-of-${username}` };
  return async () => {
    const response = await page.request.post(`${issuer}${action}`, {
      form: { ...Object.fromEntries(fields), ...(name === 'sign-in' ? typed : {}), [name]: value },
      headers: { origin: issuer, 'sec-fetch-site': 'same-origin' },
      maxRedirects: 0,
    });
    return { status: response.status(), location: response.headers().location ?? '' };
  };
}

/** As if the page had been open for so many seconds: the request that it holds was begun earlier. */
async function keepOpen(page: Page, seconds: number): Promise<void> {
  const sealer = createSealer([keyEncryptionKey]);
  const cookies = await page.context().cookies();
  const bound = cookies.find(({ name }) => name === 'nauthera_browser')?.value ?? '';
  const field = page.locator('main form input[name="request"]');
  const sealed = sealedOf((await field.getAttribute('value')) ?? '') ?? Buffer.alloc(0);
  const now = epochSeconds(Math.floor(Date.now() / 1000));
  const opened = openInteraction(sealer, sealed, bound, now);
  if (opened.outcome === 'unreadable') throw new Error('the page holds no request that opens');
  const { interaction } = opened;
  const older = { ...interaction, startedAt: epochSeconds(interaction.startedAt - seconds) };
  const text = sealedText(sealInteraction(sealer, older, bound));
  await field.evaluate((element, value) => element.setAttribute('value', value), text);
}

describe('double submit', () => {
  it('sign-in: both presses end at the same request', async () => {
    await person(async (page) => {
      await open(page);
      await at(page, 'login');
      const again = await sendAgain(page, 'sign-in=1');
      const [one, other] = await Promise.all([again(), again()]);
      expect([one.status, other.status]).toEqual([303, 303]);
      await page.goto(`${issuer}${one.location}`);
      await at(page, 'consent');
      await page.click('#allow');
      await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(1);
    });
  });

  it('Allow: one code, and both presses lead to it', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      const again = await sendAgain(page, 'decision=allow');
      const [one, other] = await Promise.all([again(), again()]);
      expect([one.status, other.status]).toEqual([303, 303]);
      for (const { location } of [one, other]) {
        await page.goto(`${issuer}${location}`);
        await page.waitForURL((url) => url.pathname === '/cb');
      }
      await expect.poll(() => arrived.length).toBe(2);
      expect(new Set(codes()).size).toBe(1);
    });
  });

  it('Do not allow after Allow changes nothing: the first answer counts', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      const deny = await sendAgain(page, 'decision=deny');
      await page.click('#allow');
      await page.waitForURL((url) => url.pathname === '/cb');
      const { status, location } = await deny();
      expect(status).toBe(303);
      await page.goto(`${issuer}${location}`);
      await page.waitForURL((url) => url.pathname === '/cb');
      expect(new Set(codes()).size).toBe(1);
    });
  });

  it('Remove access: the second press finds nothing to remove, and shows the page', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      await page.waitForURL((url) => url.pathname === '/cb');
      await page.goto(`${issuer}/account`);
      await at(page, 'account');
      const again = await sendAgain(page, 'remove-all=yes');
      const [one, other] = await Promise.all([again(), again()]);
      expect([one.location, other.location]).toEqual(['/account', '/account']);
    });
  });
});

describe('a double click', () => {
  // The second click cancels what the first one began: its answer, and a cookie in it, is taken for nothing.
  it('Change password: the page says that it was changed, and the browser stays signed in', async () => {
    await person(async (page) => {
      await page.goto(`${issuer}/account`);
      await signIn(page);
      await at(page, 'account');
      await page.click('#password');
      await at(page, 'password');
      await page.fill('#current_password', `password-of-${username}`);
      await page.fill('#new_password', 'another password');
      await page.fill('#new_password_again', 'another password');
      const change = world.memory.changePassword.bind(world.memory);
      const first = Promise.withResolvers<void>();
      let presses = 0;
      world.memory.changePassword = async (...asked) => {
        const answer = await change(...asked);
        // The answer to the first press comes when the browser does not wait for it any more.
        if ((presses += 1) === 1) await first.promise;
        else first.resolve();
        return answer;
      };
      const button = page.locator('#change');
      await button.scrollIntoViewIfNeeded();
      const { x = 0, y = 0, width = 0, height = 0 } = (await button.boundingBox()) ?? {};
      // With the mouse itself: whatever else clicks waits until the page has gone.
      const press = () => page.mouse.click(x + width / 2, y + height / 2);
      try {
        await press();
        await expect.poll(() => presses, { timeout: 60_000 }).toBe(1);
        await press();
        await page.getByText('Your password was changed').waitFor();
      } finally {
        first.resolve();
        world.memory.changePassword = change;
      }
      await page.goto(`${issuer}/account`);
      await at(page, 'account');
      expect(await world.count('audit', `event = 'password.changed' AND user_name = '${username}'`)).toBe(1);
    });
  });
});

describe('back button', () => {
  it('from the application back to the consent page: the answer stands, no second code', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      await page.waitForURL((url) => url.pathname === '/cb');
      await page.goBack();
      // The consent page has its answer: it leads on to the application once more, with the same code.
      await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(2);
      expect(new Set(codes()).size).toBe(1);
    });
  });

  it('A31: long after the answer, its page says that it was answered, and leads to the application', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      const consent = page.url();
      await page.click('#allow');
      await page.waitForURL((url) => url.pathname === '/cb');
      await world.rows(
        `UPDATE authorization_codes SET created_at = created_at - interval '2 minutes', expires_at = expires_at - interval '2 minutes'`,
      );
      await page.goto(consent);
      await failing(page, 'already_answered');
      expect(await page.getByText('You have answered this already').isVisible()).toBe(true);
      expect(await page.locator('#back').getAttribute('href')).toBe('https://orders.example.com/');
    });
  });

  it('from the consent page back: whoever is signed in by now is not asked for a password again', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      await page.goBack();
      await at(page, 'consent');
      await page.click('#allow');
      await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(1);
    });
  });
});

describe('two tabs', () => {
  it('two requests, one session: each ends at its own answer', async () => {
    await person(async (page, context) => {
      const second = await context.newPage();
      await open(page, { state: 'first' });
      await open(second, { state: 'second' });
      await signIn(page);
      await at(page, 'consent');
      // The other tab still asks who it is: signing in there renews the session that there is.
      await signIn(second);
      await at(second, 'consent');
      await second.click('#allow');
      await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(1);
      await page.click('#allow');
      const states = () => new Set(arrived.map((url) => url.searchParams.get('state')));
      await expect.poll(states, { timeout: 60_000 }).toEqual(new Set(['first', 'second']));
      const [sessions] = await world.rows<{ n: number }>(
        'SELECT count(*)::int AS n FROM sessions WHERE username = $1 AND ended_at IS NULL',
        [username],
      );
      expect(sessions?.n).toBe(1);
    });
  });

  it('another user signs in in the second tab: a click in the first gives nothing of theirs', async () => {
    await person(async (page, context) => {
      const second = await context.newPage();
      await open(page, { state: 'first' });
      await signIn(page);
      await at(page, 'consent');
      await open(second, { prompt: 'login', state: 'second' });
      await second.click('#use-another');
      username = `${username}-other`;
      world.memory.add(username);
      await signIn(second);
      await at(second, 'consent');
      await page.click('#allow');
      // What was shown and clicked was another person's: the page asks the one who is signed in now.
      await at(page, 'consent');
      expect(await page.getByText(username).first().isVisible()).toBe(true);
      expect(arrived).toEqual([]);
    });
  });

  it('signed out in the second tab: the account page of the first asks who it is', async () => {
    await person(async (page, context) => {
      await page.goto(`${issuer}/account`);
      await signIn(page);
      await at(page, 'account');
      const second = await context.newPage();
      await second.goto(`${issuer}/account`);
      await second.click('#sign-out-all');
      await second.click('#sign-out-all');
      await at(second, 'signed-out');
      await page.click('#sign-out-all');
      await at(page, 'login');
    });
  });
});

describe('a page that was open for too long', () => {
  it('sign-in: "Your request was kept.", and Start again goes on with it', async () => {
    await person(async (page) => {
      await open(page, { state: 'kept' });
      await at(page, 'login');
      await keepOpen(page, 31 * 60);
      await signIn(page);
      await failing(page, 'request_expired');
      expect(await page.getByText('Your request was kept.').isVisible()).toBe(true);
      await page.click('#restart');
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(1);
      expect(arrived[0]?.searchParams.get('state')).toBe('kept');
    });
  });

  it('consent: the same', async () => {
    await person(async (page) => {
      await open(page, { state: 'kept' });
      await signIn(page);
      await at(page, 'consent');
      await keepOpen(page, 31 * 60);
      await page.click('#allow');
      await failing(page, 'request_expired');
      await page.click('#restart');
      await at(page, 'consent');
      await page.click('#allow');
      await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(1);
      expect(arrived[0]?.searchParams.get('state')).toBe('kept');
    });
  });
});

describe('a lost cookie', () => {
  it.each(['login', 'consent'])('%s: the page says which cookie and where to start again', async (name) => {
    await person(async (page, context) => {
      await open(page);
      if (name === 'consent') await signIn(page);
      await at(page, name);
      await context.clearCookies();
      if (name === 'login') await signIn(page);
      else await page.click('#allow');
      await failing(page, 'cookie_missing');
      expect(await page.getByText(`Allow cookies for ${new URL(issuer).host}`).isVisible()).toBe(true);
      expect(arrived).toEqual([]);
    });
  });

  it('account: whoever has lost it signs in again', async () => {
    await person(async (page, context) => {
      await page.goto(`${issuer}/account`);
      await signIn(page);
      await at(page, 'account');
      await context.clearCookies();
      await page.click('#sign-out-all');
      await at(page, 'login');
    });
  });
});

describe('language', () => {
  it('is picked with the keyboard, without scripts, and stays', async () => {
    await person(async (page) => {
      await open(page);
      await at(page, 'login');
      await page.locator('#language').focus();
      await page.selectOption('#language', 'ar');
      await page.locator('#change-language').focus();
      await page.keyboard.press('Enter');
      await page.locator('html[lang="ar"][dir="rtl"]').waitFor();
      await at(page, 'login');
      await signIn(page);
      await page.locator('html[lang="ar"]').waitFor();
      await at(page, 'consent');
      await page.goto(`${issuer}/nowhere`);
      await page.locator('html[lang="ar"]').waitFor();
      await page.selectOption('#language', 'en');
      await page.click('#change-language');
      await page.locator('html[lang="en"]').waitFor();
      await failing(page, 'not_found');
    });
  });
});

describe('the account page', () => {
  it('a whole run with the keyboard alone: remove access, sign out everywhere, asked once each', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      await page.waitForURL((url) => url.pathname === '/cb');
      await page.goto(`${issuer}/account`);
      await at(page, 'account');
      const reach = async (selector: string) => {
        for (let presses = 0; presses < 40 && (await page.locator(`${selector}:focus`).count()) === 0; presses++) {
          await page.keyboard.press('Tab');
        }
        await page.keyboard.press('Enter');
      };
      await reach('#sign-out-all');
      await page.locator('#question:focus').waitFor();
      expect(await page.getByText('Sign out everywhere?').isVisible()).toBe(true);
      await reach('#sign-out-all');
      await at(page, 'signed-out');
    });
  });

  it('names for screen readers: each button says what it ends; axe finds nothing on the pages of who is signed in', async () => {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    try {
      await page.goto(`${issuer}/account`);
      await signIn(page);
      await at(page, 'account');
      await page.getByRole('button', { name: /^Sign out Chrome on / }).waitFor();
      await page.getByRole('list', { name: 'Where you are signed in' }).waitFor();
      await page.getByRole('combobox', { name: 'Language' }).waitFor();
      const choose = authorizePath({ redirect_uri: callback, prompt: 'select_account' });
      const pages = { account: '/account', password: '/password', 'choose-account': choose };
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(`${issuer}${path}`);
        await at(page, name);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map(({ id }) => `${name}: ${id}`)).toEqual([]);
      }
    } finally {
      await context.close();
    }
  });
});
