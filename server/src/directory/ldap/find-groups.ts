/** What asking for somebody's groups takes: nothing, one search, or one for each level of groups inside groups. */
import type { RawEntry } from './answers.ts';
import { entriesOf } from './ask.ts';
import type { SearchCommand } from './connection.ts';
import type { EntryReader } from './entry.ts';
import { deepestGroups, type GroupReading, groupsAtOnce, mostGroups, readableGroups } from './groups.ts';
import type { Searcher } from './server.ts';

/**
 * How many searches it takes tells of the user, so it is asked for whoever has shown a password, or was known before.
 *
 * @returns more than {@link mostGroups} where there are too many; which ones is then no matter
 * @throws what searching throws
 */
export async function findGroups(
  searcher: Searcher,
  reading: GroupReading,
  user: EntryReader,
): Promise<readonly RawEntry[]> {
  const command = reading.searchFor(user);
  if (command === null) return [];
  const groups = await groupsBy(searcher, command);
  return reading.searchAbove === null ? groups : groupsAbove(searcher, reading.searchAbove, groups);
}

async function groupsBy(searcher: Searcher, command: SearchCommand): Promise<readonly RawEntry[]> {
  const { entries } = await entriesOf(searcher, command);
  return readableGroups(entries, command);
}

/**
 * Level by level: a group that was seen is not asked about again, so a circle of groups ends. A server writes the name of an entry
 * in one way, so another text is another group.
 */
async function groupsAbove(
  searcher: Searcher,
  searchAbove: NonNullable<GroupReading['searchAbove']>,
  first: readonly RawEntry[],
): Promise<readonly RawEntry[]> {
  const seen = new Map(first.map((group) => [group.dn, group]));
  let level = first.map((group) => group.dn);
  for (let depth = 1; depth < deepestGroups && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += groupsAtOnce) {
      for (const group of await groupsBy(searcher, searchAbove(level.slice(at, at + groupsAtOnce)))) {
        if (seen.has(group.dn)) continue;
        seen.set(group.dn, group);
        next.push(group.dn);
      }
      if (seen.size > mostGroups) return [...seen.values()];
    }
    level = next;
  }
  return [...seen.values()];
}
