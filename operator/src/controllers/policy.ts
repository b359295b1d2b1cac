/**
 * `clientPolicies`, pure: what a namespace is granted on a server. A resource makes demands; it is accepted if any one
 * matching policy alone grants all of them. Where no policy matches, and for every member that a policy leaves out, the
 * built-in grants hold: authorization code, refresh and client credentials with the namespace's own names.
 */
import { freeGrantTypes, freeResponseTypes } from '@nauthera/crds';
import { isChosen, type NamespaceChoice, type NamespaceFacts } from './invitation.ts';
import { grantsName, matchesPattern } from './names.ts';

export interface ClientPolicy {
  readonly name: string;
  readonly namespaces: NamespaceChoice;
  readonly grantTypes?: readonly string[] | undefined;
  readonly responseTypes?: readonly string[] | undefined;
  readonly clientIds?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly scopeNames?: readonly string[] | undefined;
  readonly audiences?: readonly string[] | undefined;
  readonly redirectHosts?: readonly string[] | undefined;
  readonly authenticationMethods?: readonly string[] | undefined;
  readonly consentModes?: readonly string[] | undefined;
  readonly profile?: 'Baseline' | 'OAuth21' | undefined;
  readonly maxLifetimes?:
    | {
        readonly accessToken?: string | undefined;
        readonly refreshToken?:
          | { readonly idle?: string | undefined; readonly absolute?: string | undefined }
          | undefined;
      }
    | undefined;
}

export type LifetimeName = 'accessToken' | 'refreshToken.idle' | 'refreshToken.absolute';

/** Lists whose members are chosen from; a policy that has one replaces the built-in one. */
type ChoiceMember =
  | 'grantTypes'
  | 'responseTypes'
  | 'scopes'
  | 'redirectHosts'
  | 'authenticationMethods'
  | 'consentModes';
/** Names: the namespace's own are always its own, a policy adds others. */
type NameMember = 'clientIds' | 'scopeNames' | 'audiences';

export type Demand = { readonly field: string; readonly value: string } & (
  | { readonly member: ChoiceMember }
  | { readonly member: NameMember }
  /** What the profile OAuth21 does not have; `instead`: what it has. */
  | { readonly member: 'profile'; readonly instead: string }
  | { readonly member: 'maxLifetimes'; readonly lifetime: LifetimeName; readonly seconds: number }
);

export interface PolicyGround {
  readonly policies: readonly ClientPolicy[];
  /** Namespace of the AuthorizationServer. */
  readonly owner: string;
  readonly namespace: NamespaceFacts;
  /** Whole seconds of a duration such as `15m`. */
  readonly secondsOf: (duration: string) => number;
}

export interface Refusal {
  readonly field: string;
  readonly value: string;
  readonly policy: string;
  /** What would be accepted, in words. */
  readonly allowed: string;
}

/** Named where no policy matches. */
export const builtInPolicy = 'built-in';
const builtIn: ClientPolicy = { name: builtInPolicy, namespaces: { from: 'All' } };

const builtInChoices: Readonly<Record<ChoiceMember, readonly string[] | undefined>> = {
  grantTypes: freeGrantTypes,
  responseTypes: freeResponseTypes,
  scopes: undefined,
  redirectHosts: undefined,
  authenticationMethods: undefined,
  consentModes: ['Always', 'Remember'],
};

export type Judgement =
  /** `policy`: the first that grants everything. */
  | { readonly policy: ClientPolicy; readonly refusal?: undefined }
  /** The first one of the policy that refuses least. */
  | { readonly refusal: Refusal };

export function firstRefusal(ground: PolicyGround, demands: readonly Demand[]): Refusal | undefined {
  return judge(ground, demands).refusal;
}

export function judge(ground: PolicyGround, demands: readonly Demand[]): Judgement {
  const matching = ground.policies.filter((policy) => isChosen(policy.namespaces, ground.owner, ground.namespace));
  let best: { readonly refusal: Refusal; readonly count: number } | undefined;
  for (const policy of matching.length > 0 ? matching : [builtIn]) {
    const refusals = demands.flatMap((demand) => refuse(policy, demand, ground) ?? []);
    const [refusal] = refusals;
    if (refusal === undefined) return { policy };
    if (best === undefined || refusals.length < best.count) best = { refusal, count: refusals.length };
  }
  return best === undefined ? { policy: builtIn } : { refusal: best.refusal };
}

function refuse(policy: ClientPolicy, demand: Demand, ground: PolicyGround): Refusal | undefined {
  const allowed = notGranted(policy, demand, ground);
  if (allowed === undefined) return undefined;
  return { field: demand.field, value: demand.value, policy: policy.name, allowed };
}

/** What is allowed instead, or `undefined` when the demand is granted. */
function notGranted(policy: ClientPolicy, demand: Demand, ground: PolicyGround): string | undefined {
  switch (demand.member) {
    case 'profile':
      return policy.profile === 'OAuth21' ? `${demand.instead} (profile OAuth21)` : undefined;
    case 'maxLifetimes': {
      const longest = longestOf(policy, demand.lifetime);
      if (longest === undefined || demand.seconds <= ground.secondsOf(longest)) return undefined;
      return `at most ${longest}`;
    }
    case 'clientIds':
    case 'scopeNames':
    case 'audiences': {
      const separator = demand.member === 'scopeNames' ? ':' : '.';
      const own = ownNames(demand.member, ground);
      if (own.some((pattern) => matchesPattern(pattern, demand.value))) return undefined;
      const more = policy[demand.member] ?? [];
      if (more.some((pattern) => grantsName(pattern, demand.value, separator))) return undefined;
      return inWords([...own, ...more]);
    }
    case 'grantTypes':
    case 'responseTypes':
    case 'scopes':
    case 'redirectHosts':
    case 'authenticationMethods':
    case 'consentModes': {
      const choices = policy[demand.member] ?? builtInChoices[demand.member];
      if (choices === undefined || choices.some((pattern) => matchesChoice(demand.member, pattern, demand.value)))
        return undefined;
      return inWords(choices);
    }
  }
}

export function longestOf({ maxLifetimes }: ClientPolicy, lifetime: LifetimeName): string | undefined {
  switch (lifetime) {
    case 'accessToken':
      return maxLifetimes?.accessToken;
    case 'refreshToken.idle':
      return maxLifetimes?.refreshToken?.idle;
    case 'refreshToken.absolute':
      return maxLifetimes?.refreshToken?.absolute;
  }
}

function ownNames(member: NameMember, { namespace, owner }: PolicyGround): readonly string[] {
  switch (member) {
    case 'clientIds':
    case 'audiences':
      return [`${namespace.name}.*`];
    case 'scopeNames':
      return namespace.name === owner ? ['*'] : [`${namespace.name}:*`];
  }
}

/** A host: exact, `*.` and a domain for every host below it, or `*`. Anything else: as names. */
function matchesChoice(member: ChoiceMember, pattern: string, value: string): boolean {
  if (member !== 'redirectHosts' || pattern === '*') return matchesPattern(pattern, value);
  return pattern.startsWith('*.') ? value.endsWith(pattern.slice(1)) : pattern === value;
}

function inWords(values: readonly string[]): string {
  return values.length === 0 ? 'none' : values.join(', ');
}

export function refusalMessage({ field, value, policy, allowed }: Refusal, server: string): string {
  return `${field}: "${value}" is refused by policy "${policy}" of ${server}, which allows ${allowed}. Change it or ask the owner of that server`;
}
