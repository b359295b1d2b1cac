import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { deviceApp, startDevice } from '../support/devices.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { freePort } from '../support/ports.ts';
import { aDirectory, authorizePath, World, webApp } from '../support/world.ts';

/** F21: what another site can do with the browser of somebody who is signed in here, as Chromium lets it. */
let world: World;
let browser: Browser;
let issuer: string;
/** Another host, so another site, to the browser. */
let foreign: string;
let callback: string;
let elsewhere: Server;
/** What it shows next. */
let html = '';
let username = '';
let turn = 0;

beforeAll(async () => {
  elsewhere = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>elsewhere</title>${html}`);
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const at = (elsewhere.address() as AddressInfo).port;
  foreign = `http://elsewhere.localhost:${at}`;
  callback = `http://127.0.0.1:${at}/cb`;
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const consent = { mode: 'always', remember_for: 60, on_refused_scope: 'drop' } as const;
  world = await World.open({
    server: { issuer, display_name: 'Acme' },
    options: { listen: { host: '127.0.0.1', port } },
    directories: { [memoryDirectoryId]: aDirectory({ password_change: 'allowed' }) },
    clients: [webApp('shop.web', { consent, redirect_uris: [callback] }), deviceApp()],
  });
  world.memory.add('mallory');
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await world?.stop();
  elsewhere?.closeAllConnections();
  elsewhere?.close();
});
beforeEach(async () => {
  await world.rows('DELETE FROM login_attempts');
  username = `user${++turn}`;
  world.memory.add(username);
});

const at = (page: Page, name: string) => page.locator(`body[data-page="${name}"]`).waitFor();
const request = (change: Readonly<Record<string, string>> = {}) =>
  `${issuer}${authorizePath({ redirect_uri: callback, ...change })}`;

async function inProfile(use: (page: Page, context: BrowserContext) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  context.setDefaultTimeout(60_000);
  try {
    await use(await context.newPage(), context);
  } finally {
    await context.close();
  }
}

async function signIn(page: Page, name = username): Promise<void> {
  await at(page, 'login');
  await page.fill('#username', name);
  await page.fill('#password', `password-of-${name}`);
  await page.click('#sign-in');
}

async function signInHere(page: Page): Promise<void> {
  await page.goto(`${issuer}/account`);
  await signIn(page);
  await at(page, 'account');
}

const ours = async (context: BrowserContext) =>
  (await context.cookies(issuer)).map(({ name, value }) => `${name}=${value}`).sort();
const written = () =>
  Promise.all(
    ['sessions', 'consents', 'grants', 'authorization_codes'].map(async (table) =>
      JSON.stringify(await world.rows(`SELECT to_jsonb(t) - 'last_seen_at' AS row FROM ${table} t ORDER BY 1`)),
    ),
  );

/** What the page's form would send, were it pressed. */
async function formOf(page: Page): Promise<{ action: string; fields: Record<string, string> }> {
  const form = page.locator('main form').first();
  const fields = await form
    .locator('input')
    .evaluateAll((inputs) =>
      inputs.map((one) => [one.getAttribute('name') ?? '', one.getAttribute('value') ?? ''] as const),
    );
  return { action: (await form.getAttribute('action')) ?? '', fields: Object.fromEntries(fields) };
}

function formThatGoes(action: string, fields: Readonly<Record<string, string>>): string {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
  return `<form method="post" action="${action}">${inputs.join('')}</form>`;
}

describe('F21, A65: frames', () => {
  it.each(['request', 'consent', '/account', '/password', '/device', '/logout'])(
    'another site frames nothing of ours: %s',
    async (what) => {
      await inProfile(async (page) => {
        await signInHere(page);
        let target = `${issuer}${what}`;
        if (what === 'request') target = request();
        if (what === 'consent') {
          await page.goto(request());
          await at(page, 'consent');
          target = page.url();
        }
        html = `<iframe name="ours"></iframe><iframe name="own" src="${foreign}/own"></iframe>`;
        await page.goto(foreign);
        html = 'framed';
        await page.evaluate(`frames.ours.location = ${JSON.stringify(target)}`);
        const frame = () => page.frame({ name: 'ours' });
        // Where something else than the page stands, the browser names an address of its own.
        await expect.poll(() => frame()?.url(), { timeout: 60_000 }).toMatch(/^chrome-error:/);
        expect(await frame()?.locator('[data-page]').count()).toBe(0);
      });
    },
  );
});

