import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Browser } from '../support/browser.ts';
import { answerDevice, deviceApp, enterCode, startDevice } from '../support/devices.ts';
import { authorize, World, webApp } from '../support/world.ts';

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({ clients: [deviceApp(), webApp()] });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `person${++turn}`;
  world.memory.add(username);
});

const notRight = 'This code is not right or no longer valid.';

describe('A49, A52, F25: codes are not to be guessed', () => {
  const guess = (at: number) =>
    String(at)
      .padStart(8, '0')
      .replaceAll(/\d/g, (digit) => 'BCDFGHJKLM'.charAt(Number(digit)));
  const signedIn = async (proxied = true): Promise<Browser> => {
    const browser = world.browser(proxied);
    await authorize(browser, {}, username);
    return browser;
  };
  const limited = 'Too many tries. Wait 1 minute, then try again.';
  const forget = () => world.rows('DELETE FROM login_attempts');

  it('five wrong codes a minute of one person; then not even the right one is looked at', async () => {
    await forget();
    const browser = await signedIn();
    const { user_code } = await startDevice(world);
    for (let at = 0; at < 5; at++) expect((await enterCode(browser, guess(at))).problem).toBe(notRight);
    expect((await enterCode(browser, user_code)).problem).toBe(limited);
    // One account with many sessions would use up what all of them have together, and nobody could connect a device.
    expect((await enterCode(await signedIn(), user_code)).problem).toBe(limited);
    // Another person has tries of their own; those of the address are 20 times as many behind a proxy.
    username = 'ada';
    expect((await enterCode(await signedIn(), user_code)).name).toBe('device-confirm');
    await world.rows(`UPDATE login_attempts SET first_at = first_at - interval '61 seconds'`);
    expect((await enterCode(browser, user_code)).name).toBe('device-confirm');
  });

  it('five a minute from one address, whoever it is', async () => {
    await forget();
    for (let at = 0; at < 5; at++) await enterCode(await signedIn(false), guess(at));
    username = 'ada';
    const { user_code } = await startDevice(world);
    expect((await enterCode(await signedIn(false), user_code)).problem).toBe(limited);
    await forget();
  });

  it('right codes cost no try', async () => {
    const browser = await signedIn();
    for (let at = 0; at < 8; at++) {
      expect((await enterCode(browser, (await startDevice(world)).user_code)).name).toBe('device-confirm');
    }
  });

  it('fifty guesses at once: no more than five are looked at', async () => {
    await forget();
    const browser = await signedIn();
    const before = await world.count('login_attempts');
    const pages = await Promise.all(
      Array.from({ length: 50 }, (_, at) => browser.get(`/device?user_code=${guess(1000 + at)}`)),
    );
    expect(pages.filter((page) => page.problem === notRight)).toHaveLength(5);
    expect(pages.filter((page) => page.problem === limited)).toHaveLength(45);
    expect((await world.count('login_attempts')) - before).toBe(2);
  });

  it('counts what it refuses', async () => {
    for (const decision of ['allow', 'deny'] as const) {
      await answerDevice(world.browser(), await startDevice(world), decision, username);
    }
    const [server] = world.servers;
    const metrics = await (await fetch(`${server?.managementUrl}/metrics`)).text();
    expect(metrics).toMatch(/nauthera_rate_limited_total\{limiter="user_code"\} \d+/);
    for (const outcome of ['started', 'approved', 'denied']) {
      expect(metrics).toMatch(new RegExp(`nauthera_device_authorizations_total\\{outcome="${outcome}"\\} [1-9]`));
    }
  });
});
