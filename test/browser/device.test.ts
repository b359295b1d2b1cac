import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { basic, deviceApp, deviceFields, type StartedDevice } from '../support/devices.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { asPerson, type PersonOptions } from '../support/person.ts';
import { freePort } from '../support/ports.ts';
import { aDirectory, type TokenAnswer, World } from '../support/world.ts';

/** A person connects a device (RFC 8628) in Chromium, scripts off; the device itself is plain HTTP. */
let world: World;
let browser: Browser;
let issuer: string;
beforeAll(async () => {
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  world = await World.open({
    server: { issuer, display_name: 'Acme' },
    options: { listen: { host: '127.0.0.1', port } },
    clients: [deviceApp()],
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [{ name: 'groups', scopes: ['groups'], groups: ['managers'] }],
      }),
    },
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await world?.stop();
});
beforeEach(() => {
  world.memory.down = false;
});

const call = (path: string, fields: Readonly<Record<string, string>>) =>
  fetch(`${issuer}${path}`, { method: 'POST', headers: basic('tv.app'), body: new URLSearchParams(fields) });
const start = async (scope = 'openid email') =>
  (await (await call('/device_authorization', { scope })).json()) as StartedDevice;
/** What the device hears, once it has waited long enough. */
const hear = async ({ device_code }: StartedDevice) => {
  await world.rows(`UPDATE device_codes SET polled_at = NULL`);
  const body = (await (await call('/token', deviceFields(device_code))).json()) as TokenAnswer['body'];
  return body.error ?? 'tokens';
};

const person = (use: (page: Page) => Promise<void>, options?: PersonOptions) => asPerson(browser, use, options);

const at = (page: Page, name: string) => page.locator(`body[data-page="${name}"]`).waitFor();

/** Types once the page has put the cursor into the name's field: a key pressed before that is lost. */
async function signIn(page: Page): Promise<void> {
  await page.locator('#username:focus').waitFor();
  const { keyboard } = page;
  await keyboard.type('ada');
  await keyboard.press('Tab');
  await keyboard.type('password-of-ada');
  await keyboard.press('Enter');
}

async function pressOn(page: Page, id: string): Promise<void> {
  for (let presses = 0; (await page.locator(`#${id}:focus`).count()) === 0; presses++) {
    if (presses > 40) throw new Error(`no key leads to ${id}`);
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
}

describe('a device, with the keyboard alone and no scripts', () => {
  it('sign in, enter the code, Yes', async () => {
    const device = await start();
    await person(async (page) => {
      await page.goto(device.verification_uri);
      await at(page, 'login');
      await signIn(page);
      await at(page, 'device');
      expect(await page.title()).toBe('Connect a device – Acme');
      await page.locator('#user_code:focus').waitFor();
      await page.keyboard.type(device.user_code.toLowerCase().replace('-', ' '));
      await page.keyboard.press('Enter');
      await at(page, 'device-confirm');
      expect(await page.getByText(device.user_code).isVisible()).toBe(true);
      expect(await page.getByText('See your e-mail address (ada@example.com)').isVisible()).toBe(true);
      // The first key that leads to a button leads to No.
      const order: string[] = [];
      while (!order.includes('allow')) {
        await page.keyboard.press('Tab');
        order.push((await page.locator(':focus').getAttribute('id')) ?? '');
        if (order.length > 40) break;
      }
      expect(order.indexOf('deny')).toBeGreaterThanOrEqual(0);
      expect(order.indexOf('deny')).toBeLessThan(order.indexOf('allow'));
      expect(await hear(device)).toBe('authorization_pending');
      await page.keyboard.press('Enter');
      await at(page, 'device-done');
      expect(await page.title()).toBe('Your device is connected – Acme');
      expect(await page.locator('#account').getAttribute('href')).toBe('/account');
    });
    expect(await hear(device)).toBe('tokens');
  });

  it('a complete link lands at the question; Enter, the first thing one presses, gives nothing; No stops it', async () => {
    const device = await start();
    await person(async (page) => {
      await page.goto(device.verification_uri_complete);
      await at(page, 'login');
      await signIn(page);
      await at(page, 'device-confirm');
      await page.keyboard.press('Enter');
      expect(await hear(device)).toBe('authorization_pending');
      await pressOn(page, 'deny');
      await at(page, 'device-done');
      expect(await page.title()).toBe('Stopped – Acme');
    });
    expect(await hear(device)).toBe('access_denied');
  });

  it('a wrong code: the summary has the focus, its link leads to the field, which keeps what was typed', async () => {
    const device = await start();
    await person(async (page) => {
      await page.goto(device.verification_uri);
      await signIn(page);
      await at(page, 'device');
      await page.locator('#user_code:focus').waitFor();
      await page.keyboard.type('BCDF-GHJK');
      await page.keyboard.press('Enter');
      await page.locator('#problem:focus').waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.locator('#user_code:focus').waitFor();
      expect(await page.inputValue('#user_code')).toBe('BCDF-GHJK');
      await page.fill('#user_code', device.user_code);
      await page.keyboard.press('Enter');
      await at(page, 'device-confirm');
    });
  });

  it('back and pressed again: the same end', async () => {
    const device = await start();
    await person(async (page) => {
      await page.goto(device.verification_uri_complete);
      await signIn(page);
      await at(page, 'device-confirm');
      await page.click('#deny');
      await at(page, 'device-done');
      await page.goBack();
      // Without a copy of its own the browser asks again: the code is no longer valid.
      await at(page, 'device');
      await page.goForward();
      await at(page, 'device-done');
      expect(await page.title()).toBe('Stopped – Acme');
    });
  });

  it('the directory is away: "Try again" repeats the click', async () => {
    const device = await start();
    await person(async (page) => {
      await page.goto(device.verification_uri_complete);
      await signIn(page);
      await at(page, 'device-confirm');
      world.memory.down = true;
      await page.click('#allow');
      await at(page, 'error');
      expect(await hear(device)).toBe('authorization_pending');
      world.memory.down = false;
      await pressOn(page, 'retry');
      await at(page, 'device-done');
    });
    expect(await hear(device)).toBe('tokens');
  });
});

describe('looks', () => {
  it('axe finds nothing, and nothing is wider than 320 px', async () => {
    const device = await start('openid profile email groups offline_access');
    const found: string[] = [];
    await person(
      async (page) => {
        await page.setViewportSize({ width: 320, height: 640 });
        const look = async (name: string): Promise<void> => {
          await at(page, name);
          await page.waitForLoadState();
          const { violations } = await new AxeBuilder({ page }).analyze();
          found.push(...violations.map((one) => `${name}: ${one.id}`));
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          if (width > 320) found.push(`${name}: ${width} px wide`);
        };
        await page.goto(device.verification_uri);
        await at(page, 'login');
        await signIn(page);
        await look('device');
        await page.fill('#user_code', 'BCDF-GHJK');
        await page.click('#continue');
        await page.locator('#problem').waitFor();
        await look('device');
        await page.fill('#user_code', device.user_code);
        await page.click('#continue');
        await look('device-confirm');
        await page.click('#allow');
        await look('device-done');
      },
      { scripts: true },
    );
    expect(found).toEqual([]);
  });
});
