import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient, aScope } from '../support/builders.ts';
import { launchChromium } from '../support/chromium.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { asPerson, type PersonOptions } from '../support/person.ts';
import { freePort } from '../support/ports.ts';
import { aDirectory, authorizePath, World } from '../support/world.ts';

/** The way of a person through the pages of a running server, in Chromium, scripts off. */
let world: World;
let browser: Browser;
let issuer: string;
/** The application: what came to its callback, and where it sends the browser then. */
let application: Server;
let callback: string;
const arrived: URL[] = [];
let onward: string | undefined;
/** A third origin. */
let third: Server;

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

beforeAll(async () => {
  application = createServer((request, response) => {
    const url = new URL(request.url ?? '/', callback);
    if (url.pathname === '/cb') arrived.push(url);
    const location = url.pathname === '/cb' ? onward : undefined;
    if (location === undefined) response.end('<!doctype html><title>The application</title>');
    else response.writeHead(302, { location }).end();
  });
  third = createServer((_, response) => response.end('<!doctype html><title>A third origin</title>'));
  await Promise.all([listening(application), listening(third)]);
  callback = `http://127.0.0.1:${portOf(application)}/cb`;
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const scopes = ['openid', 'profile', 'email', 'shop:orders'];
  world = await World.open({
    server: { issuer, display_name: 'Acme' },
    options: { listen: { host: '127.0.0.1', port } },
    scopes: [aScope('shop:orders', { display_name: 'Change orders', description: 'Change and cancel them.' })],
    clients: [
      aClient('shop.web')
        .with({ client_name: 'Order Desk', redirect_uris: [callback], scopes })
        .build(),
      aClient('shop.asks')
        .with({
          client_name: 'Always Asks',
          redirect_uris: [callback],
          scopes,
          consent: { mode: 'always', remember_for: 60, on_refused_scope: 'drop' },
        })
        .build(),
      aClient('shop.phone')
        .public()
        .with({ redirect_uris: ['com.example.app:/cb'], scopes })
        .build(),
    ],
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [{ name: 'orders', scopes: ['shop:orders'], groups: ['order-managers'] }],
        password_change: 'allowed',
      }),
    },
  });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await world?.stop();
  for (const server of [application, third]) {
    server?.closeAllConnections();
    server?.close();
  }
});

beforeEach(async () => {
  arrived.length = 0;
  onward = undefined;
  world.memory.down = false;
  // A fast machine signs in more often than one address may in a minute.
  await world.rows('DELETE FROM login_attempts');
});

const person = (use: (page: Page) => Promise<void>, options?: PersonOptions) => asPerson(browser, use, options);

const open = (page: Page, change: Readonly<Record<string, string>> = {}) =>
  page.goto(`${issuer}${authorizePath({ redirect_uri: callback, ...change })}`);
/** Asks every time. */
const asking = { client_id: 'shop.asks' };
const at = (page: Page, name: string) => page.locator(`body[data-page="${name}"]`).waitFor();
const arrival = async (): Promise<Record<string, string>> => {
  await expect.poll(() => arrived.length).toBe(1);
  return Object.fromEntries(arrived[0]?.searchParams ?? []);
};

async function signIn(page: Page, password = 'password-of-ada'): Promise<void> {
  await at(page, 'login');
  await page.fill('#username', 'ada');
  await page.fill('#password', password);
  await page.click('#sign-in');
}

