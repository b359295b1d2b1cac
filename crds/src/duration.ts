/** PURE. Lengths of time as users write them: `15m`, `1h30m`, `336h`. There is no unit for days. */

/** What a duration looks like, for the schema and for {@link durationMilliseconds}. */
export const durationPattern = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';

/**
 * CEL: the one is not longer than the other. Holds while either is malformed: the field itself says so, and the API server
 * would answer the comparison with an error of its own.
 */
export const notLongerThan = (one: string, other: string, more = ''): string =>
  `!${one}.matches('${durationPattern}') || !${other}.matches('${durationPattern}') || duration(${one})${more} <= duration(${other})`;

const whole = new RegExp(durationPattern);
const factors: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** @throws RangeError unless `text` is a duration. */
export function durationMilliseconds(text: string): number {
  if (!whole.test(text)) throw new RangeError(`not a duration: ${JSON.stringify(text.slice(0, 40))}`);
  let sum = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/([0-9]+)(ms|h|m|s)/g))
    sum += Number(count) * (factors[unit] ?? 0);
  return sum;
}

/** Whole seconds, rounded down. @throws RangeError unless `text` is a duration. */
export function durationSeconds(text: string): number {
  return Math.floor(durationMilliseconds(text) / 1000);
}
