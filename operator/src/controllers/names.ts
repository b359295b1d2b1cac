/** Names: their patterns, and how many of them are told. Pure. */

/** Exact, or everything that begins with what stands before a final `*`. */
export function matchesPattern(pattern: string, value: string): boolean {
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : pattern === value;
}

/**
 * A name `<namespace><separator>…` belongs to that namespace. A pattern reaches a foreign one only when it spells the
 * namespace out: `*` or `sh*` never hands `shop.web` to somebody else.
 */
export function grantsName(pattern: string, name: string, separator: '.' | ':'): boolean {
  if (!matchesPattern(pattern, name)) return false;
  const end = name.indexOf(separator);
  return end < 0 || pattern.slice(0, end + 1) === name.slice(0, end + 1);
}

/** More of them nobody reads in one line. */
const mostTold = 3;

/** `a, b`; of many, `a, b, c and 4 more`. */
export function firstOf(names: readonly string[]): string {
  const told = names.slice(0, mostTold).join(', ');
  return names.length > mostTold ? `${told} and ${names.length - mostTold} more` : told;
}
