/** Finding users: one search for the entry, one for its groups where groups are entries of their own. */
import { randomUUID } from 'node:crypto';
import { DirectoryUnavailable, type DirectoryUser } from '../directory.ts';
import type { RawEntry } from './answers.ts';
import { askServers, entriesOf, type FoundEntries, type Question } from './ask.ts';
import type { SearchCommand } from './connection.ts';
import { EntryProblem, readEntry } from './entry.ts';
import { findGroups } from './find-groups.ts';
import { withoutRanges } from './ranges.ts';
import type { UserReading } from './search.ts';
import type { LdapServer, Searcher } from './server.ts';

/** What asking a directory takes. */
export interface Asking {
  readonly id: string;
  readonly servers: readonly LdapServer[];
  readonly userBase: string;
  /** @throws DirectoryUnavailable where the registration cannot be used */
  readonly reading: () => UserReading;
  /** Epoch seconds. */
  readonly time: () => number;
}

/** A user who was found, and what binding needs to know of the entry. */
export interface Found {
  readonly user: DirectoryUser;
  readonly dn: string;
  /** The state may be history by the time the password is right. */
  readonly mayBeOutlived: boolean;
}

export interface Search {
  /** Nobody, one, or two that are not alone. */
  readonly found: readonly Found[];
  /** A referral leads to where more may be. */
  readonly elsewhere: boolean;
}

export function questionOf({ id, servers }: Asking, signal: AbortSignal, preferred: string | undefined): Question {
  return { directory: id, servers, signal, ...(preferred === undefined ? {} : { preferred }) };
}

/** A name that nobody can have or foresee. */
export function nobodysDn({ userBase }: Asking): string {
  return `cn=${randomUUID()},${userBase}`;
}

/** @throws DirectoryUnavailable */
export async function findUsers(
  asking: Asking,
  command: SearchCommand,
  signal: AbortSignal,
  preferred?: string,
): Promise<Search> {
  const reading = asking.reading();
  const { server, users, groups } = await askServers(questionOf(asking, signal, preferred), (asked, onAnswer) =>
    asked.search(
      async (searcher) => {
        const entries = await usersOf(asking, searcher, command);
        return { server: asked.url, users: entries, groups: await findGroupsOf(asking, searcher, entries.entries) };
      },
      signal,
      onAnswer,
    ),
  );
  const found = readOrUnavailable(asking.id, () =>
    users.entries.map((raw) => {
      const entry = readEntry(raw);
      const user = reading.read(entry, groups, server, asking.time());
      return { user, dn: entry.dn, mayBeOutlived: reading.vendor.mayBeOutlived(entry) };
    }),
  );
  return { found, elsewhere: users.elsewhere };
}

/** Groups of the one entry; of nobody where there is none, or several. @throws what searching throws */
export function findGroupsOf(
  asking: Asking,
  searcher: Searcher,
  users: readonly RawEntry[],
): Promise<readonly RawEntry[]> {
  const [only = null, ...more] = users;
  return findGroups(searcher, asking.reading().groups, more.length === 0 ? only : null, nobodysDn(asking));
}

/** Entries of a search, with all groups that they list. @throws what searching throws */
export async function usersOf(asking: Asking, searcher: Searcher, command: SearchCommand): Promise<FoundEntries> {
  const users = await entriesOf(searcher, command);
  const { listed } = asking.reading().groups;
  if (listed === null) return users;
  const entries: RawEntry[] = [];
  for (const entry of users.entries) entries.push(await withoutRanges(searcher, entry, listed));
  return { ...users, entries };
}

/**
 * The entry by its immutable id. `null`: a complete search found nobody.
 *
 * @throws DirectoryUnavailable
 */
export async function findAgain(
  asking: Asking,
  entryId: string,
  signal: AbortSignal,
  preferred?: string,
): Promise<Found | null> {
  const unavailable = (detail: string) => new DirectoryUnavailable(asking.id, detail);
  const command = asking.reading().byId(entryId);
  if (command === null) return null;
  const { found, elsewhere } = await findUsers(asking, command, signal, preferred);
  const [only, ...more] = found;
  if (more.length > 0) throw unavailable('an immutable id names several entries');
  if (only === undefined) {
    if (elsewhere) throw unavailable('a referral leads elsewhere, so nobody can say that an entry is gone');
    return null;
  }
  if (only.user.entryId !== entryId) throw unavailable('it answered with another entry than was asked for');
  return only;
}

function readOrUnavailable<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EntryProblem)) throw error;
    throw new DirectoryUnavailable(directory, error.message, { cause: error });
  }
}
