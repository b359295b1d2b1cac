import { describe, expect, it } from 'vitest';
import { createLimiter } from '../../../server/src/http/limiter.ts';

describe('a limiter that is idle', () => {
  it('says so until something was counted, and again once everything counted has run off', () => {
    let now = 0;
    const limiter = createLimiter({ perMinute: 20, maxKeys: 100, now: () => now });
    expect(limiter.isIdle()).toBe(true);
    for (let count = 0; count < 20; count++) limiter.count('key', 1);
    expect([limiter.isIdle(), limiter.left('key', 1)]).toEqual([false, 0]);
    now = 59_999;
    expect([limiter.isIdle(), limiter.left('key', 1)]).toEqual([false, 19]);
    now = 60_000;
    expect([limiter.isIdle(), limiter.left('key', 1), limiter.left('other', 1)]).toEqual([true, 20, 20]);
  });

  it('is not while the last of many counts is younger than a minute', () => {
    let now = 0;
    const limiter = createLimiter({ perMinute: 20, maxKeys: 100, now: () => now });
    limiter.count('one', 1);
    now = 50_000;
    limiter.count('other', 1);
    now = 70_000;
    expect(limiter.isIdle()).toBe(false);
  });
});
