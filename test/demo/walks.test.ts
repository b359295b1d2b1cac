/** The sample application as a person uses it: each flow of the mission in a browser, against a whole demo. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { generateKeyPair, SignJWT } from 'jose';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { type Demo, startDemo } from './demo-process.ts';
import { expectFit, Person } from './person.ts';

/**
 * As behind a proxy that is not trusted, whose address stands for many people: the server takes 20 times as many sign-ins
 * from it. These tests sign in more often than one address may within a minute.
 */
const behindProxy = { 'x-forwarded-for': '203.0.113.7' };

let demo: Demo;
let browser: Browser;
let context: BrowserContext;
let person: Person;

beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo(), launchChromium()]);
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});
beforeEach(async () => {
  context = await browser.newContext({ locale: 'en', extraHTTPHeaders: behindProxy });
  person = new Person(await context.newPage(), demo.application);
});
afterEach(() => context.close());

const asked = ['discovery done', 'authorization-request done', 'authorization-response done'];

/** Asks until the answer is no: a revocation is known everywhere within a second, not at once. */
async function worthNothing(): Promise<void> {
  const ask = async () => {
    await person.press('introspect');
    return person.latest();
  };
  await expect.poll(ask, { timeout: 30_000, interval: 500 }).toContain('"active": false');
}

describe('the start page', () => {
  it('offers every flow, and fits', async () => {
    await person.page.goto(demo.application);
    const buttons = await person.page.evaluate(
      "[...document.querySelectorAll('button[id^=start-]')].map(({ id }) => id)",
    );
    expect(buttons).toEqual(
      'order-desk ledger pocket-clock loyalty showroom wall-display television night-report courier'
        .split(' ')
        .map((key) => `start-${key}`),
    );
    await expectFit(person.page);
  });
});

describe('what the demo prints', () => {
  /** The `curl` under the line that says so, typed where the demo was started. */
  const typed = async (what: string): Promise<unknown> => {
    const lines = demo.output().split('\n');
    const command = lines[lines.findIndex((line) => line.includes(what)) + 1]?.trim() ?? '';
    expect(command).toMatch(/^curl /);
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: demo.folder });
    return JSON.parse(stdout);
  };

  it.each([
    ['(client credentials)', { scope: 'orders:read', token_type: 'Bearer' }],
    ['(introspection)', { active: true, client_id: 'orders.courier', aud: 'orders.stockroom' }],
    ['(device authorization)', { verification_uri: expect.stringMatching(/\/device$/) }],
    ['what the server offers', { device_authorization_endpoint: expect.stringContaining('http://127.0.0.1:') }],
  ])('%s: the command works as it stands', async (what, answer) => {
    expect(await typed(what)).toMatchObject(answer);
  });

  it('the address of the account page asks a stranger to sign in', async () => {
    const [address = ''] = /http:\S+\/account$/m.exec(demo.output()) ?? [];
    await person.page.goto(address);
    await person.page.locator('#sign-in').waitFor();
  });
});

describe('authorization code', () => {
  it('tokens, userinfo, refresh, introspection, and the end of both tokens', async () => {
    await person.begin('order-desk');
    await person.goAndAllow();
    for (const button of ['exchange', 'userinfo', 'introspect', 'refresh', 'revoke']) await person.press(button);
    const wanted = ['token done', 'userinfo done', 'introspection done', 'refresh done', 'revocation done'];
    expect(await person.steps()).toEqual([...asked, ...wanted]);
    await worthNothing();
    await person.press('revoke-refresh');
    await person.press('refresh');
    expect((await person.steps()).slice(-2)).toEqual(['revocation done', 'refresh refused']);
    expect(await person.latest()).toContain('invalid_grant');
    await expectFit(person.page);
  });

  it.each(['fragment', 'form_post'])('the answer comes by %s', async (response_mode) => {
    await person.begin('order-desk', { response_mode });
    await person.goAndAllow();
    await person.press('exchange');
    expect((await person.steps()).slice(-2)).toEqual(['authorization-response done', 'token done']);
  });

  it('an application without a secret, on a port of its own', async () => {
    await person.begin('pocket-clock');
    await person.goAndAllow();
    await person.press('exchange');
    expect((await person.steps()).at(-1)).toBe('token done');
  });

  it('another company’s application: a subject of its own, opaque tokens, a signed userinfo', async () => {
    await person.begin('order-desk');
    await person.goAndAllow();
    await person.press('exchange');
    const { sub } = await person.claims('ID token');
    await person.begin('loyalty');
    await person.goAndAllow();
    await person.press('exchange');
    expect(await person.latest()).toContain('Opaque: it means something to the authorization server alone.');
    expect((await person.claims('ID token')).sub).not.toBe(sub);
    await person.press('userinfo');
    expect((await person.claims('The signed answer')).name).toBe('Ada Lovelace');
  });

  it('a silent request without a session is refused, and says so', async () => {
    await person.begin('order-desk', { prompt: 'none' });
    await person.page.click('#go');
    await person.page.waitForSelector('[data-step=authorization-response]');
    expect(await person.latest()).toContain('login_required');
  });
});

