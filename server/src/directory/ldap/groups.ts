/** PURE. Groups of a user: entries of their own that name the user, or DNs that the user's entry lists. */

import { type DistinguishedName, isUnder, parseDn } from '../../protocol/distinguished-name.ts';
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { DirectoryUser } from '../directory.ts';
import type { RawEntry } from './answers.ts';
import type { SearchCommand } from './connection.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import { FilterProblem, type FilterTemplate, parseTemplate } from './filter.ts';

type Groups = DirectoryUser['groups'];

/** A user in more groups than this is not judged by some of them. */
export const mostGroups = 1000;

export interface GroupReading {
  /** Attribute of the user's entry that is needed, if any. */
  readonly attribute: string | null;
  /** The search for groups of this user; `null` where the entry itself lists them or nobody asks for groups. */
  searchFor(userDn: string): SearchCommand | null;
  /** @throws EntryProblem */
  read(user: EntryReader, found: readonly RawEntry[]): Groups;
}

type Settings = Pick<DirectoryRegistration, 'group_search' | 'member_of_attribute'>;

/** @throws FilterProblem */
export function groupReading({ group_search, member_of_attribute }: Settings): GroupReading {
  const base = group_search === undefined ? null : parseDn(group_search.base);
  if (group_search !== undefined && base === null) throw new FilterProblem('spec.groupSearch.base: it is no DN');
  if (member_of_attribute !== undefined) return listedGroups(member_of_attribute, base);
  if (group_search === undefined) return { attribute: null, searchFor: () => null, read: () => [] };
  return searchedGroups(group_search, templateOf(group_search.filter));
}

function templateOf(text: string): FilterTemplate {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (!(error instanceof FilterProblem)) throw error;
    throw new FilterProblem(`spec.groupSearch.filter: ${error.message}`, { cause: error });
  }
}

/** With a group base, only groups below it count: elsewhere anybody may be allowed to name one as they like. */
function listedGroups(attribute: string, base: DistinguishedName | null): GroupReading {
  return {
    attribute,
    searchFor: () => null,
    read(user) {
      const names = user.texts(attribute);
      if (names.length > mostGroups) throw new EntryProblem(`an entry lists more than ${mostGroups} groups`);
      return names.flatMap((text) => {
        const dn = parseDn(text);
        if (dn === null || (base !== null && !isUnder(dn, base))) return [];
        return [{ name: dn[0]?.[0]?.value ?? text, dn: text }];
      });
    },
  };
}

function searchedGroups(search: NonNullable<Settings['group_search']>, template: FilterTemplate): GroupReading {
  const { base, scope, attributes } = search;
  return {
    attribute: null,
    searchFor: (userDn) => ({
      base,
      scope,
      filter: template.fill(userDn),
      attributes: [attributes.name],
      sizeLimit: mostGroups + 1,
    }),
    read(_user, found) {
      if (found.length > mostGroups) throw new EntryProblem(`a user is in more than ${mostGroups} groups`);
      return found.map((raw) => {
        const group = readEntry(raw);
        return { name: group.name(attributes.name) ?? group.dn, dn: group.dn };
      });
    },
  };
}
