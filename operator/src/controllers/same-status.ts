/** PURE. Whether a status says what another one says. */
import { isDeepStrictEqual } from 'node:util';

/**
 * An API server keeps lists in an order of its own, and what is left out is not there: neither is a difference. No list of
 * a status says anything by its order.
 */
export function isSameStatus(one: unknown, other: unknown): boolean {
  // Nearly always, and cheaper.
  return isDeepStrictEqual(one, other) || isDeepStrictEqual(unordered(one), unordered(other));
}

function unordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unordered).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, unordered(member)]),
  );
}

function keyOf(value: unknown): string {
  return JSON.stringify(value) ?? '';
}
