import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { triesPerAddress } from '../../server/src/store/login-attempts.ts';
import { authorizePath, World, webApp } from '../support/world.ts';

/** A name with which every search fails is no way to ask a directory without end. */
let world: World;
beforeAll(async () => {
  world = await World.open({ clients: [webApp('shop.web')] });
});
afterAll(() => world?.stop());

describe('A49: searches that fail', () => {
  it('count for their address; over its limit none is made', async () => {
    world.memory.add('ada');
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    world.memory.down = true;
    const enter = async () =>
      (await browser.submit(page, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' })).problem;
    const problems: (string | undefined)[] = [];
    for (let tries = 0; tries < triesPerAddress + 5; tries += 1) {
      problems.push(await enter());
      // The minute that all of them belong to lasts as long as this machine needs.
      if (tries === 0) await world.rows(`UPDATE login_attempts SET first_at = now() + interval '1 hour'`);
    }
    world.memory.down = false;
    // The one over the limit was found out by the search that it still made.
    expect(world.memory.searches).toBe(triesPerAddress + 1);
    expect(problems.filter((problem) => problem?.startsWith('Too many') === true)).toHaveLength(5);
    expect(await enter()).toMatch(/^Too many tries/);
    expect(world.memory.searches).toBe(triesPerAddress + 1);
    const [row] = await world.rows<{ attempts: number }>('SELECT attempts FROM login_attempts');
    expect(row?.attempts).toBe(triesPerAddress);
  });
});
