/**
 * PURE. What is asked about a user, and what the answers mean: one search brings identity, account state, claims and what
 * consent rules look at.
 */
import { AndFilter, EqualityFilter, OrFilter, PresenceFilter } from 'ldapts';
import { type Fold, parseDn } from '../../protocol/distinguished-name.ts';
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { DirectoryUser, KnownUser } from '../directory.ts';
import { groupFold } from '../group-names.ts';
import { subjectOf } from '../subject.ts';
import { accountStatus, strictest } from './account-status.ts';
import type { RawEntry } from './answers.ts';
import { claimsOf, reservedClaims } from './claims.ts';
import type { SearchCommand } from './connection.ts';
import { type EntryReader, entryIdOf, idValue, isBinaryId, readEntry } from './entry.ts';
import { FilterProblem, parseTemplate } from './filter.ts';
import { type GroupReading, groupReading } from './groups.ts';
import { parseRuleFilter, type RuleFilter } from './rule-filter.ts';
import { type VendorProfile, vendors } from './vendor.ts';

export interface UserReading {
  readonly groups: GroupReading;
  readonly vendor: VendorProfile;
  /** Two at most: one that is not alone is nobody's. */
  byName(username: string): SearchCommand;
  /** `null`: no entry has such an id. */
  byId(entryId: string): SearchCommand | null;
  /** All of them in one search. `null`: no entry has any such id. */
  byIds(entryIds: readonly string[]): SearchCommand | null;
  /** @throws EntryProblem */
  idOf(entry: EntryReader): string;
  /** Any one of the users, to see what the service account may read. */
  readonly anyone: SearchCommand;
  /** Any one of the groups, or of the users who are in one, likewise; `null`: nobody asks for groups. */
  readonly anyGroup: SearchCommand | null;
  /** Without what may take more searches. @throws EntryProblem */
  identify(entry: EntryReader, from: Reading): KnownUser;
  /** @throws EntryProblem */
  read(entry: EntryReader, groups: readonly RawEntry[], from: Reading): DirectoryUser;
  /** The state may be history when the directory lets the user bind. @throws EntryProblem */
  mayBeOutlived(entry: EntryReader, from: Reading): boolean;
  /** @throws EntryProblem when what every user has cannot be read */
  requireReadable(raw: RawEntry): void;
}

/** Where and when an entry was read. */
export interface Reading {
  readonly server: string;
  /** Epoch seconds. */
  readonly now: number;
  /** The policy of the entry; `null`: it has none, or nobody knows it. */
  readonly policy: EntryReader | null;
}

