/** Patterns of names and near misses, pure. */

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

/** The candidate that was probably meant: at most a third of the letters differ. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.floor(word.length / 3) + 1;
  for (const candidate of [...candidates].sort()) {
    const distance = editDistance(word, candidate, least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours; `limit` or more counts as `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let last: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min((previous[j] ?? limit) + 1, (row[j - 1] ?? limit) + 1, (previous[j - 1] ?? limit) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        value = Math.min(value, (last[j - 2] ?? limit) + 1);
      row.push(value);
    }
    last = previous;
    previous = row;
  }
  return Math.min(limit, previous[b.length] ?? limit);
}
