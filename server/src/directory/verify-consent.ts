/**
 * PURE. Whether a directory confirms what a user consented to. The only place that can make a {@link VerifiedConsent}.
 */
import { claimsBehind, type NamedClaim } from '../protocol/claims.ts';
import { parseDn, sameDn } from '../protocol/distinguished-name.ts';
import { type AccountState, accountStates, builtInScopes } from '../protocol/terms.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { DirectoryRegistration } from '../registry/registration.ts';
import type { DirectoryUser } from './directory.ts';
import { groupFold } from './group-names.ts';

/** The part of a directory registration that decides. */
export interface ConsentRules {
  readonly consent_rules: readonly {
    readonly name: string;
    readonly scopes: readonly string[];
    readonly groups: readonly string[];
    readonly filter?: string;
  }[];
  readonly unlisted_scopes: 'allow' | 'deny';
  /** How it compares names of groups. */
  readonly vendor: DirectoryRegistration['vendor'];
}

export interface ConsentQuestion {
  /** The grant that this yes would make: one id per authorization request or per refresh. */
  readonly grantId: string;
  readonly clientId: string;
  readonly accessGroups: readonly string[];
  readonly onRefusedScope: 'drop' | 'deny';
  readonly scopes: readonly string[];
  /** Scopes without which there is no answer: a refusal of one is a refusal of all. Default: none. */
  readonly needed?: readonly string[];
  /** Claims asked for by name, each with the scopes through which it may come. Left out: none. */
  readonly claims?: readonly NamedClaim[];
  /** When the directory was asked. */
  readonly askedAt: EpochSeconds;
}

export interface RefusedScope {
  readonly scope: string;
  /** The rules that name the scope, none of which held; empty: `unlistedScopes`. */
  readonly rules: readonly string[];
}

type Fields = Omit<VerifiedConsent, never>;

let verified: (fields: Fields) => VerifiedConsent;

/** Proof that the directory was asked for this request; `Issue` cannot be built without one. */
export class VerifiedConsent {
  readonly #brand = true;
  readonly grantId: string;
  readonly clientId: string;
  readonly user: DirectoryUser;
  /** Confirmed scopes, in the order asked. */
  readonly scopes: readonly string[];
  readonly refused: readonly RefusedScope[];
  /** Built-in scopes that a rule refuses to this user, asked for or not: their claims come with no other scope either. */
  readonly withheld: readonly string[];
  /** Claims by name that may be given: one of their scopes is allowed, and none of those that withhold them is refused. */
  readonly claims: readonly string[];
  /** Names of the rules that allowed something. */
  readonly rules: readonly string[];
  readonly askedAt: EpochSeconds;
  private constructor(fields: Fields) {
    this.grantId = fields.grantId;
    this.clientId = fields.clientId;
    this.user = fields.user;
    this.scopes = fields.scopes;
    this.refused = fields.refused;
    this.withheld = fields.withheld;
    this.claims = fields.claims;
    this.rules = fields.rules;
    this.askedAt = fields.askedAt;
  }
  static is(value: unknown): value is VerifiedConsent {
    return typeof value === 'object' && value !== null && #brand in value;
  }
  static {
    // Handed to this module alone: nobody else can make one.
    verified = (fields) => new VerifiedConsent(fields);
  }
}

export type Verification =
  | { readonly outcome: 'verified'; readonly consent: VerifiedConsent }
  | {
      readonly outcome: 'refused';
      /**
       * {@link Leaving} and `not_a_member` end more than this request: see the refresh grant. `outside_hours` ends nothing
       * but it: the account is as it was when its hours begin again.
       */
      readonly reason: Leaving | 'outside_hours' | 'not_a_member' | 'scope_refused';
      readonly refused: readonly RefusedScope[];
    };

/** Why somebody is a user no longer, in the words of the audit log. `gone`: a complete search found nobody. */
export type Leaving = 'gone' | Exclude<AccountState, 'active' | 'outside_hours'>;

/** Whoever may sign in at other hours did not leave: a new token is refused, and nothing is ended. */
const leaving: ReadonlySet<string> = new Set([
  'gone',
  ...accountStates.filter((state) => state !== 'active' && state !== 'outside_hours'),
]);

/** Whether this is the word for somebody who left: all that they have and gave ends. */
export function hasLeft(word: string): word is Leaving {
  return leaving.has(word);
}

/**
 * @param user the entry as read for this very question; `null`: a complete search found nobody
 * @param rules those of the registration that the user was read from
 */
