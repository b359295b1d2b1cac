/** What asking for somebody's groups takes: nothing, one search, or one for each level of groups inside groups. */
import type { RawEntry } from './answers.ts';
import { entriesOf } from './ask.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import { deepestGroups, type GroupReading, groupsAtOnce, mostGroups } from './groups.ts';
import type { Searcher } from './server.ts';

/**
 * For nobody too: the number of questions must not tell who is known.
 *
 * @param user `null`: nobody, or nobody alone
 * @param nobody a DN that nobody has
 * @returns more than {@link mostGroups} where there are too many; which ones is then no matter
 * @throws what searching throws
 */
export async function findGroups(
  searcher: Searcher,
  reading: GroupReading,
  user: RawEntry | null,
  nobody: string,
): Promise<readonly RawEntry[]> {
  const entry = user === null ? null : readable(user);
  const command = reading.searchFor(entry, entry?.dn ?? nobody);
  if (command === null) return [];
  const { entries } = await entriesOf(searcher, command);
  return reading.searchAbove === null ? entries : groupsAbove(searcher, reading.searchAbove, entries, nobody);
}

/** One that cannot be read is refused when it is read; until then it is asked about as nobody. */
function readable(user: RawEntry): EntryReader | null {
  try {
    return readEntry(user);
  } catch (error) {
    if (error instanceof EntryProblem) return null;
    throw error;
  }
}

/** Level by level: a group that was seen is not asked about again, so a circle of groups ends. */
async function groupsAbove(
  searcher: Searcher,
  searchAbove: NonNullable<GroupReading['searchAbove']>,
  first: readonly RawEntry[],
  nobody: string,
): Promise<readonly RawEntry[]> {
  const seen = new Map(first.map((group) => [group.dn.toLowerCase(), group]));
  // Whoever is in no group costs a second question as well.
  let level = first.length === 0 ? [nobody] : first.map((group) => group.dn);
  for (let depth = 1; depth < deepestGroups && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += groupsAtOnce) {
      const { entries } = await entriesOf(searcher, searchAbove(level.slice(at, at + groupsAtOnce)));
      for (const group of entries) {
        const key = group.dn.toLowerCase();
        if (seen.has(key)) continue;
        seen.set(key, group);
        next.push(group.dn);
      }
      if (seen.size > mostGroups) return [...seen.values()];
    }
    level = next;
  }
  return [...seen.values()];
}
