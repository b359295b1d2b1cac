/** A `state` of 8 KiB: no page that carries it, or goes on with it, needs more than the first flight of a connection. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stylesheet } from '../../server/src/views/index.ts';
import type { Browser, Page } from '../support/browser.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { MovedClock } from '../support/moved-clock.ts';
import { aDirectory, authorizePath, signIn, World, webApp } from '../support/world.ts';

const moved = new MovedClock();
const scope = 'openid profile groups offline_access';
/** Nothing makes it shorter than 6 KiB. */
const state = randomBytes(6144).toString('base64url');
const asking = authorizePath({ state, scope });
const leaving = `/logout?${new URLSearchParams({
  client_id: 'shop.web',
  post_logout_redirect_uri: 'https://shop.example.com/out',
  state,
}).toString()}`;
let world: World;

beforeAll(async () => {
  world = await World.open({
    options: { clock: moved.clock },
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [{ name: 'staff', scopes: ['email'], groups: ['cn=staff,dc=example'] }],
      }),
    },
    clients: [
      webApp('shop.web', {
        post_logout_redirect_uris: ['https://shop.example.com/out'],
        frontchannel_logout_uri: 'https://shop.example.com/frame',
      }),
      webApp('shop.strict', { consent: { mode: 'implicit', on_refused_scope: 'deny', remember_for: 1 } }),
    ],
  });
});
afterAll(() => world?.stop());

/** As it goes over the wire, its style sheet included. */
function bytesOf({ html, headers }: Page): number {
  const isGzipped = headers.get('content-encoding') === 'gzip';
  return (isGzipped ? gzipSync(html).length : Buffer.byteLength(html)) + stylesheet.gzipped.length;
}

function away<T>(act: () => Promise<T>): Promise<T> {
  world.memory.down = true;
  return act().finally(() => {
    world.memory.down = false;
  });
}

const typed = { username: 'ada', password: 'password-of-ada', 'sign-in': '1' };
const allow = { decision: 'allow' };
const consenting = (browser: Browser): Promise<Page> =>
  signIn(browser, authorizePath({ state, scope, prompt: 'consent' }));
const allowed = async (browser: Browser): Promise<Page> => browser.submit(await consenting(browser), allow);

const pages: readonly (readonly [string, string, (browser: Browser) => Promise<Page>])[] = [
  ['Cancel goes on', 'continue', async (browser) => browser.submit(await browser.get(asking), { cancel: '1' })],
  [
    'a sign-in without a directory',
    'error:temporarily_unavailable',
    async (browser) => {
      const login = await browser.get(asking);
      return away(() => browser.submit(login, typed));
    },
  ],
  [
    'Allow without a directory',
    'error:temporarily_unavailable',
    async (browser) => {
      const consent = await consenting(browser);
      return away(() => browser.submit(consent, allow));
    },
  ],
  [
    'a remembered yes without a directory',
    'error:temporarily_unavailable',
    async (browser) => {
      await allowed(browser);
      return away(() => browser.get(asking));
    },
  ],
  [
    'the directory refuses, without a form',
    'error:access_denied',
    async (browser) => {
      await signIn(browser);
      return refused(browser);
    },
  ],
  [
    'a form that was open for too long',
    'error:request_expired',
    (browser) =>
      moved.during(world, async (move) => {
        const login = await browser.get(asking);
        move(40 * 60);
        return browser.submit(login, typed);
      }),
  ],
  [
    '"Sign out?"',
    'sign-out',
    async (browser) => {
      await signIn(browser);
      return browser.get(leaving);
    },
  ],
  [
    'signed out, and on to the application',
    'signed-out',
    async (browser) => {
      await allowed(browser);
      return browser.submit(await browser.get(leaving), { 'sign-out': '1' });
    },
  ],
];

/** Of somebody who is signed in. */
async function refused(browser: Browser): Promise<Page> {
  return browser.get(authorizePath({ client_id: 'shop.strict', state, scope: 'openid email' }));
}

describe('a state of 8 KiB', () => {
  it.each(pages)('%s: within 14 KB on the wire, in the longest words', async (_what, name, pageOf) => {
    await world.rows('DELETE FROM login_attempts');
    await world.rows('DELETE FROM authorization_codes');
    const browser = world.browser();
    browser.headers.set('accept-language', 'uk');
    const page = await pageOf(browser);
    expect(page.name).toBe(name);
    expect(page.html).toContain('<html lang="uk"');
    expect(bytesOf(page)).toBeLessThanOrEqual(14 * 1024);
  });

  it('a page that a form token or a person stands in is never compressed: its length would tell of them', async () => {
    const browser = world.browser();
    const login = await browser.get(asking);
    const consent = await browser.submit(login, typed);
    for (const page of [login, consent, await refused(browser), await browser.get(leaving)]) {
      expect([page.name, page.headers.get('content-encoding')]).toEqual([page.name, null]);
    }
  });

  it('Cancel: the response comes back whole, also to who takes no gzip, and no language takes the address along', async () => {
    const browser = world.browser();
    const page = await browser.submit(await browser.get(asking), { cancel: '1' });
    expect(page.headers.get('content-encoding')).toBe('gzip');
    expect(page.response).toMatchObject({ error: 'access_denied', state });
    expect([page.link('continue'), page.html.includes('id="language"')]).toEqual([page.wayOut?.href, false]);
    browser.headers.set('accept-encoding', 'identity');
    const plain = await browser.get(page.url);
    expect(plain.headers.get('content-encoding')).toBe(null);
    expect(plain.html).toBe(page.html);
  });

  it('“Try again” keeps the request', async () => {
    await world.rows('DELETE FROM authorization_codes');
    const browser = world.browser();
    const consent = await consenting(browser);
    const page = await away(() => browser.submit(consent, allow));
    expect((await browser.submit(page, { retry: '1' })).response).toMatchObject({ state });
  });

  it('the longest that a request can bring: signed out, and it comes back whole', async () => {
    await world.rows('DELETE FROM authorization_codes');
    const longest = 's'.repeat(16_000);
    const browser = world.browser();
    await allowed(browser);
    const page = await browser.submit(await browser.get(leaving.replace(state, longest)), { 'sign-out': '1' });
    expect(page.name).toBe('signed-out');
    expect(page.html).toContain(`state=${longest}`);
  });
});
