import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/ports.ts';
import { authorizePath, World } from '../support/world.ts';

/** A response that the browser itself posts to the application, or carries in a fragment: in Chromium. */
let world: World;
let browser: Browser;
let issuer: string;
let application: Server;
let callback: string;
let third: Server;
/** What came to the application's callback, as it reads forms and queries. */
const arrived: { readonly method: string; readonly fields: readonly (readonly [string, string])[] }[] = [];
let onward: string | undefined;

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

beforeAll(async () => {
  application = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '/', callback);
      if (url.pathname !== '/cb') return void response.end();
      arrived.push({ method: request.method ?? '', fields: [...new URLSearchParams(body)] });
      if (onward === undefined) response.end('<!doctype html><title>The application</title>');
      else response.writeHead(302, { location: onward }).end();
    });
  });
  third = createServer((_, response) => response.end('<!doctype html><title>A third origin</title>'));
  await Promise.all([listening(application), listening(third)]);
  callback = `http://127.0.0.1:${portOf(application)}/cb?tenant=a`;
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const consent = { mode: 'implicit', remember_for: 1000, on_refused_scope: 'drop' } as const;
  world = await World.open({
    server: { issuer, display_name: 'Acme' },
    options: { listen: { host: '127.0.0.1', port } },
    clients: [
      aClient()
        .everyResponseType()
        .with({ client_name: 'Order Desk', redirect_uris: [callback], consent })
        .build(),
    ],
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
  // One address signs in more often here than anybody may, and one person leaves more codes unused.
  await world.rows('DELETE FROM login_attempts');
  await world.rows('DELETE FROM authorization_codes');
});

/** A new browser, under our policies. Afterwards nothing has run or been refused that should not have. */
async function person(scripts: boolean, use: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: scripts });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
  page.setDefaultTimeout(60_000);
  try {
    await use(page);
    expect(complaints).toEqual([]);
  } catch (error) {
    const text = await page.locator('body').innerText();
    throw new Error(`at ${page.url()}: ${text} ${complaints.join()}`, { cause: error });
  } finally {
    await context.close();
  }
}

const at = (page: Page, name: string) => page.locator(`body[data-page="${name}"]`).waitFor();
const path = (change: Readonly<Record<string, string>>) =>
  `${issuer}${authorizePath({ redirect_uri: callback, response_mode: 'form_post', response_type: 'code id_token token', ...change })}`;
async function signIn(page: Page, change: Readonly<Record<string, string>> = {}): Promise<void> {
  await page.goto(path(change));
  await at(page, 'login');
  await page.fill('#username', 'ada');
  await page.fill('#password', 'password-of-ada');
  await page.click('#sign-in');
}
const arrival = async (): Promise<Readonly<Record<string, string>>> => {
  await expect.poll(() => arrived.length, { timeout: 60_000 }).toBe(1);
  expect(arrived[0]?.method).toBe('POST');
  const fields = arrived[0]?.fields ?? [];
  const names = fields.map(([name]) => name);
  expect(new Set(names).size).toBe(names.length);
  return Object.fromEntries(fields);
};
const members = ['access_token', 'code', 'expires_in', 'id_token', 'iss', 'scope', 'state', 'token_type'];

