import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import { loginAttemptStore, triesPerAddress } from '../../server/src/store/login-attempts.ts';
import type { Browser, Page } from '../support/browser.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { authorizePath, issuer, World, webApp } from '../support/world.ts';

/** A name with which every search fails is no way to ask a directory without end. */
let world: World;
beforeAll(async () => {
  world = await World.open({ clients: [webApp('shop.web')] });
});
afterAll(() => world?.stop());
beforeEach(async () => {
  world.memory.poisoned.clear();
  world.memory.down = false;
  await world.rows('DELETE FROM login_attempts');
});

const enter = (browser: Browser, page: Page) =>
  browser.submit(page, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });

describe('A49: searches that fail', () => {
  it('count for their address; over its limit none is made but one in two seconds', async () => {
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    world.memory.poisoned.add('entry-ada');
    const before = world.memory.searches;
    const start = performance.now();
    const problems: (string | undefined)[] = [];
    for (let tries = 0; tries < triesPerAddress + 5; tries += 1) {
      problems.push((await enter(browser, page)).problem);
      // The minute that all of them belong to lasts as long as this machine needs.
      if (tries === 0) await world.rows(`UPDATE login_attempts SET first_at = now() + interval '1 hour'`);
    }
    const elapsed = performance.now() - start;
    // The one over the limit was found out by the search that it still made.
    const searches = world.memory.searches - before;
    expect(searches).toBeGreaterThan(triesPerAddress);
    expect(searches).toBeLessThanOrEqual(triesPerAddress + 1 + Math.floor(elapsed / 2000));
    expect(problems.filter((problem) => problem?.startsWith('Too many') === true)).toHaveLength(5);
    const [row] = await world.rows<{ attempts: number }>('SELECT attempts FROM login_attempts');
    expect(row?.attempts).toBe(triesPerAddress);
  });

  it('once they bring an answer, so are those who could not be asked about', async () => {
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    // The address may still be shut by what was before: an answer opens it, which is a sign-in of another browser.
    const other = world.browser(false);
    const login = await other.get(authorizePath());
    const otherNames = async () => (await enter(other, login)).name;
    await expect.poll(otherNames, { interval: 500 }).toBe('consent');
    await world.rows('DELETE FROM login_attempts');
    world.memory.poisoned.add('entry-ada');
    await enter(browser, page);
    // No minute that passes meanwhile forgives it.
    await world.rows('UPDATE login_attempts SET attempts = $1, first_at = now() + $2::interval', [
      triesPerAddress,
      '1 hour',
    ]);
    expect((await enter(browser, page)).problem).toMatch(/^Too many tries/);
    world.memory.poisoned.clear();
    const names = async () => (await enter(browser, page)).name;
    await expect.poll(names, { interval: 500 }).toBe('consent');
  });
});

describe('searches that fail for everybody', () => {
  it('count for nobody: whoever is behind one address with many others hears that the directory is away', async () => {
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    world.memory.down = true;
    for (let tries = 0; tries < triesPerAddress + 5; tries += 1)
      expect((await enter(browser, page)).name).toBe('error:temporarily_unavailable');
    expect(await world.rows('SELECT * FROM login_attempts')).toEqual([]);
    world.memory.down = false;
    expect((await enter(browser, page)).name).toBe('consent');
  });

  it('count for whoever leaves before the answer', async () => {
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    const find = world.memory.find.bind(world.memory);
    const asked = Promise.withResolvers<void>();
    world.memory.find = (_name: string, signal?: AbortSignal) => {
      asked.resolve();
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new DirectoryUnavailable(memoryDirectoryId, 'stopped')));
      });
    };
    const leaving = new AbortController();
    const body = new URLSearchParams({ ...page.form.fields, username: 'ada', password: 'x', 'sign-in': '1' });
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { cookie, origin: issuer, 'sec-fetch-site': 'same-origin' };
    const target = new URL(page.form.action, world.urls[0]);
    const left = fetch(target, { method: 'POST', body, headers, signal: leaving.signal }).catch(() => 'left');
    await asked.promise;
    leaving.abort();
    expect(await left).toBe('left');
    const charged = async () => (await world.rows<{ attempts: number }>('SELECT attempts FROM login_attempts')).length;
    await expect.poll(charged).toBe(1);
    world.memory.find = find;
  });
});

describe('an address that is shut', () => {
  const one = { address: '192.0.2.1', limitFactor: 1 } as const;
  const shut = async () => {
    let now = 1000;
    const attempts = loginAttemptStore(world.database, () => now);
    const fail = async (asking: { address: string; limitFactor: number } = one) => attempts.chargeFailedSearch(asking);
    for (let tries = 0; tries < triesPerAddress; tries += 1) expect(await fail()).toBe(true);
    expect(await fail()).toBe(false);
    const move = (milliseconds: number) => {
      now += milliseconds;
    };
    return { attempts, fail, move };
  };

  it('may search once in two seconds, and freely after an answer or a minute', async () => {
    const { attempts, fail, move } = await shut();
    expect(attempts.isShut(one)).toBe(true);
    move(2000);
    expect([attempts.isShut(one), attempts.isShut(one)]).toEqual([false, true]);
    // It failed again.
    expect(await fail()).toBe(false);
    move(1999);
    expect(attempts.isShut(one)).toBe(true);
    move(1);
    expect(attempts.isShut(one)).toBe(false);
    attempts.answered(one);
    expect([attempts.isShut(one), attempts.isShut(one)]).toEqual([false, false]);
    await fail();
    move(60_000);
    expect([attempts.isShut(one), attempts.isShut(one)]).toEqual([false, false]);
  });

  it('is shut for requests with the limit that it is over, and no others', async () => {
    const { attempts, fail } = await shut();
    const behindProxy = { ...one, limitFactor: 20 } as const;
    expect(attempts.isShut(behindProxy)).toBe(false);
    expect(await fail(behindProxy)).toBe(true);
    expect(attempts.isShut({ address: '192.0.2.2', limitFactor: 1 })).toBe(false);
    expect(attempts.isShut(one)).toBe(true);
  });

  it('has all its sign-ins left: who could not be asked about has guessed nothing', async () => {
    const { attempts } = await shut();
    const charge = { ...one, throttleKey: 'entry of nobody', subject: undefined, handle: undefined, browser: 'none' };
    expect(await attempts.charge(charge)).toMatchObject({ allowed: true });
  });
});
