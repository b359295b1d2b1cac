/** PURE. "Did you mean …?" */

const longest = 64;

/** The candidate that is nearest to `typed`, if it is near enough to be a slip. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  if (typed.length > longest) return undefined;
  const wanted = typed.toLowerCase();
  const inOrder = wordsOf(wanted);
  const reordered = candidates.find((name) => wordsOf(name.toLowerCase()) === inOrder);
  if (reordered !== undefined) return reordered;
  let best: { name: string; distance: number } | undefined;
  for (const name of candidates) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance <= Math.max(2, Math.floor(name.length / 3)) && distance < (best?.distance ?? Infinity))
      best = { name, distance };
  }
  return best !== undefined && best.distance < best.name.length ? best.name : undefined;
}

function wordsOf(name: string): string {
  return name.split(' ').sort().join(' ');
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(one: string, other: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1];
      let cost = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[other.length] ?? 0;
}
