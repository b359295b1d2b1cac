/** Patterns of names, pure. */

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
