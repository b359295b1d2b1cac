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

describe('F28: a flood of names', () => {
  it('is remembered up to a number: whoever was counted longest ago is forgotten, whoever was counted again is not', () => {
    const limiter = createLimiter({ perMinute: 2, maxKeys: 3, now: () => 0 });
    for (const key of ['first', 'second', 'third', 'first', 'fourth']) limiter.count(key, 1);
    const left = ['first', 'second', 'third', 'fourth'].map((key) => limiter.left(key, 1));
    expect(left).toEqual([0, 2, 1, 1]);
    for (let at = 0; at < 1000; at += 1) limiter.count(`stranger ${at}`, 1);
    expect(limiter.left('first', 1)).toBe(2);
    expect(limiter.left('stranger 999', 1)).toBe(1);
    expect(limiter.left('stranger 996', 1)).toBe(2);
  });
});
