/**
 * A user changes their own password: bound as themselves, on a connection of its own that is thrown away. The service
 * account has no part in it, so whatever the directory forbids to its users it forbids here too.
 */
import {
  DirectoryUnavailable,
  type DirectoryUser,
  type PasswordChange,
  type PasswordHint,
  PasswordOutcomeUnknown,
} from '../directory.ts';
import { isPassword } from '../typed.ts';
import type { PolicyError } from './answers.ts';
import { askServers } from './ask.ts';
import { BindUndecided, refusals } from './authenticate.ts';
import type { ModifyAnswer } from './connection.ts';
import { type Asking, type Found, questionOf } from './find.ts';
import type { PasswordCommand } from './password-request.ts';
import type { BoundApart, LdapServer } from './server.ts';

export interface PasswordTyped {
  readonly current: string;
  readonly next: string;
}

const refused = (reason: 'credentials' | 'not_allowed'): PasswordChange => ({ outcome: 'rejected', reason });
const tooBad = (hint: PasswordHint): PasswordChange => ({ outcome: 'rejected', reason: 'quality', hint });

/**
 * A server that takes no changes (a replica that only reads) names another one, which is not followed: those that are
 * registered are asked in turn.
 *
 * @throws DirectoryUnavailable; PasswordOutcomeUnknown when the answer to the change was lost
 */
export async function changePassword(
  asking: Asking,
  found: Found,
  { current, next }: PasswordTyped,
  way: PasswordCommand['way'],
  signal: AbortSignal,
): Promise<PasswordChange> {
  if (!isPassword(current)) return refused('credentials');
  // No word about its quality: that gives tries back to whoever has shown the current password, and nobody has.
  if (!isPassword(next)) return refused('not_allowed');
  const readOnly = new Set<LdapServer>();
  for (;;) {
    const servers = asking.servers.filter((server) => !readOnly.has(server));
    const { server, bound } = await bindApart({ ...asking, servers }, found, current, signal);
    try {
      if (bound.answer.code !== 0) return refused('credentials');
      if (!mayChange(found)) return refused('not_allowed');
      const withPolicy = asking.reading().vendor.policyControl;
      const command: PasswordCommand = { dn: found.dn, current, next, way, withPolicy };
      const outcome = outcomeOf(await sent(asking, bound, command), way);
      if (outcome === 'undecided') throw new DirectoryUnavailable(asking.id, 'a change of a password was not decided');
      if (outcome !== 'elsewhere') return outcome;
      readOnly.add(server);
    } finally {
      bound.destroy();
    }
  }
}

interface Bound {
  readonly server: LdapServer;
  readonly bound: BoundApart;
}

/** Asked again where a server fails; the change itself never is. */
function bindApart(asking: Asking, { dn, user }: Found, current: string, signal: AbortSignal): Promise<Bound> {
  const { policyControl } = asking.reading().vendor;
  return askServers(questionOf(asking, signal, user.server), async (server) => {
    const bound = await server.bindApart(dn, current, policyControl, signal);
    const { code } = bound.answer;
    if (code === 0 || refusals.has(code)) return { server, bound };
    bound.destroy();
    throw new BindUndecided(code);
  });
}

async function sent(asking: Asking, bound: BoundApart, command: PasswordCommand): Promise<ModifyAnswer> {
  try {
    return await bound.changePassword(command);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    throw new PasswordOutcomeUnknown(asking.id, 'the answer to a change of a password was lost', { cause: error });
  }
}

/** States in which a new password is what the account needs, or needs not. Whoever is shut out otherwise stays it. */
const changeable: ReadonlySet<DirectoryUser['account'] | 'password_expired'> = new Set([
  'active',
  'must_change_password',
  'password_expired',
]);

function mayChange({ user, mayBeOutlived }: Found): boolean {
  return changeable.has(user.account) || mayBeOutlived;
}

const byPolicy: Readonly<Partial<Record<PolicyError, PasswordChange>>> = {
  modification_not_allowed: refused('not_allowed'),
  old_password_needed: refused('credentials'),
  poor_quality: tooBad('no_match_policy'),
  too_short: tooBad('too_short'),
  too_young: tooBad('too_young'),
  in_history: tooBad('in_history'),
};

/** RFC 4511 appendix A.1: 2, 12 and 65 are how some say that they do not know the operation. */
const forbidden: ReadonlySet<number> = new Set([2, 12, 50, 53, 65]);

function outcomeOf(answer: ModifyAnswer, way: PasswordCommand['way']): PasswordChange | 'elsewhere' | 'undecided' {
  const { code, policy } = answer;
  if (code === 0) return { outcome: 'changed' };
  if (code === 10) return 'elsewhere';
  const told = policy === null ? undefined : byPolicy[policy];
  if (told !== undefined) return told;
  if (code === 19) return way === 'unicode_pwd' ? constraintOf(answer) : tooBad('unknown');
  if (code === 49) return refused('credentials');
  return forbidden.has(code) ? refused('not_allowed') : 'undecided';
}

/** [MS-ERREF] §2.2: 52D, the policy says no; 56, the old password is not that. Which rule it was, only Samba says. */
function constraintOf({ diagnostic }: ModifyAnswer): PasswordChange {
  if (/^0*56\b/i.test(diagnostic)) return refused('credentials');
  if (/too short/i.test(diagnostic)) return tooBad('too_short');
  if (/history/i.test(diagnostic)) return tooBad('in_history');
  if (/too young|too recently|minimum password age/i.test(diagnostic)) return tooBad('too_young');
  return tooBad('no_match_policy');
}