describe('F21, A65: forms that another site sends', () => {
  /** With all that our own page would send: more than anybody elsewhere can know. */
  const forms: Readonly<Record<string, (page: Page) => Promise<{ action: string; fields: Record<string, string> }>>> = {
    'account: Sign out everywhere': async (page) => {
      await page.goto(`${issuer}/account?ask=sign-out-all`);
      const { action, fields } = await formOf(page);
      return { action, fields: { ...fields, 'sign-out-all': 'yes' } };
    },
    'account: Remove all access': async (page) => {
      await page.goto(`${issuer}/account?ask=remove-all`);
      const { action, fields } = await formOf(page);
      return { action, fields: { ...fields, 'remove-all': 'yes' } };
    },
    password: async (page) => {
      await page.goto(`${issuer}/password`);
      const { action, fields } = await formOf(page);
      const typed = { current_password: `password-of-${username}`, new_password: 'x', new_password_again: 'x' };
      return { action, fields: { ...fields, ...typed, change: '1' } };
    },
    device: async (page) => {
      const { user_code } = await startDevice(world);
      await page.goto(`${issuer}/device?user_code=${user_code}`);
      await at(page, 'device-confirm');
      const { action, fields } = await formOf(page);
      return { action, fields: { ...fields, decision: 'allow' } };
    },
    consent: async (page) => {
      await page.goto(request());
      await at(page, 'consent');
      const { action, fields } = await formOf(page);
      return { action, fields: { ...fields, decision: 'allow' } };
    },
    'sign-out': async (page) => {
      await page.goto(`${issuer}/logout`);
      await at(page, 'sign-out');
      const { action, fields } = await formOf(page);
      return { action, fields: { ...fields, 'sign-out': '1' } };
    },
    logout: async () => ({ action: '/logout', fields: { client_id: 'shop.web' } }),
    'login as somebody else': async (page) => {
      await page.goto(request({ prompt: 'login' }));
      await at(page, 'login');
      const { action, fields } = await formOf(page);
      return { action, fields: { ...fields, username: 'mallory', password: 'password-of-mallory', 'sign-in': '1' } };
    },
    language: async (page) => {
      await page.goto(`${issuer}/account`);
      return { action: '/language', fields: { to: '/account', language: 'de' } };
    },
  };

  it.each(Object.entries(forms))('%s: nothing is done, and the session is what it was', async (_name, open) => {
    await inProfile(async (page, context) => {
      await signInHere(page);
      const { action, fields } = await open(page);
      const before = [await ours(context), await written()];
      html = formThatGoes(`${issuer}${action}`, fields);
      await page.goto(foreign);
      await page.evaluate('document.forms[0].submit()');
      await page.waitForURL((url) => url.origin === issuer);
      await page.locator('body[data-page]').waitFor();
      expect([await ours(context), await written()]).toEqual(before);
      expect(world.memory.people.get(username)?.password).toBe(`password-of-${username}`);
      const devices = await world.rows<{ n: number }>(
        `SELECT count(*)::int AS n FROM device_codes WHERE username = $1`,
        [username],
      );
      expect(devices[0]?.n).toBe(0);
      await page.goto(`${issuer}/account`);
      await at(page, 'account');
      expect(await page.getByText(username).first().isVisible()).toBe(true);
    });
  });
});

describe('F21, A29: a cookie that somebody planted', () => {
  it.each([false, true])('gains nothing from who signs in with it, the planter signed in: %s', async (signedIn) => {
    await inProfile(async (planter, theirs) => {
      await planter.goto(signedIn ? `${issuer}/account` : request());
      if (signedIn) {
        await signIn(planter, 'mallory');
        await at(planter, 'account');
      }
      const planted = await theirs.cookies(issuer);
      expect(planted.length).toBe(signedIn ? 2 : 1);
      await inProfile(async (page, context) => {
        await context.addCookies(planted);
        await page.goto(signedIn ? request({ prompt: 'login' }) : request());
        if (signedIn) await page.click('#use-another');
        await signIn(page);
        await at(page, 'consent');
        expect(await ours(context)).not.toEqual(planted.map(({ name, value }) => `${name}=${value}`).sort());
        for (const path of [`${issuer}/account`, request()]) {
          await planter.goto(path);
          await at(planter, 'login');
        }
        await page.goto(`${issuer}/account`);
        await at(page, 'account');
        expect(await page.getByText(username).first().isVisible()).toBe(true);
      });
    });
  });
});
