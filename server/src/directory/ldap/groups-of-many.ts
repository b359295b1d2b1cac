/**
 * Groups of many users, where groups are entries of their own: one search for all of them, and one for each level of groups
 * inside groups. Where its answer does not tell whose a group is, the users whom that concerns are asked about one by one.
 */
import type { RawEntry } from './answers.ts';
import { entriesOf } from './ask.ts';
import { SearchFailed } from './blame.ts';
import { ConnectionLost } from './connection.ts';
import { EntryProblem, readEntry } from './entry.ts';
import { type Asking, findGroupsOf } from './find.ts';
import {
  deepestGroups,
  type GroupsTogether,
  groupsAtOnce,
  type ListedName,
  mostGroups,
  readableGroups,
} from './groups.ts';
import { listedNames } from './listed-names.ts';
import type { Searcher } from './server.ts';

/** Seconds for which nobody is asked about together after an answer that found no end. */
const apartFor = 3600;

/**
 * @returns groups of each user, in the same order; more than {@link mostGroups} where there are too many
 * @throws what searching throws
 */
export async function findGroupsOfMany(
  asking: Asking,
  searcher: Searcher,
  users: readonly RawEntry[],
): Promise<readonly (readonly RawEntry[])[]> {
  const told = await tellTogether(asking, searcher, users);
  const groups: (readonly RawEntry[])[] = [];
  for (const [index, user] of users.entries()) groups.push(told[index] ?? (await findGroupsOf(asking, searcher, user)));
  return groups;
}

/** `undefined` in a user's place: not told. */
async function tellTogether(
  asking: Asking,
  searcher: Searcher,
  users: readonly RawEntry[],
): Promise<readonly (readonly RawEntry[] | undefined)[]> {
  const { together, searchAbove } = asking.reading().groups;
  if (together === null || users.length < 2 || asking.time() < asking.lots.apartUntil) return [];
  try {
    return await askTogether(searcher, together, users, searchAbove !== null);
  } catch (error) {
    // Too much for one answer is no reason to know nothing: each of them may have few.
    if (error instanceof SearchFailed) return [];
    const isEndless = error instanceof ConnectionLost && (error.reason === 'oversized' || error.reason === 'timeout');
    if (isEndless) asking.lots.apartUntil = asking.time() + apartFor;
    throw error;
  }
}

async function askTogether(
  searcher: Searcher,
  together: GroupsTogether,
  users: readonly RawEntry[],
  nested: boolean,
): Promise<readonly (readonly RawEntry[] | undefined)[]> {
  const names = users.map((user) => nameOf(together, user));
  const direct = await groupsListing(searcher, together, namesIn(names));
  if (direct === null) return [];
  const above = nested ? await listAbove(searcher, together, [...direct.groups.values()].flat()) : noneAbove;
  if (above === null) return [];
  return names.map((name) => (name === null ? undefined : groupsFrom(name, direct, above)));
}

function nameOf(together: GroupsTogether, user: RawEntry): ListedName | null {
  try {
    return together.nameOf(readEntry(user));
  } catch (error) {
    if (error instanceof EntryProblem) return null;
    throw error;
  }
}

/** Each once. */
function namesIn(names: readonly (ListedName | null)[]): readonly ListedName[] {
  return [...new Map(names.flatMap((name) => (name === null ? [] : [[name.text, name] as const]))).values()];
}

/** Both by the text of a name. */
interface Listing {
  readonly groups: ReadonlyMap<string, readonly RawEntry[]>;
  /** Names of which nobody can tell for certain. */
  readonly unsure: ReadonlySet<string>;
}

const noneAbove: Listing = { groups: new Map(), unsure: new Set() };

/** `null`: of some group nobody can tell whose it is. */
async function groupsListing(
  searcher: Searcher,
  together: GroupsTogether,
  names: readonly ListedName[],
): Promise<Listing | null> {
  const groups = new Map<string, RawEntry[]>();
  const unsure = new Set<string>();
  for (let at = 0; at < names.length; at += groupsAtOnce) {
    const some = names.slice(at, at + groupsAtOnce);
    const command = together.search(some.map(({ text }) => text));
    const { entries } = await entriesOf(searcher, command);
    // It may have been cut off there.
    if (entries.length >= command.sizeLimit) return null;
    const listed = listedNames(some, together.holders, command.attributes);
    for (const group of readableGroups(entries, command)) {
      const who = listed.in(group);
      if (who === null) return null;
      for (const index of who.sure) pushTo(groups, some[index]?.text ?? '', group);
      for (const index of who.unsure) unsure.add(some[index]?.text ?? '');
    }
  }
  return { groups, unsure };
}

/** Level by level, as for one user: whatever any of them is in is looked at once. */
async function listAbove(
  searcher: Searcher,
  together: GroupsTogether,
  first: readonly RawEntry[],
): Promise<Listing | null> {
  const groups = new Map<string, readonly RawEntry[]>();
  const unsure = new Set<string>();
  const seen = new Set<string>();
  let level = namesOf(first, seen);
  for (let depth = 1; depth < deepestGroups && level.length > 0; depth += 1) {
    const found = await groupsListing(searcher, together, level);
    if (found === null) return null;
    for (const [name, above] of found.groups) groups.set(name, above);
    for (const name of found.unsure) unsure.add(name);
    level = namesOf([...found.groups.values()].flat(), seen);
  }
  return { groups, unsure };
}

/** Of groups that were not seen before. */
function namesOf(groups: readonly RawEntry[], seen: Set<string>): readonly ListedName[] {
  const names: ListedName[] = [];
  for (const { dn } of groups) {
    if (seen.has(dn)) continue;
    seen.add(dn);
    names.push({ text: dn, isDn: true });
  }
  return names;
}

/** `undefined`: not told. */
function groupsFrom({ text }: ListedName, direct: Listing, above: Listing): readonly RawEntry[] | undefined {
  if (direct.unsure.has(text)) return undefined;
  const seen = new Map<string, RawEntry>();
  let level = direct.groups.get(text) ?? [];
  for (let depth = 0; depth < deepestGroups && level.length > 0 && seen.size <= mostGroups; depth += 1) {
    const fresh = level.filter(({ dn }) => !seen.has(dn));
    for (const group of fresh) seen.set(group.dn, group);
    if (fresh.some(({ dn }) => above.unsure.has(dn))) return undefined;
    level = fresh.flatMap(({ dn }) => above.groups.get(dn) ?? []);
  }
  return [...seen.values()];
}

function pushTo(groups: Map<string, RawEntry[]>, name: string, group: RawEntry): void {
  const before = groups.get(name);
  if (before === undefined) groups.set(name, [group]);
  else before.push(group);
}
