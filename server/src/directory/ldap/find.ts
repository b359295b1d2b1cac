/**
 * Finding users: one search for the entry, and what its groups take where they are entries of their own. Whoever types a name
 * sees no more than the first: what the rest takes would tell who is known.
 */
import { randomUUID } from 'node:crypto';
import { DirectoryUnavailable, type DirectoryUser, type KnownUser } from '../directory.ts';
import type { RawEntry } from './answers.ts';
import { askServers, entriesOf, type FoundEntries, type Question } from './ask.ts';
import type { SearchCommand } from './connection.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import { findGroups } from './find-groups.ts';
import type { Policies } from './policies.ts';
import { withoutRanges } from './ranges.ts';
import type { Reading, UserReading } from './search.ts';
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
  readonly lots: LotMemory;
  readonly policies: Policies;
}

/** What was learnt of asking about many at once. */
export interface LotMemory {
  /** Epoch seconds until which groups are searched for one user after the other: a search for all of them found no end. */
  apartUntil: number;
}

/** A user who was found, and what binding needs to know of the entry. */
export interface Found {
  readonly user: KnownUser;
  readonly dn: string;
  /** As the search brought it. */
  readonly raw: RawEntry;
  /** The state may be history by the time the password is right. */
  readonly mayBeOutlived: boolean;
}

interface Search<T> {
  /** Nobody, one, or two that are not alone. */
  readonly found: readonly T[];
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

/** Of an entry that was just read. */
export function readingOf({ time, policies }: Asking, entry: EntryReader, server: string): Reading {
  return { server, now: time(), policy: policies.of(entry) };
}

/** One search, whoever it finds: policies count that are known already. @throws DirectoryUnavailable */
export async function findUsers(asking: Asking, command: SearchCommand, signal: AbortSignal): Promise<Search<Found>> {
  const { server, entries, elsewhere } = await askServers(questionOf(asking, signal, undefined), (asked, onAnswer) =>
    asked.search(
      async (searcher) => ({ server: asked.url, ...(await entriesOf(searcher, command)) }),
      signal,
      onAnswer,
    ),
  );
  const reading = asking.reading();
  const found = readOrUnavailable(asking.id, () =>
    entries.map((raw) => {
      const entry = readEntry(raw);
      const from = readingOf(asking, entry, server);
      const user = reading.identify(entry, from);
      return { user, dn: entry.dn, raw, mayBeOutlived: reading.mayBeOutlived(entry, from) };
    }),
  );
  return { found, elsewhere };
}

/** All that is known of them, groups included. @throws DirectoryUnavailable */
export async function readUsers(
  asking: Asking,
  command: SearchCommand,
  signal: AbortSignal,
  preferred?: string,
): Promise<Search<DirectoryUser>> {
  const { server, users, groups } = await askServers(questionOf(asking, signal, preferred), (asked, onAnswer) =>
    asked.search(
      async (searcher) => {
        const found = await usersOf(asking, searcher, command);
        await asking.policies.readFor(searcher, found.entries);
        const [only, ...more] = found.entries;
        const isOne = only !== undefined && more.length === 0;
        return { server: asked.url, users: found, groups: isOne ? await findGroupsOf(asking, searcher, only) : [] };
      },
      signal,
      onAnswer,
    ),
  );
  const found = readOrUnavailable(asking.id, () => users.entries.map((raw) => readAs(asking, raw, groups, server)));
  return { found, elsewhere: users.elsewhere };
}

/** What {@link findUsers} left out, of the entry that it brought. @throws DirectoryUnavailable */
export async function readOn(asking: Asking, { user, raw }: Found, signal: AbortSignal): Promise<DirectoryUser> {
  const question: Question = { ...questionOf(asking, signal, user.server), goesOn: true };
  const { entry, groups } = isWhole(asking, raw)
    ? { entry: raw, groups: [] }
    : await askServers(question, (asked, onAnswer) =>
        asked.search(
          async (searcher) => {
            const whole = await withAllGroups(asking, searcher, raw);
            return { entry: whole, groups: await findGroupsOf(asking, searcher, whole) };
          },
          signal,
          onAnswer,
        ),
      );
  return readOrUnavailable(asking.id, () => readAs(asking, entry, groups, user.server));
}

/** @throws EntryProblem */
export function readAs(asking: Asking, raw: RawEntry, groups: readonly RawEntry[], server: string): DirectoryUser {
  const entry = readEntry(raw);
  return asking.reading().read(entry, groups, readingOf(asking, entry, server));
}

/** Nothing more is to be asked about it. */
function isWhole(asking: Asking, raw: RawEntry): boolean {
  const { groups } = asking.reading();
  const entry = readEntry(raw);
  return groups.searchFor(entry) === null && (groups.listed === null || !entry.inParts(groups.listed));
}

/**
 * Groups of an entry, where they are searched for. One that cannot be read is refused when it is read, and in none until then.
 *
 * @throws what searching throws
 */
export async function findGroupsOf(asking: Asking, searcher: Searcher, raw: RawEntry): Promise<readonly RawEntry[]> {
  try {
    return await findGroups(searcher, asking.reading().groups, readEntry(raw));
  } catch (error) {
    if (error instanceof EntryProblem) return [];
    throw error;
  }
}

/** Entries of a search, with all groups that they list. @throws what searching throws */
export async function usersOf(asking: Asking, searcher: Searcher, command: SearchCommand): Promise<FoundEntries> {
  const users = await entriesOf(searcher, command);
  const entries: RawEntry[] = [];
  for (const entry of users.entries) entries.push(await withAllGroups(asking, searcher, entry));
  return { ...users, entries };
}

async function withAllGroups(asking: Asking, searcher: Searcher, raw: RawEntry): Promise<RawEntry> {
  const { listed } = asking.reading().groups;
  return listed === null ? raw : withoutRanges(searcher, raw, listed);
}

/**
 * The entry by its immutable id. `null`: a complete search found nobody.
 *
 * @throws DirectoryUnavailable
 */
export async function findAgain(asking: Asking, entryId: string, signal: AbortSignal): Promise<Found | null> {
  const command = asking.reading().byId(entryId);
  return command === null
    ? null
    : onlyOne(asking, entryId, await findUsers(asking, command, signal), (found) => found.user);
}

/** As {@link findAgain}, with all that is known. @throws DirectoryUnavailable */
export async function readAgain(
  asking: Asking,
  entryId: string,
  signal: AbortSignal,
  preferred?: string,
): Promise<DirectoryUser | null> {
  const command = asking.reading().byId(entryId);
  return command === null
    ? null
    : onlyOne(asking, entryId, await readUsers(asking, command, signal, preferred), (user) => user);
}

function onlyOne<T>(
  asking: Asking,
  entryId: string,
  { found, elsewhere }: Search<T>,
  userOf: (one: T) => KnownUser,
): T | null {
  const unavailable = (detail: string) => new DirectoryUnavailable(asking.id, detail, { wasAnswered: true });
  const [only, ...more] = found;
  if (more.length > 0) throw unavailable('an immutable id names several entries');
  if (only === undefined) {
    if (elsewhere) throw unavailable('a referral leads elsewhere, so nobody can say that an entry is gone');
    return null;
  }
  if (userOf(only).entryId !== entryId) throw unavailable('it answered with another entry than was asked for');
  return only;
}

function readOrUnavailable<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EntryProblem)) throw error;
    throw new DirectoryUnavailable(directory, error.message, { cause: error, wasAnswered: true });
  }
}