describe('OAuth 2.0 Form Post Response Mode', () => {
  it('goes on by itself, after a form, and the application may redirect on to any origin', async () => {
    onward = `http://127.0.0.1:${portOf(third)}/`;
    await person(true, async (page) => {
      await signIn(page);
      expect(Object.keys(await arrival()).sort()).toEqual(members);
      await page.waitForURL(onward ?? '');
    });
  });

  it('without scripts the person goes on, with the keyboard too', async () => {
    onward = `http://127.0.0.1:${portOf(third)}/`;
    for (const press of [
      (page: Page) => page.click('#continue'),
      (page: Page) => page.locator('#continue').press('Enter'),
    ]) {
      arrived.length = 0;
      await person(false, async (page) => {
        await signIn(page);
        await at(page, 'form-post');
        expect(await page.locator('h1').innerText()).toBe('Going to Order Desk');
        expect(await page.getByText('If nothing happens, choose Continue.').count()).toBe(1);
        expect(arrived).toEqual([]);
        await press(page);
        expect(Object.keys(await arrival()).sort()).toEqual(members);
        await page.waitForURL(onward ?? '');
      });
    }
  });

  it('a silent answer, a silent error, Cancel and No come the same way', async () => {
    await person(true, async (page) => {
      const came = async () => {
        const fields = await arrival();
        await page.waitForURL(callback);
        arrived.length = 0;
        return fields;
      };
      await page.goto(path({ prompt: 'none' })).catch(() => undefined);
      expect(await came()).toMatchObject({ error: 'login_required', state: 'the-state', iss: issuer });
      await page.goto(path({}));
      await page.click('#cancel');
      expect(await came()).toMatchObject({ error: 'access_denied', state: 'the-state' });
      await signIn(page);
      await came();
      await page.goto(path({ prompt: 'none' })).catch(() => undefined);
      expect(Object.keys(await came()).sort()).toEqual(members);
      await page.goto(path({ prompt: 'consent' }));
      await page.click('#deny');
      expect(await came()).toMatchObject({ error: 'access_denied', state: 'the-state' });
    });
  });

  it('has one script, no place to hide another, and nothing to object to', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    const response = await page.goto(path({ prompt: 'none' }));
    await at(page, 'form-post');
    const html = (await response?.text()) ?? '';
    expect(html.match(/<script/g)?.length).toBe(1);
    expect(html).toContain('<script>document.forms[0].submit()</script>');
    const policy = response?.headers()['content-security-policy'] ?? '';
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='$/,
    );
    expect(Buffer.byteLength(html)).toBeLessThan(14 * 1024);
    await context.close();
    // axe needs scripts, and then the page would be gone: it is held back on its way to the application.
    const scripted = await browser.newContext({ bypassCSP: true });
    await scripted.route(callback, () => undefined);
    const held = await scripted.newPage();
    await held.setContent(html.replace(/<script>.*<\/script>/, ''));
    expect((await new AxeBuilder({ page: held }).analyze()).violations).toEqual([]);
    await scripted.close();
  });
});

describe('F22, A11: whatever a state holds', () => {
  const states: readonly [string, string][] = [
    ['a script that closes the attribute', `"><script>alert(1)</script>`],
    ['a script that closes the form', `'></form><script>alert(1)</script><form action="https://evil.example/">`],
    ['an image', `"><img src=x onerror=alert(1)>`],
    ['a handler', `" autofocus onfocus="alert(1)" x="`],
    ['a base', `"><base href="https://evil.example/">`],
    ['another field', `"><input name="code" value="planted">`],
    ['another target', `" formaction="https://evil.example/" type="submit`],
    ['a comment', `--><!--<script>alert(1)//`],
    ['entities', `&quot;&#x22;&lt;script&gt;&amp;amp;`],
    ['a script URL', `javascript:alert(1)`],
    ['a template', '${alert(1)}{{alert(1)}}<%=alert(1)%>'],
    ['a long one', `"'<>&`.repeat(1000)],
    ['Unicode', 'Zoë 東京 🇪🇺 e\u0301 \u{10ffff}'],
    ['what turns the reading around, and what nobody sees', 'a\u202eb\u2066c\u200f\ufeff\u00a0\u0001\u007f\u0085\t z'],
  ];
  it.each(states)('%s: arrives as it was sent, and nothing runs', async (_what, state) => {
    await person(true, async (page) => {
      await signIn(page, { state });
      expect((await arrival()).state).toBe(state);
      await page.waitForURL(callback);
    });
    arrived.length = 0;
    await person(false, async (page) => {
      await page.goto(path({ state, prompt: 'none' }));
      await at(page, 'form-post');
      expect(await page.locator('form').count()).toBe(1);
      expect(await page.locator('form').getAttribute('action')).toBe(callback);
      expect(await page.locator('script, img, base, [onfocus], [formaction]').count()).toBe(1);
      await page.click('#continue');
      expect((await arrival()).state).toBe(state);
    });
  });
});

describe('a fragment', () => {
  it.each([true, false])('reaches the application in its URL and nobody else (scripts: %s)', async (scripts) => {
    await person(scripts, async (page) => {
      await signIn(page, { response_mode: 'fragment' });
      await page.waitForURL(/#/);
      const url = new URL(page.url());
      expect(`${url.origin}${url.pathname}${url.search}`).toBe(callback);
      expect([...new URLSearchParams(url.hash.slice(1)).keys()].sort()).toEqual(members);
      expect(arrived).toEqual([{ method: 'GET', fields: [] }]);
    });
  });

  it('of an earlier URL is not carried along with a query', async () => {
    await person(false, async (page) => {
      await page.goto(`${path({ response_type: 'code', response_mode: 'query', prompt: 'none' })}#planted`);
      await page.waitForURL(/error=login_required/);
      expect(new URL(page.url()).hash).toBe('#_');
    });
  });
});
