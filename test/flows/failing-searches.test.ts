import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loginAttemptStore, triesPerAddress } from '../../server/src/store/login-attempts.ts';
import type { Browser, Page } from '../support/browser.ts';
import { authorizePath, World, webApp } from '../support/world.ts';

/** A name with which every search fails is no way to ask a directory without end. */
let world: World;
beforeAll(async () => {
  world = await World.open({ clients: [webApp('shop.web')] });
});
afterAll(() => world?.stop());
beforeEach(() => world.rows('DELETE FROM login_attempts'));

const enter = (browser: Browser, page: Page) =>
  browser.submit(page, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });

describe('A49: searches that fail', () => {
  it('count for their address; over its limit none is made but one in two seconds', async () => {
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    world.memory.down = true;
    const before = world.memory.searches;
    const start = performance.now();
    const problems: (string | undefined)[] = [];
    for (let tries = 0; tries < triesPerAddress + 5; tries += 1) problems.push((await enter(browser, page)).problem);
    const elapsed = performance.now() - start;
    // The one over the limit was found out by the search that it still made.
    const searches = world.memory.searches - before;
    expect(searches).toBeGreaterThan(triesPerAddress);
    expect(searches).toBeLessThanOrEqual(triesPerAddress + 1 + Math.floor(elapsed / 2000));
    expect(problems.filter((problem) => problem?.startsWith('Too many') === true)).toHaveLength(5);
    const [row] = await world.rows<{ attempts: number }>('SELECT attempts FROM login_attempts');
    expect(row?.attempts).toBe(triesPerAddress);
  });

  it('once the directory is back, so are those who could not be asked about', async () => {
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    world.memory.down = true;
    await enter(browser, page);
    // No minute that passes meanwhile forgives it.
    await world.rows('UPDATE login_attempts SET attempts = $1, first_at = now() + $2::interval', [
      triesPerAddress,
      '1 hour',
    ]);
    expect((await enter(browser, page)).problem).toMatch(/^Too many tries/);
    world.memory.down = false;
    const names = async () => (await enter(browser, page)).name;
    await expect.poll(names, { timeout: 60_000, interval: 500 }).toBe('consent');
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
