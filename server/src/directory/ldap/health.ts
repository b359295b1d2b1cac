/** PURE but for the clock it is given. The memory of a server's failures. */
export interface Health {
  /** Others are asked first, for a while. */
  readonly skipped: boolean;
  /** It failed so often in a row that it was skipped, and has not succeeded since: what people are told. */
  readonly down: boolean;
  fail(): void;
  succeed(): void;
}

const failuresUntilSkipped = 3;
const shortestSkip = 5000;
const longestSkip = 30_000;

/**
 * Three failures in a row: skipped for 5 s, then twice as long after each further one, up to 30 s.
 *
 * @param now milliseconds, monotonic
 */
export function createHealth(now: () => number): Health {
  let failures = 0;
  let until = Number.NEGATIVE_INFINITY;
  return {
    get skipped() {
      return now() < until;
    },
    get down() {
      return failures >= failuresUntilSkipped;
    },
    fail() {
      failures += 1;
      const over = failures - failuresUntilSkipped;
      if (over >= 0) until = now() + Math.min(longestSkip, shortestSkip * 2 ** Math.min(over, 10));
    },
    succeed() {
      failures = 0;
      until = Number.NEGATIVE_INFINITY;
    },
  };
}
