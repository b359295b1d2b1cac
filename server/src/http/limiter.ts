/** Counts events per key in memory: a bucket that refills evenly. Bounded; the longest unused key is forgotten first. */

export interface Limiter {
  /** Whole seconds to wait; `0`: go on. Does not count. */
  wait(key: string, factor: number): number;
  /** How many more may be counted before there is something to wait for. */
  left(key: string, factor: number): number;
  /** Counts one. */
  count(key: string, factor: number): void;
  /** Nothing of what was counted matters any more: no key has to wait, and each may count all that it is allowed. */
  isIdle(): boolean;
}

export interface LimiterOptions {
  /** Allowed per minute at factor 1. */
  readonly perMinute: number;
  readonly maxKeys: number;
  /** Milliseconds, never going backwards. */
  readonly now: () => number;
}

interface Bucket {
  readonly used: number;
  readonly at: number;
}

/** Milliseconds in which a full bucket empties, at any factor. */
const emptiesIn = 60_000;

export function createLimiter({ perMinute, maxKeys, now }: LimiterOptions): Limiter {
  const buckets = new Map<string, Bucket>();
  let countedAt = Number.NEGATIVE_INFINITY;

  const usedNow = (key: string, factor: number): number => {
    const bucket = buckets.get(key);
    if (bucket === undefined) return 0;
    return Math.max(0, bucket.used - ((now() - bucket.at) / emptiesIn) * perMinute * factor);
  };

  return {
    wait(key, factor) {
      const over = usedNow(key, factor) - (perMinute * factor - 1);
      return over <= 0 ? 0 : Math.ceil((over * 60) / (perMinute * factor));
    },
    left(key, factor) {
      return Math.max(0, Math.floor(perMinute * factor - usedNow(key, factor)));
    },
    count(key, factor) {
      const used = Math.min(usedNow(key, factor) + 1, perMinute * factor);
      buckets.delete(key);
      if (buckets.size >= maxKeys)
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest);
          break;
        }
      countedAt = now();
      buckets.set(key, { used, at: countedAt });
    },
    isIdle() {
      if (buckets.size === 0) return true;
      if (now() - countedAt < emptiesIn) return false;
      buckets.clear();
      return true;
    },
  };
}
