/** Reading many users anew: one search for all of them, on one server, and what their groups take. */
import { DirectoryUnavailable, type LookedUp } from '../directory.ts';
import type { RawEntry } from './answers.ts';
import { askServers, entriesOf, type FoundEntries } from './ask.ts';
import { EntryProblem, readEntry } from './entry.ts';
import { type Asking, questionOf, readAs, usersOf } from './find.ts';
import { findGroupsOfMany } from './groups-of-many.ts';
import type { Searcher } from './server.ts';

/** An OR filter of more is longer than some directories read. */
export const mostAtOnce = 100;

interface Answered {
  readonly server: string;
  readonly users: FoundEntries;
  /** Groups of each user, in the same order. */
  readonly groups: readonly (readonly RawEntry[])[];
  /** There is somebody, if none of those who were asked for. */
  readonly showsAnybody: boolean;
}

/**
 * The entries by their immutable ids. Whoever is not in the map is gone: the search was complete, nothing leads elsewhere,
 * and the directory shows other people.
 *
 * @throws DirectoryUnavailable, also when nobody can say of some of them whether they are there
 */
export async function findMany(
  asking: Asking,
  entryIds: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LookedUp>> {
  if (entryIds.length > mostAtOnce) throw new RangeError(`at most ${mostAtOnce} at once`);
  const command = asking.reading().byIds(entryIds);
  if (command === null) return new Map();
  const answered = await askServers(questionOf(asking, signal, undefined), (asked, onAnswer) =>
    asked.search(
      async (searcher): Promise<Answered> => {
        const users = await usersOf(asking, searcher, command);
        await asking.policies.readFor(searcher, users.entries);
        const showsAnybody = users.entries.length > 0 || (await hasAnybody(asking, searcher));
        const groups = await findGroupsOfMany(asking, searcher, users.entries);
        return { server: asked.url, users, groups, showsAnybody };
      },
      signal,
      onAnswer,
    ),
  );
  // A service account that lost its rights, and a search base that was emptied, look as if everybody had left.
  if (!answered.showsAnybody) throw new DirectoryUnavailable(asking.id, 'it shows nobody at all');
  return readAll(asking, entryIds, answered);
}

async function hasAnybody(asking: Asking, searcher: Searcher): Promise<boolean> {
  return (await entriesOf(searcher, asking.reading().anyone)).entries.length > 0;
}

/** An entry of which nobody can say whose it is keeps from being gone whoever it may be, and nobody else. */
function readAll(
  asking: Asking,
  entryIds: readonly string[],
  { server, users, groups }: Answered,
): ReadonlyMap<string, LookedUp> {
  const wanted = new Map(entryIds.map((id) => [id.toLowerCase(), id]));
  const found = new Map<string, LookedUp>();
  // One more than were asked for: the search may have been cut off there.
  let isAnybodys = users.entries.length > wanted.size;
  for (const [index, raw] of users.entries.entries()) {
    const id = idOf(asking, raw);
    const meant = id === null ? undefined : wanted.get(id.toLowerCase());
    if (meant === undefined) isAnybodys = true;
    else if (meant !== id || found.has(meant)) found.set(meant, 'unreadable');
    else found.set(meant, readOne(asking, raw, groups[index] ?? [], server));
  }
  const missing = entryIds.filter((id) => !found.has(id));
  if (missing.length > 0 && users.elsewhere)
    throw new DirectoryUnavailable(asking.id, 'a referral leads elsewhere, so nobody can say that an entry is gone');
  if (isAnybodys) for (const id of missing) found.set(id, 'unreadable');
  return found;
}

function idOf(asking: Asking, raw: RawEntry): string | null {
  try {
    return asking.reading().idOf(readEntry(raw));
  } catch (error) {
    if (error instanceof EntryProblem) return null;
    throw error;
  }
}

/** One entry that cannot be read says nothing about the others. */
function readOne(asking: Asking, raw: RawEntry, groups: readonly RawEntry[], server: string): LookedUp {
  try {
    return readAs(asking, raw, groups, server);
  } catch (error) {
    if (error instanceof EntryProblem) return 'unreadable';
    throw error;
  }
}