describe('sign in and consent', () => {
  it('what a page loads is there, its icon included', async () => {
    const page = await (await fetch(`${issuer}${authorizePath({ redirect_uri: callback })}`)).text();
    const loaded = [...page.matchAll(/<link [^>]*href="([^"]*)"/g)].map(([, href = '']) => href);
    const answers = await Promise.all(loaded.map((href) => fetch(new URL(href, issuer))));
    expect(answers.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual([
      [200, 'image/svg+xml'],
      [200, 'text/css; charset=utf-8'],
    ]);
  });

  it('with the keyboard alone: username, password, Enter, Allow', async () => {
    await person(async (page) => {
      await open(page);
      await at(page, 'login');
      await page.locator('#username:focus').waitFor();
      await page.keyboard.type('ada');
      await page.keyboard.press('Tab');
      await page.keyboard.type('password-of-ada');
      await page.keyboard.press('Enter');
      await at(page, 'consent');
      await expect.poll(() => page.title()).toBe('Order Desk asks for access – Acme');
      expect(await page.getByText('See your e-mail address (ada@example.com)').isVisible()).toBe(true);
      while ((await page.locator('#allow:focus').count()) === 0) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      expect(await arrival()).toMatchObject({ state: 'the-state', iss: issuer, code: expect.any(String) });
      await expect.poll(() => page.title()).toBe('The application');
    });
  });

  it('with the keyboard alone: a new password that the directory wants first', async () => {
    world.memory.add('grace', { account: 'must_change_password' });
    await person(async (page) => {
      await open(page, asking);
      await at(page, 'login');
      await page.locator('#username:focus').waitFor();
      await page.keyboard.type('grace');
      await page.keyboard.press('Tab');
      await page.keyboard.type('password-of-grace');
      await page.keyboard.press('Enter');
      await at(page, 'password');
      while ((await page.locator('#current_password:focus').count()) === 0) await page.keyboard.press('Tab');
      for (const typed of ['password-of-grace', 'another password', 'another pasword']) {
        await page.keyboard.type(typed);
        if (typed !== 'another pasword') await page.keyboard.press('Tab');
      }
      await page.keyboard.press('Enter');
      await page.locator('#problem:focus').waitFor();
      await expect.poll(() => page.title()).toBe('Error: Choose a new password to go on – Acme');
      for (const id of ['current_password', 'new_password', 'new_password_again'])
        expect(await page.locator(`#${id}`).inputValue()).toBe('');
      await page.fill('#current_password', 'password-of-grace');
      await page.fill('#new_password', 'another password');
      await page.fill('#new_password_again', 'another password');
      await page.keyboard.press('Enter');
      await at(page, 'consent');
      await page.goto(`${issuer}/account`);
      await page.click('#password');
      await at(page, 'password');
      await page.fill('#current_password', 'another password');
      await page.fill('#new_password', 'yet another one');
      await page.fill('#new_password_again', 'yet another one');
      await page.click('#change');
      await expect.poll(() => page.title()).toBe('Your password was changed – Acme');
      await page.click('#account');
      await at(page, 'account');
    });
  });

  it('a remembered yes: no page in between', async () => {
    await person(async (page) => {
      await open(page);
      await signIn(page);
      expect(await arrival()).toHaveProperty('code');
    });
  });

  it('deny: the application hears access_denied', async () => {
    await person(async (page) => {
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#deny');
      expect(await arrival()).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    });
  });

  it('cancel, with nothing filled in: access_denied', async () => {
    await person(async (page) => {
      await open(page, asking);
      await at(page, 'login');
      await page.click('#cancel');
      expect(await arrival()).toMatchObject({ error: 'access_denied', state: 'the-state' });
    });
  });

  it('a wrong password: the problem has the focus, the user name stays, the next try succeeds', async () => {
    await person(async (page) => {
      await open(page, asking);
      await signIn(page, 'wrong');
      await page.locator('#problem:focus').waitFor();
      await expect.poll(() => page.title()).toBe('Error: Sign in – Acme');
      expect(await page.locator('#username').inputValue()).toBe('ada');
      expect(await page.locator('#password').inputValue()).toBe('');
      await page.fill('#password', 'password-of-ada');
      await page.keyboard.press('Enter');
      await at(page, 'consent');
    });
  });

  it('another account: the sign-in page, with an empty user name', async () => {
    await person(async (page) => {
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#use-another');
      await at(page, 'login');
      expect(await page.locator('#username').inputValue()).toBe('');
      expect(await page.locator('#username').isEditable()).toBe(true);
    });
  });

  it('prompt=login: who it is stands fixed in the form, and the password is asked for', async () => {
    await person(async (page) => {
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      await open(page, { ...asking, prompt: 'login' });
      await at(page, 'login');
      expect(await page.getByText('Please confirm that it is you, ada of the shop.').isVisible()).toBe(true);
      expect(await page.locator('#username').inputValue()).toBe('ada');
      expect(await page.locator('#username').isEditable()).toBe(false);
      await page.fill('#password', 'password-of-ada');
      await page.keyboard.press('Enter');
      await at(page, 'consent');
    });
  });

  it('a scope that the directory refuses is told before the application gets the rest', async () => {
    await person(async (page) => {
      await open(page, { ...asking, scope: 'openid shop:orders' });
      await signIn(page);
      await at(page, 'consent');
      expect(await page.getByText('Only for members of order-managers.').isVisible()).toBe(true);
      await page.click('#allow');
      await at(page, 'consent-partial');
      const text = 'Your directory does not allow: Change orders. Always Asks gets the rest.';
      expect(await page.getByText(text).isVisible()).toBe(true);
      expect(arrived).toEqual([]);
      await page.click('#continue');
      expect(await arrival()).toHaveProperty('code');
    });
  });

  it('nothing is left: the page says so and leads back', async () => {
    await person(async (page) => {
      await open(page, { ...asking, scope: 'shop:orders' });
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      await page.locator('body[data-error="access_denied"]').waitFor();
      await page.click('#back');
      expect(await arrival()).toMatchObject({ error: 'access_denied', state: 'the-state' });
    });
  });

  it('the directory goes away before Allow: nothing is given, and Try again goes on with the same request', async () => {
    await person(async (page) => {
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      world.memory.down = true;
      await page.click('#allow');
      await page.locator('body[data-error="temporarily_unavailable"]').waitFor();
      expect(await page.getByText('Nothing was lost and nothing was given.').isVisible()).toBe(true);
      expect(arrived).toEqual([]);
      world.memory.down = false;
      await page.click('#retry');
      expect(await arrival()).toMatchObject({ code: expect.any(String), state: 'the-state' });
    });
  });

  it('back after the answer: it has been answered already, or is answered alike', async () => {
    await person(async (page) => {
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      const consent = page.url();
      await page.click('#allow');
      const { code } = await arrival();
      await page.waitForURL((url) => url.pathname === '/cb');
      await page.goto(consent);
      await expect.poll(() => arrived.map((url) => url.searchParams.get('code'))).toEqual([code, code]);
    });
  });
});

describe('after a form, the way is the application’s own', () => {
  it('its callback redirects on to a third origin', async () => {
    await person(async (page) => {
      onward = `http://localhost:${portOf(third)}/`;
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      await page.waitForURL((url) => url.port === String(portOf(third)));
      await expect.poll(() => page.title()).toBe('A third origin');
    });
  });

  it('its callback redirects on to com.example.app:', async () => {
    await person(async (page) => {
      onward = 'com.example.app:/signed-in';
      await open(page, asking);
      await signIn(page);
      await at(page, 'consent');
      await page.click('#allow');
      expect(await arrival()).toHaveProperty('code');
    });
  });

  it('the application is reached by com.example.app: itself', async () => {
    await person(async (page) => {
      await open(page, { client_id: 'shop.phone', redirect_uri: 'com.example.app:/cb' });
      await signIn(page);
      await at(page, 'consent');
      expect(await page.getByText('sends you back to com.example.app.').isVisible()).toBe(true);
      await page.click('#allow');
      await at(page, 'continue');
      expect(await page.locator('#continue').getAttribute('href')).toMatch(/^com\.example\.app:\/cb\?.*code=/);
    });
  });
});

describe('the pages that the server really sends', () => {
  it('axe finds nothing on the way', async () => {
    await person(
      async (page) => {
        const found: string[] = [];
        const look = async (name: string) => {
          await at(page, name);
          await page.waitForLoadState();
          const { violations } = await new AxeBuilder({ page }).analyze();
          found.push(...violations.map((one) => `${name}: ${one.id}`));
        };
        await page.goto(`${issuer}/nowhere`);
        await look('error');
        await page.goto(`${issuer}${authorizePath({ client_id: 'nobody' })}`);
        await look('error');
        await open(page, { ...asking, scope: 'openid email shop:orders' });
        await look('login');
        await signIn(page, 'wrong');
        await page.locator('#problem').waitFor();
        await look('login');
        await page.fill('#password', 'password-of-ada');
        await page.keyboard.press('Enter');
        await look('consent');
        await page.click('#allow');
        await look('consent-partial');
        expect(found).toEqual([]);
      },
      { scripts: true },
    );
  });

  it('a page and its style sheet are at most 14 KB', async () => {
    await person(async (page) => {
      const sizes: number[] = [];
      page.on('response', (response) => {
        // The icon may still be on its way when the page is closed.
        if (!['document', 'stylesheet'].includes(response.request().resourceType())) return;
        void response.body().then((body) => sizes.push(body.length));
      });
      await open(page, asking);
      await at(page, 'login');
      await expect.poll(() => sizes.length).toBe(2);
      expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(14 * 1024);
    });
  });
});