/** @throws FilterProblem with a sentence that names the field */
export function userReading(directory: string, registration: DirectoryRegistration): UserReading {
  const { user_search, claims, email_verified, subject_namespace } = registration;
  const { subject, username, display_name } = user_search.attributes;
  const template = naming('spec.userSearch.filter', () => parseTemplate(user_search.filter));
  const groups = groupReading(registration);
  const vendor = vendors[registration.vendor];
  const fold = groupFold(registration.vendor);
  const status = accountStatus(registration.account_status, fold);
  const rules = ruleFilters(registration, fold);
  requireUsable(registration);

  const attributes = distinct([
    subject,
    username,
    ...(display_name === undefined ? [] : [display_name]),
    ...groups.attributes,
    ...vendor.attributes,
    ...status.attributes,
    ...Object.values(claims),
    ...(typeof email_verified === 'object' ? [email_verified.attribute] : []),
    ...rules.flatMap(({ filter }) => filter.attributes),
  ]);
  const { base, scope } = user_search;
  const command = { base, scope, attributes, sizeLimit: 2, domainScope: vendor.domainScope };

  const havingListed = (attribute: string) =>
    new AndFilter({ filters: [template.open, new PresenceFilter({ attribute })] });
  const nameOf = (entry: EntryReader) => {
    const name = entry.name(username, fold);
    return { entryId: entryIdOf(entry, subject), username: name ?? entry.one(username) };
  };
  const identify = (entry: EntryReader, { server, now, policy }: Reading): KnownUser => {
    const identity = nameOf(entry);
    const name = display_name === undefined ? null : entry.name(display_name, fold);
    const account = strictest([vendor.stateOf(entry, now, policy), status.stateOf(entry)]);
    const warnings = account === 'active' ? vendor.warningsOf(entry) : [];
    return {
      directory,
      server,
      subject: subjectOf(subject_namespace, identity.entryId),
      ...identity,
      name: name === null || name === '' ? identity.username : name,
      account,
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  };

  return {
    groups,
    vendor,
    byName: (typed) => ({ ...command, filter: template.fill(typed) }),
    byId(entryId) {
      const value = idValue(subject, entryId);
      if (value === null) return null;
      const filters = [new EqualityFilter({ attribute: subject, value }), template.open];
      return { ...command, filter: new AndFilter({ filters }) };
    },
    byIds(entryIds) {
      const values = entryIds.map((id) => idValue(subject, id)).filter((value) => value !== null);
      if (values.length === 0) return null;
      const anyOf = new OrFilter({ filters: values.map((value) => new EqualityFilter({ attribute: subject, value })) });
      // One more than there can be: that two entries share an id must show.
      const filter = new AndFilter({ filters: [anyOf, template.open] });
      return { ...command, filter, sizeLimit: values.length + 1, mayBePaged: true };
    },
    idOf: (entry) => entryIdOf(entry, subject),
    anyone: { ...command, filter: template.open, sizeLimit: 1, limitsByPage: vendor.limitsByPage },
    anyGroup:
      groups.listed === null
        ? groups.any
        : { ...command, filter: havingListed(groups.listed), sizeLimit: 1, limitsByPage: vendor.limitsByPage },
    requireReadable(raw) {
      const entry = readEntry(raw);
      nameOf(entry);
      vendor.stateOf(entry, 0, null);
    },
    identify,
    mayBeOutlived: (entry, { now, policy }) =>
      // What an attribute tells does not end by itself.
      status.stateOf(entry) === 'active' &&
      (vendor.mayBeOutlived(entry) || vendor.stateOf(entry, now, policy) !== vendor.stateOf(entry, now, null)),
    read(entry, found, from) {
      return {
        ...identify(entry, from),
        groups: groups.read(entry, found).toSorted((one, other) => (one.dn < other.dn ? -1 : 1)),
        claims: claimsOf(entry, registration),
        rulesMatchedByFilter: rules
          .filter(({ filter }) => filter.matches((attribute) => entry.texts(attribute)))
          .map((rule) => rule.name),
      };
    },
  };
}

function ruleFilters(
  { consent_rules }: DirectoryRegistration,
  fold: Fold,
): readonly { name: string; filter: RuleFilter }[] {
  const names = consent_rules.map((rule) => rule.name);
  if (new Set(names).size < names.length) throw new FilterProblem('spec.consentRules: two rules have the same name');
  return consent_rules.flatMap(({ name, filter: text }) =>
    text === undefined
      ? []
      : [{ name, filter: naming(`spec.consentRules "${name}", filter`, () => parseRuleFilter(text, fold)) }],
  );
}

/** The database is not trusted input: what resources may not say is refused here too. */
function requireUsable({ user_search, claims, email_verified, account_status }: DirectoryRegistration): void {
  if (parseDn(user_search.base) === null) throw new FilterProblem('spec.userSearch.base: it is no DN');
  const reserved = Object.keys(claims).find((claim) => reservedClaims.has(claim));
  if (reserved !== undefined) throw new FilterProblem(`spec.claims: "${reserved}" is made by the server itself`);
  const { subject, username, display_name } = user_search.attributes;
  const named = [subject, username, display_name, ...Object.values(claims)];
  if (typeof email_verified === 'object') named.push(email_verified.attribute);
  if (account_status !== undefined) named.push(account_status.attribute);
  const wrong = named.find((attribute) => attribute !== undefined && !/^[A-Za-z0-9][A-Za-z0-9.;-]*$/.test(attribute));
  if (wrong !== undefined) throw new FilterProblem(`"${wrong}" is no name of an attribute`);
  if (isBinaryId(username)) throw new FilterProblem('spec.userSearch.attributes.username: its values are no text');
}

function naming<T>(field: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof FilterProblem)) throw error;
    throw new FilterProblem(`${field}: ${error.message}`, { cause: error });
  }
}

/** Attribute names, each once, whatever their case. */
function distinct(names: readonly string[]): readonly string[] {
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
}