describe('tokens through the browser', () => {
  const types = [
    ['wall-display', 'token'],
    ['wall-display', 'id_token'],
    ['wall-display', 'id_token token'],
    ['showroom', 'code id_token'],
    ['showroom', 'code token'],
    ['showroom', 'code id_token token'],
  ] as const;
  const cases = types.flatMap(([key, type]) => (['', 'form_post'] as const).map((mode) => [key, type, mode] as const));

  it.each(cases)('%s: %s %s', async (key, response_type, response_mode) => {
    await person.begin(key, { response_type, response_mode });
    await person.goAndAllow();
    expect(await person.steps()).toEqual([...asked, 'front-channel-check done']);
    const shown = await person.latest();
    expect(shown.includes('at_hash is half')).toBe(/id_token token/.test(response_type));
    expect(shown.includes('c_hash is half')).toBe(/code id_token/.test(response_type));
    expect(shown.includes('wrong')).toBe(false);
    if (response_type.includes('id_token')) expect((await person.claims('ID token')).sub).toMatch(/./);
    expect(person.page.url()).not.toContain('access_token');
    if (response_type.includes('code')) await person.press('exchange');
    if (response_type !== 'id_token') await person.press('userinfo');
    expect((await person.steps()).every((step) => step.endsWith(' done'))).toBe(true);
  });

  it('without scripts the page says why, and takes the address that is copied into it', async () => {
    await context.close();
    context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(demo.application);
    await plain.selectOption('#type-wall-display', 'id_token');
    await plain.selectOption('#prompt-wall-display', 'none');
    await plain.click('#start-wall-display');
    await plain.click('#go');
    await plain.waitForURL(/\/callback#/);
    expect(await plain.innerText('main')).toContain('Without scripts');
    await plain.fill('#fragment', plain.url());
    await plain.click('#hand-over');
    expect(await plain.locator('[data-step]').last().innerText()).toContain('login_required');
  });

  it('the page for answers in the fragment fits', async () => {
    await person.page.goto(`${demo.application}/callback`);
    expect(await person.page.getAttribute('body', 'data-page')).toBe('fragment');
    await expectFit(person.page);
  });

  it('an answer that was changed on its way is not believed', async () => {
    await person.begin('wall-display', { response_type: 'id_token token' });
    await person.page.route(/\/callback\/fragment$/, async (route) => {
      const fields = new URLSearchParams(route.request().postData() ?? '');
      const answer = new URLSearchParams((fields.get('fragment') ?? '').replace('#', ''));
      answer.set('access_token', 'another');
      await route.continue({ postData: new URLSearchParams({ fragment: `#${answer.toString()}` }).toString() });
    });
    await person.goAndAllow();
    expect((await person.steps()).at(-1)).toBe('front-channel-check refused');
    expect(await person.latest()).toContain('nothing of it is believed');
    expect(await person.page.locator('#userinfo').count()).toBe(0);
  });
});

describe('a device', () => {
  it('shows a code, waits, is told to slow down, and gets tokens once somebody allowed it', async () => {
    await person.begin('television');
    const code = await person.page.innerText('#user-code');
    expect(code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
    await expectFit(person.page);
    await person.press('poll');
    expect(await person.latest()).toContain('authorization_pending');
    await person.press('poll');
    expect(await person.latest()).toContain('slow_down');

    const [second] = await Promise.all([context.waitForEvent('page'), person.page.click('#verify-complete')]);
    await person.answer(second);
    await second.waitForSelector('body[data-page=device-confirm], body[data-page=device]');
    if ((await second.getAttribute('body', 'data-page')) === 'device') await second.click('#continue');
    await second.click('#allow');
    await second.waitForSelector('body[data-page=device-done]');
    await expect
      .poll(
        async () => {
          await person.press('poll').catch(() => undefined);
          return (await person.steps()).at(-1);
        },
        { timeout: 120_000, interval: 11_000 },
      )
      .toBe('token done');
    await person.press('userinfo');
    await person.press('refresh');
    expect((await person.steps()).slice(-2)).toEqual(['userinfo done', 'refresh done']);
  });
});

describe('programs without users', () => {
  it('a token, what it is worth, and its end', async () => {
    await person.begin('night-report');
    for (const button of ['introspect', 'introspect-api', 'revoke']) await person.press(button);
    expect(await person.steps()).toEqual(
      'discovery,token,introspection,introspection,revocation'.split(',').map((name) => `${name} done`),
    );
    await worthNothing();
  });

  it('an opaque token means something to the API that it is for', async () => {
    await person.begin('courier');
    expect(await person.latest()).toContain('Opaque');
    await person.press('introspect-api');
    expect(await person.latest()).toContain('"active": true');
    expect(await person.latest()).toContain('"scope": "orders:stock"');
    await expectFit(person.page);
  });
});

describe('signing out', () => {
  it('RP-initiated: no question, back here, and the server has called (back channel)', async () => {
    await person.begin('order-desk');
    await person.goAndAllow();
    await person.press('exchange');
    await person.press('logout');
    await person.page.click('#go-logout');
    await person.page.waitForSelector('[data-step=logout-response]');
    await expect
      .poll(
        async () => {
          await person.page.reload();
          return await person.steps();
        },
        { timeout: 60_000 },
      )
      .toContain('backchannel-logout done');
    expect((await person.claims('Logout token')).events).toEqual({
      'http://schemas.openid.net/event/backchannel-logout': {},
    });
    await expectFit(person.page);
  });

  it('front channel: the page that signs out tells this application in a frame', async () => {
    await person.begin('showroom', { response_type: 'code id_token' });
    await person.goAndAllow();
    await person.press('logout');
    await person.page.click('#go-logout');
    await person.page.waitForSelector('[data-step=logout-response]', { timeout: 60_000 });
    expect(await person.steps()).toContain('frontchannel-logout done');
  });

  it('a logout token that the server did not sign, and an ID token in its place, end nothing', async () => {
    await person.begin('order-desk');
    await person.goAndAllow();
    await person.press('exchange');
    const { iss, aud, sub, sid } = await person.claims('ID token');
    const { privateKey } = await generateKeyPair('ES256');
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const forged = await new SignJWT({ iss: String(iss), aud: String(aud), sub: String(sub), sid, events, jti: 'x' })
      .setProtectedHeader({ alg: 'ES256', typ: 'logout+jwt' })
      .setIssuedAt()
      .setExpirationTime('2m')
      .sign(privateKey);
    const idToken = await person.page.locator('.token pre.wrap').first().textContent();
    for (const token of [forged, idToken ?? '', 'nothing']) expect(await demo.postLogoutToken(token)).toBe(400);
    await person.page.reload();
    expect(await person.steps()).not.toContain('backchannel-logout done');
  });

  it('who comes back without having been sent finds a page', async () => {
    await person.page.goto(`${demo.application}/signed-out?state=other`);
    expect(await person.page.getAttribute('body', 'data-page')).toBe('signed-out');
    await expectFit(person.page);
  });
});
