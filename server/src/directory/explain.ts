/**
 * PURE. What a directory says of one user, for whoever asks why somebody gets a scope or does not: each rule with the
 * condition that decided it, each scope with its rules. The verdicts are those of `verify-consent.ts`, not a second opinion.
 */
import type { DirectoryUser } from './directory.ts';
import { askRules, type ConsentRules, conditionsOf, isMemberOfOne } from './verify-consent.ts';

type Rule = ConsentRules['consent_rules'][number];

export interface RuleVerdict {
  readonly rule: string;
  /** The scopes that it names. */
  readonly scopes: readonly string[];
  readonly holds: boolean;
  /** Half a sentence about the user, e.g. `is in none of its groups: shop-admins`. */
  readonly why: string;
}

export interface ScopeVerdict {
  readonly scope: string;
  readonly allowed: boolean;
  /** Allowed: the rules that held. Refused: those that name the scope. Empty: no rule names it. */
  readonly rules: readonly string[];
  /** Half a sentence, e.g. `by rule staff-reads`. */
  readonly why: string;
}

export interface Explanation {
  readonly rules: readonly RuleVerdict[];
  readonly scopes: readonly ScopeVerdict[];
}

/**
 * @param rules those of the registration that the user was read from
 * @param scopes to be judged; each that a rule names is judged too
 */
export function explain(user: DirectoryUser, rules: ConsentRules, scopes: Iterable<string>): Explanation {
  const named = rules.consent_rules.flatMap((rule) => rule.scopes);
  return {
    rules: rules.consent_rules.map((rule) => judgeRule(rule, user, rules)),
    scopes: [...new Set([...scopes, ...named])].map((scope) => judgeScope(user, rules, scope)),
  };
}

export function judgeRule(rule: Rule, user: DirectoryUser, directory: Pick<ConsentRules, 'vendor'>): RuleVerdict {
  const conditions = conditionsOf(rule, user, directory);
  const { name, scopes } = rule;
  return {
    rule: name,
    scopes,
    holds: conditions.isMember && conditions.matchesFilter,
    why: reasonOf(rule, user, directory, conditions),
  };
}

function reasonOf(
  { groups, filter }: Rule,
  user: DirectoryUser,
  directory: Pick<ConsentRules, 'vendor'>,
  { isMember, matchesFilter }: ReturnType<typeof conditionsOf>,
): string {
  if (!isMember) return `is in none of its groups: ${groups.join(', ')}`;
  if (!matchesFilter) return `does not match its filter ${filter}`;
  const through = groups.filter((group) => isMemberOfOne(user, [group], directory));
  const reasons = [
    ...(through.length > 0 ? [`is in ${through.join(', ')}`] : []),
    ...(filter === undefined ? [] : [`matches its filter ${filter}`]),
  ];
  return reasons.length === 0 ? 'it states no condition' : reasons.join(' and ');
}

export function judgeScope(user: DirectoryUser, rules: ConsentRules, scope: string): ScopeVerdict {
  const { allowed, rules: names } = askRules(user, rules, scope);
  return { scope, allowed, rules: names, why: sourceOf(scope, names, allowed, rules) };
}

function sourceOf(
  scope: string,
  names: readonly string[],
  allowed: boolean,
  { unlisted_scopes }: ConsentRules,
): string {
  if (names.length > 0 && allowed) return `by ${list(names)}`;
  if (names.length > 0) return `${list(names)} ${names.length === 1 ? 'does' : 'do'} not hold`;
  if (scope === 'openid') return 'no rule names it, and it gives nothing but the sign-in';
  return `no rule names it: unlistedScopes is ${unlisted_scopes === 'allow' ? 'Allow' : 'Deny'}`;
}

const list = (names: readonly string[]): string => `${names.length === 1 ? 'rule' : 'rules'} ${names.join(', ')}`;
