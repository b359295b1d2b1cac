/** PURE. How long an application that could not be told is left alone. */

/** Seconds after the first, second … attempt that failed. */
const waits = [10, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600] as const;

/** @param failed attempts that failed so far, this one included. `undefined`: it is given up. */
export function nextAttemptIn(failed: number): number | undefined {
  return waits[failed - 1];
}
