import { describe, expect, it } from 'vitest';
import { epochSeconds } from '../../../server/src/protocol/time.ts';
import { createSeenTokens } from '../../../server/src/tokens/seen-tokens.ts';

describe('tokens that were seen', () => {
  let now = 1000;
  const clock = { now: () => epochSeconds(now) };
  const token = (expiresAt: number) => ({ expiresAt });

  it('A28: are never known after their expiry', () => {
    const seen = createSeenTokens(clock);
    seen.add('a', token(1010));
    now = 1009;
    expect(seen.get('a')).toBeDefined();
    now = 1010;
    expect(seen.get('a')).toBeUndefined();
    now = 1000;
    expect(seen.get('a')).toBeUndefined();
  });

  it('are bounded, and the one that nobody asked for longest goes first', () => {
    const seen = createSeenTokens(clock, 2);
    seen.add('a', token(2000));
    seen.add('b', token(2000));
    seen.get('a');
    seen.add('c', token(2000));
    expect(['a', 'b', 'c'].map((one) => seen.get(one) !== undefined)).toEqual([true, false, true]);
  });

  it('A57: are known by the whole of them', () => {
    const seen = createSeenTokens(clock);
    seen.add('abc', token(2000));
    expect(['ab', 'abcd', 'ABC'].map((one) => seen.get(one))).toEqual([undefined, undefined, undefined]);
  });
});
