import { expect, it } from 'vitest';
import { createHealth } from '../../../server/src/directory/ldap/health.ts';

it('a server is skipped for 5 to 30 s after failures, and down until it succeeds', () => {
  let now = 0;
  const health = createHealth(() => now);
  const state = () => [health.skipped, health.down];
  for (const failure of [1, 2]) {
    health.fail();
    expect([failure, ...state()]).toEqual([failure, false, false]);
  }
  health.fail();
  expect(state()).toEqual([true, true]);
  now += 5000;
  // It is tried again: an alert that would take that for a recovery never lasts.
  expect(state()).toEqual([false, true]);
  for (let more = 0; more < 9; more += 1) health.fail();
  now += 29_999;
  expect(state()).toEqual([true, true]);
  now += 1;
  expect(state()).toEqual([false, true]);
  health.succeed();
  expect(state()).toEqual([false, false]);
  health.fail();
  expect(state()).toEqual([false, false]);
});
