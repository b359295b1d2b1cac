/**
 * Tries at user codes, all of this replica's together. The limits per person and address are kept for all replicas; this
 * one bounds what many people from many addresses can do. 200 wrong ones a minute on each of ten replicas are fewer than
 * 25,600 while one code lives (ten minutes, and what a full bucket gives at once), and so hit it less than once in a
 * million lives: there are 20⁸ codes.
 */
import { createLimiter } from '../http/limiter.ts';

export const wrongTriesPerMinute = 200;

export interface UserCodeTries {
  /**
   * Looks, unless there were too many misses already: then `throttled`, and nothing was looked at. What is under way counts
   * as a miss until it is known to be none, or tries at the same moment would all pass.
   */
  attempt<T>(look: () => Promise<T | null>): Promise<T | null | 'throttled'>;
}

/** @param now milliseconds, never going backwards. */
export function createUserCodeTries(now: () => number, perMinute = wrongTriesPerMinute): UserCodeTries {
  const misses = createLimiter({ perMinute, maxKeys: 1, now });
  const all = 'all';
  let underWay = 0;
  return {
    async attempt(look) {
      if (misses.left(all, 1) <= underWay) return 'throttled';
      underWay += 1;
      try {
        const found = await look();
        if (found === null) misses.count(all, 1);
        return found;
      } finally {
        underWay -= 1;
      }
    },
  };
}
