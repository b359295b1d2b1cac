import { describe, expect, it } from 'vitest';
import { clockSkew, epochSeconds } from '../../../server/src/protocol/time.ts';

describe('F46: the difference of two clocks', () => {
  it.each([
    { before: 100, after: 100, theirs: 100, skew: 0, when: 'they agree' },
    { before: 106, after: 106, theirs: 100, skew: 6, when: 'ours is ahead' },
    { before: 94, after: 94, theirs: 100, skew: -6, when: 'ours is behind' },
    { before: 100, after: 109, theirs: 100, skew: 0, when: 'the answer came late' },
    { before: 100, after: 109, theirs: 109, skew: 0, when: 'the question came late' },
    { before: 100, after: 109, theirs: 90, skew: 10, when: 'ours is ahead, and the answer came late' },
    { before: 100, after: 109, theirs: 120, skew: -11, when: 'ours is behind, and the answer came late' },
  ])('is $skew when $when', ({ before, after, theirs, skew }) => {
    const ours = { before: epochSeconds(before), after: epochSeconds(after) };
    expect(clockSkew(ours, epochSeconds(theirs))).toBe(skew);
  });
});
