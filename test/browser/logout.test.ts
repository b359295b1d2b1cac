import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/ports.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorizePath, codeFields, World, webApp } from '../support/world.ts';

/** Signing out in Chromium: frames of front-channel logout, keys alone, the back button. */
const asks = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
let world: World;
let browser: Browser;
let issuer: string;
/** Two applications, on two origins. */
let shop: TlsSink;
let forum: TlsSink;
const seen: string[] = [];
/** What the application's logout page is, and how long it takes. */
let front = { html: '<!doctype html><title>out</title>', delay: 0 };

const answers = (name: string) => (request: IncomingMessage, response: ServerResponse) => {
  const { pathname } = new URL(request.url ?? '/', 'https://x');
  const done = (html: string) => {
    if (pathname !== '/favicon.ico') seen.push(`${name} ${request.url}`);
    response.writeHead(200, { 'content-type': 'text/html' }).end(html);
  };
  const late = async () => {
    await sleep(front.delay, undefined, { ref: false });
    done(front.html);
  };
  if (pathname === '/front') void late();
  else done(`<!doctype html><title>${name} ${pathname}</title>`);
};
const urlOf = (sink: TlsSink, path: string) => `https://127.0.0.1:${sink.port}${path}`;

beforeAll(async () => {
  const authority = await makeAuthority();
  shop = await openTlsSink(await authority.issue());
  forum = await openTlsSink(await authority.issue());
  shop.answer = answers('shop');
  forum.answer = answers('forum');
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const app = (id: string, name: string, sink: TlsSink) =>
    webApp(id, {
      client_name: name,
      consent: asks,
      redirect_uris: [urlOf(sink, '/cb')],
      post_logout_redirect_uris: [urlOf(sink, '/bye')],
      frontchannel_logout_uri: urlOf(sink, '/front'),
    });
  world = await World.open({
    server: { issuer, display_name: 'Acme' },
    options: { listen: { host: '127.0.0.1', port } },
    clients: [
      app('shop.web', 'Order Desk', shop),
      app('shop.forum', 'Forum', forum),
      webApp('shop.asks', {
        client_name: 'Always Asks',
        redirect_uris: [urlOf(shop, '/cb')],
        consent: { mode: 'always', remember_for: 60, on_refused_scope: 'drop' },
      }),
    ],
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await world?.stop();
  await shop?.close();
  await forum?.close();
});
beforeEach(() => {
  seen.length = 0;
  front = { html: '<!doctype html><title>out</title>', delay: 0 };
});

/** A new browser. Afterwards Chromium has complained of nothing: no frame, form or resource was refused. */
async function person(use: (page: Page, context: BrowserContext) => Promise<void>, scripts = false): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: scripts, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (/Content.Security.Policy|Refused/i.test(message.text())) complaints.push(message.text());
  });
  page.setDefaultTimeout(60_000);
  try {
    await use(page, context);
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
  }
}
const at = (page: Page, name: string) => page.locator(`body[data-page="${name}"]`).waitFor();

/** Signs in at an application; its ID token. */
async function enter(page: Page, clientId: string, sink: TlsSink): Promise<string> {
  await page.goto(`${issuer}${authorizePath({ client_id: clientId, redirect_uri: urlOf(sink, '/cb') })}`);
  if (!page.url().startsWith(urlOf(sink, '/cb'))) {
    await at(page, 'login');
    await page.fill('#username', 'ada');
    await page.fill('#password', 'password-of-ada');
    await page.click('#sign-in');
    await page.waitForURL(`${urlOf(sink, '/cb')}**`);
  }
  const code = new URL(page.url()).searchParams.get('code') ?? '';
  const fields = new URLSearchParams({ ...codeFields(code), redirect_uri: urlOf(sink, '/cb') });
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:secret-of-${clientId}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: fields.toString(),
  });
  const { id_token: idToken = '' } = (await response.json()) as { id_token?: string };
  expect(idToken).not.toBe('');
  return idToken;
}
const logoutUrl = (idToken: string) =>
  `${issuer}/logout?${new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: urlOf(shop, '/bye'), state: 'x' }).toString()}`;
const sidOf = (idToken: string) =>
  (JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString()) as { sid: string }).sid;