export function verifyConsent(
  user: DirectoryUser | null,
  rules: ConsentRules,
  question: ConsentQuestion,
): Verification {
  if (user === null) return { outcome: 'refused', reason: 'gone', refused: [] };
  if (user.account !== 'active') return { outcome: 'refused', reason: user.account, refused: [] };
  const { grantId, clientId, accessGroups, onRefusedScope, askedAt } = question;
  if (accessGroups.length > 0 && !isMemberOfOne(user, accessGroups, rules)) {
    return { outcome: 'refused', reason: 'not_a_member', refused: [] };
  }
  const answers = question.scopes.map((scope) => askRules(user, rules, scope));
  const refused = answers
    .filter((answer) => !answer.allowed)
    .map(({ scope, rules: asked }) => ({ scope, rules: asked }));
  const allowed = answers.filter((answer) => answer.allowed);
  const ends =
    onRefusedScope === 'deny' || allowed.length === 0 || refused.some(({ scope }) => isNeeded(question, scope));
  if (refused.length > 0 && ends) {
    return { outcome: 'refused', reason: 'scope_refused', refused };
  }
  const withheld = builtInScopes.filter((scope) => isWithheld(user, rules, scope));
  const consent = verified({
    grantId,
    clientId,
    user,
    scopes: allowed.map(({ scope }) => scope),
    refused,
    withheld,
    claims: confirmedClaims(user, rules, question.claims ?? [], withheld),
    rules: [...new Set(allowed.flatMap((answer) => answer.rules))],
    askedAt,
  });
  return { outcome: 'verified', consent };
}

function isNeeded({ needed = [] }: ConsentQuestion, scope: string): boolean {
  return needed.includes(scope);
}

export interface ScopeAnswer {
  readonly scope: string;
  readonly allowed: boolean;
  /** Allowed: the rules that held. Refused: those that name the scope. */
  readonly rules: readonly string[];
}

/**
 * Rules that name a scope are alternatives. `openid` gives an application nothing but the fact of the sign-in, which
 * `access.groups` decides: only a rule that names it can refuse it. Every other scope that no rule names follows
 * `unlisted_scopes`, the built-in ones too.
 */
export function askRules(
  user: DirectoryUser,
  { consent_rules, unlisted_scopes, vendor }: ConsentRules,
  scope: string,
): ScopeAnswer {
  const naming = consent_rules.filter((rule) => rule.scopes.includes(scope));
  if (naming.length === 0) return { scope, allowed: scope === 'openid' || unlisted_scopes === 'allow', rules: [] };
  const holding = naming.filter((rule) => holds(rule, user, vendor));
  const named = holding.length > 0 ? holding : naming;
  return { scope, allowed: holding.length > 0, rules: named.map((rule) => rule.name) };
}

/** What no rule names is withheld from nobody: whoever allows another scope with the same claims has decided. */
function isWithheld(user: DirectoryUser, rules: ConsentRules, scope: string): boolean {
  const { allowed, rules: asked } = askRules(user, rules, scope);
  return !allowed && asked.length > 0;
}

/** A claim by name is no way around the rule of the scope that stands for it. It is left out and ends nothing. */
function confirmedClaims(
  user: DirectoryUser,
  rules: ConsentRules,
  claims: readonly NamedClaim[],
  withheld: readonly string[],
): readonly string[] {
  const isBehind = claimsBehind(withheld);
  return claims
    .filter(({ name, scopes }) => !isBehind(name) && scopes.some((scope) => askRules(user, rules, scope).allowed))
    .map(({ name }) => name);
}

export interface RuleConditions {
  /** Whether the user is in one of the rule's groups; a rule without groups asks for none. */
  readonly isMember: boolean;
  /** Whether the entry matches the rule's filter; a rule without one asks for nothing. */
  readonly matchesFilter: boolean;
}

export function conditionsOf(
  rule: ConsentRules['consent_rules'][number],
  user: DirectoryUser,
  directory: Pick<ConsentRules, 'vendor'>,
): RuleConditions {
  return {
    isMember: rule.groups.length === 0 || isMemberOfOne(user, rule.groups, directory),
    matchesFilter: rule.filter === undefined || user.rulesMatchedByFilter.includes(rule.name),
  };
}

/** Conditions of one rule must all hold; one that states none holds for everybody. */
function holds(
  rule: ConsentRules['consent_rules'][number],
  user: DirectoryUser,
  vendor: ConsentRules['vendor'],
): boolean {
  const { isMember, matchesFilter } = conditionsOf(rule, user, { vendor });
  return isMember && matchesFilter;
}

/**
 * Whether the user is in one of the groups, each given by name or by DN. Text that reads as a DN is compared with DNs
 * alone: a group may be called `cn=admins,ou=groups,dc=example` by somebody who hopes to pass for that one.
 */
export function isMemberOfOne(
  user: Pick<DirectoryUser, 'groups'>,
  wanted: readonly string[],
  { vendor }: Pick<ConsentRules, 'vendor'>,
): boolean {
  const fold = groupFold(vendor);
  return wanted.some((text) => {
    const dn = text.includes('=') ? parseDn(text) : null;
    if (dn === null) return user.groups.some((group) => fold(group.name) === fold(text));
    return user.groups.some((group) => {
      const own = parseDn(group.dn);
      return own !== null && sameDn(own, dn, fold);
    });
  });
}
