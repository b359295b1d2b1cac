/** PURE. Groups of a user: entries of their own that name the user, or DNs that the user's entry lists. */
import { EqualityFilter, type Filter, OrFilter } from 'ldapts';
import { type DistinguishedName, type Fold, isUnder, parseDn } from '../../protocol/distinguished-name.ts';
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { DirectoryUser } from '../directory.ts';
import { groupFold } from '../group-names.ts';
import type { RawEntry } from './answers.ts';
import type { SearchCommand } from './connection.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import { FilterProblem, type FilterTemplate, inChain, parseTemplate } from './filter.ts';
import { primaryGroupOf } from './vendors/active-directory.ts';

type Groups = DirectoryUser['groups'];

/** A user in more groups than this is not judged by some of them. */
export const mostGroups = 1000;

/** Of a hundred users, each of whom may be in groups of their own. */
export const mostTogether = 5000;

/** Levels of groups that are followed, those of the user included. */
export const deepestGroups = 10;

/** An OR filter of more is longer than some directories read. */
export const groupsAtOnce = 100;

export interface GroupReading {
  /** Attributes of the user's entry that are needed. */
  readonly attributes: readonly string[];
  /** The one of them that lists groups; a directory may show it in ranges. */
  readonly listed: string | null;
  /** The search for groups of this user; `null` where the entry itself lists them or nobody asks for groups. */
  searchFor(user: EntryReader): SearchCommand | null;
  /** Groups of many users by one search; `null` where nobody could tell from its answer whose they are. */
  readonly together: GroupsTogether | null;
  /** The search for groups that these groups are in; `null` where groups inside groups are not followed, or not by us. */
  readonly searchAbove: ((groupDns: readonly string[]) => SearchCommand) | null;
  /** Any group at all that has a member; `null` where the entries of users list them, or nobody asks for groups. */
  readonly any: SearchCommand | null;
  /** @throws EntryProblem */
  read(user: EntryReader, found: readonly RawEntry[]): Groups;
}

export interface GroupsTogether {
  /** What a group lists this user under. */
  nameOf(user: EntryReader): ListedName;
  /** The search for groups that list one of them, of {@link groupsAtOnce} at most, with what tells which. */
  search(names: readonly string[]): SearchCommand;
  readonly holders: readonly string[];
}

/** `isDn`: compared as names are; otherwise only what is written the same is the same for certain. */
export interface ListedName {
  readonly text: string;
  readonly isDn: boolean;
}

/**
 * Groups whose DN can be read. What is longer than any that a rule can say, for one, is left out before anything else is asked:
 * whoever makes such a group must neither shut its members out nor have others looked at one by one.
 *
 * @returns all of them where the answer reached the limit: what may have been cut off must show
 */
export function readableGroups(found: readonly RawEntry[], { sizeLimit }: SearchCommand): readonly RawEntry[] {
  return found.length >= sizeLimit ? found : found.filter(({ dn }) => parseDn(dn) !== null);
}

type Settings = Pick<DirectoryRegistration, 'group_search' | 'member_of_attribute' | 'vendor'>;
type GroupSearch = NonNullable<Settings['group_search']>;

/** @throws FilterProblem */
export function groupReading({ group_search, member_of_attribute, vendor }: Settings): GroupReading {
  const base = group_search === undefined ? null : parseDn(group_search.base);
  if (group_search !== undefined && base === null) throw new FilterProblem('spec.groupSearch.base: it is no DN');
  if (member_of_attribute !== undefined) return listedGroups(member_of_attribute, base, groupFold(vendor));
  if (group_search === undefined) return noGroups;
  return searchedGroups(group_search, templateOf(group_search.filter), vendor);
}

const noGroups: GroupReading = {
  attributes: [],
  listed: null,
  searchFor: () => null,
  together: null,
  searchAbove: null,
  any: null,
  read: () => [],
};

function templateOf(text: string): FilterTemplate {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (!(error instanceof FilterProblem)) throw error;
    throw new FilterProblem(`spec.groupSearch.filter: ${error.message}`, { cause: error });
  }
}

/** With a group base, only groups below it count: elsewhere anybody may be allowed to name one as they like. */
function listedGroups(attribute: string, base: DistinguishedName | null, fold: Fold): GroupReading {
  return {
    ...noGroups,
    attributes: [attribute],
    listed: attribute,
    read(user) {
      const names = user.texts(attribute);
      if (names.length > mostGroups || user.inParts(attribute))
        throw new EntryProblem(`an entry lists more than ${mostGroups} groups`);
      return names.flatMap((text) => {
        const dn = parseDn(text);
        if (dn === null || (base !== null && !isUnder(dn, base, fold))) return [];
        return [{ name: dn[0]?.[0]?.value ?? text, dn: text }];
      });
    },
  };
}

function togetherBy(
  { base, scope, attributes }: GroupSearch,
  template: FilterTemplate,
  nameOf: GroupsTogether['nameOf'],
): GroupsTogether | null {
  const { holders } = template;
  if (holders === null) return null;
  return {
    nameOf,
    holders,
    search: (names) => ({
      base,
      scope,
      filter: new OrFilter({ filters: names.map((name) => template.fill(name)) }),
      attributes: [...new Set([attributes.name, ...holders])],
      sizeLimit: mostTogether,
      mayBePaged: true,
    }),
  };
}

function searchedGroups(search: GroupSearch, template: FilterTemplate, vendor: Settings['vendor']): GroupReading {
  const { base, scope, attributes, nested = false } = search;
  const ofDomain = vendor === 'active_directory';
  const fold = groupFold(vendor);
  const of = (filter: Filter): SearchCommand => ({
    base,
    scope,
    filter,
    attributes: [attributes.name],
    sizeLimit: mostGroups + 1,
    domainScope: ofDomain,
    mayBePaged: true,
  });
  // A domain controller follows groups inside groups by itself.
  const fill = (dn: string) => (nested && ofDomain ? inChain(template, dn) : template.fill(dn));
  const nameOf = (user: EntryReader): ListedName => {
    const name = attributes.user === undefined ? null : user.name(attributes.user, fold);
    return name === null ? { text: user.dn, isDn: true } : { text: name, isDn: false };
  };
  return {
    ...noGroups,
    attributes: [
      ...(attributes.user === undefined ? [] : [attributes.user]),
      ...(ofDomain ? ['primaryGroupID', 'objectSid'] : []),
    ],
    searchFor(user) {
      const own = nameOf(user).text;
      const primary = ofDomain ? primaryGroupOf(user) : null;
      if (primary === null) return of(fill(own));
      const filters = [fill(own), new EqualityFilter({ attribute: 'objectSid', value: primary })];
      return of(new OrFilter({ filters }));
    },
    // A domain controller follows groups inside groups without saying through which, and has primary groups beside them.
    together: ofDomain ? null : togetherBy(search, template, nameOf),
    searchAbove:
      nested && !ofDomain
        ? (groupDns) => of(new OrFilter({ filters: groupDns.map((one) => template.fill(one)) }))
        : null,
    any: { ...of(template.open), sizeLimit: 1, limitsByPage: ofDomain },
    read(_user, found) {
      if (found.length > mostGroups) throw new EntryProblem(`a user is in more than ${mostGroups} groups`);
      return found.map((raw) => {
        const group = readEntry(raw);
        return { name: group.name(attributes.name, fold) ?? group.dn, dn: group.dn };
      });
    },
  };
}
