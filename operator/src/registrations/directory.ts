/** PURE. LdapBinding → a directory as the server asks it. */
import { durationMilliseconds, type LdapBindingSpec } from '@nauthera/crds';
import type { DirectoryRegistration } from '@nauthera/server/registry';
import { vendorDefaults, vendorName } from './vendor-defaults.ts';

export interface DirectoryFacts {
  readonly namespace: string;
  readonly name: string;
  readonly spec: LdapBindingSpec;
  readonly bindPassword: string;
  /** PEM; `undefined`: the system's. */
  readonly caBundle: string | undefined;
  /** Lets the sweep for leavers end many, once for each value; `undefined`: nobody said so. */
  readonly confirmedLeavers?: string | undefined;
}

export function subjectNamespaceOf({
  namespace,
  name,
  spec,
}: Pick<DirectoryFacts, 'namespace' | 'name' | 'spec'>): string {
  return spec.subjectNamespace ?? `${namespace}/${name}`;
}

export function registerDirectory(facts: DirectoryFacts): DirectoryRegistration {
  const { spec, caBundle } = facts;
  const { attributes } = spec.userSearch;
  const usual = vendorDefaults(spec.vendor);
  const memberOf = attributes.memberOf ?? (spec.groupSearch === undefined ? usual.memberOf : undefined);
  return {
    servers: (spec.servers ?? []).map(({ url }) => url),
    ...(spec.srv === undefined ? {} : { srv_domain: spec.srv.domain }),
    ...(caBundle === undefined ? {} : { ca_bundle: caBundle }),
    bind_dn: spec.bind.dn,
    bind_password: facts.bindPassword,
    vendor: vendorName(spec.vendor),
    subject_namespace: subjectNamespaceOf(facts),
    user_search: {
      base: spec.userSearch.base,
      scope: searchScopes[spec.userSearch.scope],
      filter: spec.userSearch.filter ?? usual.filter,
      attributes: {
        username: attributes.username ?? usual.username,
        subject: attributes.subject ?? usual.subject,
        display_name: attributes.displayName ?? usual.displayName,
      },
    },
    ...groupSearch(spec),
    ...(memberOf === undefined ? {} : { member_of_attribute: memberOf }),
    claims:
      spec.claims === undefined
        ? usual.claims
        : Object.fromEntries(spec.claims.map(({ claim, attribute }) => [claim, attribute])),
    email_verified: emailVerified(spec.emailVerified),
    consent_rules: (spec.consentRules ?? []).map(({ name, scopes, groups, filter }) => ({
      name,
      scopes,
      groups: groups ?? [],
      ...(filter === undefined ? {} : { filter }),
    })),
    unlisted_scopes: spec.unlistedScopes === 'Deny' ? 'deny' : 'allow',
    ...accountStatus(spec),
    ...(spec.passwordChange === 'Allowed' ? { password_change: 'allowed' as const } : {}),
    timeouts: {
      connect: durationMilliseconds(spec.timeouts.connect),
      bind: durationMilliseconds(spec.timeouts.bind),
      search: durationMilliseconds(spec.timeouts.search),
    },
    priority: spec.priority,
    matches: { suffixes: spec.matches?.suffixes ?? [], names: spec.matches?.names ?? [] },
    ...recheck(facts),
    ...(spec.sampleUsers === undefined ? {} : { sample_users: [...spec.sampleUsers] }),
  };
}

const accountStates = {
  Active: 'active',
  Disabled: 'disabled',
  Expired: 'expired',
  Locked: 'locked',
  MustChangePassword: 'must_change_password',
  PasswordExpired: 'password_expired',
  OutsideHours: 'outside_hours',
} as const;

/** What is left out stays out: a server of the last release knows neither. */
function accountStatus({
  accountStatus: status,
}: LdapBindingSpec): Pick<DirectoryRegistration, 'account_status' | 'default_policy'> {
  if (status === undefined) return {};
  const { attribute, values, otherValues, withoutValue, defaultPolicy } = status;
  return {
    ...(attribute === undefined || values === undefined
      ? {}
      : {
          account_status: {
            attribute,
            values: values.map(({ value, state }) => ({ value, state: accountStates[state] })),
            other_values: accountStates[otherValues],
            without_value: accountStates[withoutValue],
          },
        }),
    ...(defaultPolicy === undefined ? {} : { default_policy: defaultPolicy }),
  };
}

/** As the server has it by default: nothing. */
const defaultRecheck = 60;

function recheck({ spec, confirmedLeavers }: DirectoryFacts): Pick<DirectoryRegistration, 'recheck'> {
  const seconds = Math.round(durationMilliseconds(spec.recheck) / 1000);
  const every = seconds === defaultRecheck ? {} : { every: seconds };
  const confirmed = confirmedLeavers === undefined || confirmedLeavers === '' ? {} : { confirmed: confirmedLeavers };
  const both = { ...every, ...confirmed };
  return Object.keys(both).length === 0 ? {} : { recheck: both };
}

const searchScopes = { Base: 'base', One: 'one', Sub: 'sub' } as const;

function groupSearch({ groupSearch: search }: LdapBindingSpec): Pick<DirectoryRegistration, 'group_search'> {
  if (search === undefined) return {};
  const { base, scope, filter, attributes, nested } = search;
  const { name, user } = attributes;
  return {
    group_search: {
      base,
      scope: searchScopes[scope],
      filter,
      attributes: { name, ...(user === undefined ? {} : { user }) },
      ...(nested ? { nested } : {}),
    },
  };
}

function emailVerified({ mode, attribute }: LdapBindingSpec['emailVerified']): DirectoryRegistration['email_verified'] {
  if (mode === 'Attribute') return attribute === undefined ? 'never' : { attribute };
  return mode === 'Always' ? 'always' : 'never';
}
