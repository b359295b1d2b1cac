/** What a sign-in with each sample name of a directory would find: names and verdicts for its report, no value of a claim. */
import { builtInScopes } from '../protocol/terms.ts';
import type { SampleUser } from '../registry/report.ts';
import { DirectoryUnavailable, type DirectoryUser, knownClaims } from './directory.ts';
import { judgeRule, judgeScope } from './explain.ts';
import { EntryProblem } from './ldap/entry.ts';
import type { LdapDirectory } from './ldap/ldap-directory.ts';
import { isUsername, nameMatches } from './typed.ts';
import type { ConsentRules } from './verify-consent.ts';

/** A report goes out every few seconds, and ends in the status of a resource. */
const most = { groups: 20, claims: 60, rules: 20, scopes: 40, rulesOfScope: 10, characters: 128, why: 256 } as const;

/**
 * One name after the other, so that sign-ins find connections free. Of a name that could not be asked about, what was found
 * before stays.
 */
export async function lookAtSamples(
  directory: LdapDirectory,
  before: readonly SampleUser[] | undefined,
  signal: AbortSignal,
): Promise<readonly SampleUser[] | undefined> {
  const names = directory.registered.value.sample_users;
  if (names === undefined) return undefined;
  const found: SampleUser[] = [];
  for (const name of names) {
    const sample = (await look(directory, name, signal)) ?? before?.find(({ username }) => username === name);
    if (sample !== undefined) found.push(sample);
  }
  return found;
}

/** `null`: the directory could not be asked. */
async function look(directory: LdapDirectory, username: string, signal: AbortSignal): Promise<SampleUser | null> {
  const rules = directory.registered.value;
  if (!isUsername(username) || !nameMatches(rules.matches, username)) return { username, outcome: 'not_asked' };
  try {
    const [only, ...more] = await directory.readAll(username, signal);
    if (only === undefined) return { username, outcome: 'nobody' };
    return more.length > 0 ? { username, outcome: 'several' } : sampleOf(username, only, rules);
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    return error.cause instanceof EntryProblem ? { username, outcome: 'unreadable' } : null;
  }
}

/**
 * PURE. Scopes that no rule names are other people's too: the built-in ones alone are told. What is not shown is not judged
 * either: whoever writes rules must not decide how long every sign-in waits for this.
 */
export function sampleOf(username: string, user: DirectoryUser, rules: ConsentRules): SampleUser {
  const named = rules.consent_rules.flatMap(({ scopes }) => scopes);
  const shown = [...new Set([...named, ...builtInScopes])].slice(0, most.scopes);
  return {
    username,
    outcome: 'found',
    account: user.account,
    subject: user.subject,
    groups: namesIn(user.groups.map(({ name }) => name)).slice(0, most.groups),
    groupCount: user.groups.length,
    claims: namesIn(Object.keys(knownClaims(user))).slice(0, most.claims),
    rules: rules.consent_rules.slice(0, most.rules).map((one) => {
      const { rule, holds, why } = judgeRule(one, user, rules);
      return { rule, holds, why: clipped(why, most.why) };
    }),
    scopes: shown.map((one) => {
      const { scope, allowed, rules: asked, why } = judgeScope(user, rules, one);
      return { scope, allowed, rules: asked.slice(0, most.rulesOfScope), why: clipped(why, most.why) };
    }),
  };
}

/** In an order of their own: servers of one directory need not agree on theirs. Each once. */
function namesIn(names: readonly string[]): readonly string[] {
  const shown = names.filter((name) => name !== '').map((name) => clipped(name, most.characters));
  return [...new Set(shown)].toSorted();
}

function clipped(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