describe.each([
  ['scripts off', false],
  ['scripts on', true],
])('front-channel logout, %s', (_name, scripts) => {
  it('every application is loaded with iss and sid, and only then the browser goes on', async () => {
    await person(async (page) => {
      const idToken = await enter(page, 'shop.web', shop);
      await enter(page, 'shop.forum', forum);
      seen.length = 0;
      front = { ...front, delay: 700 };
      await page.goto(logoutUrl(idToken));
      await page.waitForURL(urlOf(shop, '/bye?state=x'));
      const query = new URLSearchParams({ iss: issuer, sid: sidOf(idToken) }).toString();
      expect(seen.slice(0, 2).toSorted()).toEqual([`forum /front?${query}`, `shop /front?${query}`]);
      expect(seen.filter((one) => one.includes('/bye'))).toEqual(['shop /bye?state=x']);
      expect(seen.findIndex((one) => one.includes('/bye'))).toBeGreaterThan(1);
    }, scripts);
  });
});

describe('signing out', () => {
  it('what is framed cannot lead the window away', async () => {
    front = { ...front, html: `<!doctype html><script>top.location = '${urlOf(forum, '/evil')}'</script>` };
    await person(async (page) => {
      const idToken = await enter(page, 'shop.web', shop);
      await page.goto(logoutUrl(idToken));
      await page.waitForURL(urlOf(shop, '/bye?state=x'));
      expect(seen.filter((one) => one.includes('evil'))).toEqual([]);
    }, true);
  });

  it('an application that does not answer keeps nobody: the link is there', async () => {
    // Longer than anything here waits.
    front = { ...front, delay: 3_600_000 };
    await person(async (page) => {
      const idToken = await enter(page, 'shop.web', shop);
      await page.goto(logoutUrl(idToken), { waitUntil: 'commit' });
      await at(page, 'signed-out');
      await page.getByRole('link', { name: 'Back to Order Desk' }).click({ noWaitAfter: true });
      await expect.poll(() => seen).toContain('shop /bye?state=x');
    });
  });

  it('with the keyboard alone: Sign out; and the question says who else hears of it', async () => {
    await person(async (page) => {
      await enter(page, 'shop.web', shop);
      await enter(page, 'shop.forum', forum);
      await page.goto(`${issuer}/logout`);
      await at(page, 'sign-out');
      await expect.poll(() => page.title()).toBe('Sign out? – Acme');
      const text = await page.locator('main').innerText();
      expect(text).toContain(
        'You are signed in as ada of the shop. You will also be signed out of: Forum and Order Desk.',
      );
      while ((await page.locator('#sign-out:focus').count()) === 0) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await at(page, 'signed-out');
      await expect.poll(() => seen.filter((one) => one.includes('/front')).length).toBe(2);
      await page.click('#sign-in-again');
      await at(page, 'login');
    });
  });

  it('"stay" leads to the own account, and nothing has ended', async () => {
    await person(async (page) => {
      await enter(page, 'shop.web', shop);
      await page.goto(`${issuer}/logout`);
      await page.click('#stay');
      await at(page, 'account');
    });
  });

  it('A31: the back button shows nothing of the person afterwards', async () => {
    await person(async (page, context) => {
      const idToken = await enter(page, 'shop.web', shop);
      await page.goto(`${issuer}${authorizePath({ client_id: 'shop.asks', redirect_uri: urlOf(shop, '/cb') })}`);
      await at(page, 'consent');
      expect(await page.locator('main').innerText()).toContain('ada@example.com');
      await page.goto(`${issuer}/account`);
      await at(page, 'account');
      await page.goto(logoutUrl(idToken));
      await page.waitForURL(urlOf(shop, '/bye?state=x'));
      expect((await context.cookies(issuer)).filter(({ name }) => name.endsWith('session'))).toEqual([]);
      for (let steps = 0; steps < 6; steps++) {
        await page.goBack({ waitUntil: 'commit' });
        await page.locator('body').waitFor();
        let html = '';
        // A page that goes on by itself may be leaving at this very moment.
        await expect.poll(async () => (html = await page.content().catch(() => ''))).not.toBe('');
        expect(html).not.toMatch(/ada@example\.com|ada of the shop/);
        if (page.url().includes('/authorize')) break;
      }
      await at(page, 'login');
    });
  });
});
