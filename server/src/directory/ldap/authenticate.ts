/** Whether a password is right: a bind as the entry that was found, on a connection that only ever binds. */
import { randomBytes } from 'node:crypto';
import type { AccountWarning, AuthenticationOutcome, DirectoryUser } from '../directory.ts';
import { isPassword } from '../typed.ts';
import type { PolicyWarning } from './answers.ts';
import { askServers } from './ask.ts';
import type { BindAnswer } from './connection.ts';
import { type Asking, type Found, nobodysDn, questionOf, readAgain, readOn } from './find.ts';

type Rejected = Extract<AuthenticationOutcome, { outcome: 'rejected' }>;
const wrongCredentials: Rejected = { outcome: 'rejected', reason: 'credentials' };

/** @throws DirectoryUnavailable */
export async function authenticate(
  asking: Asking,
  found: Found,
  password: string,
  signal: AbortSignal,
): Promise<AuthenticationOutcome> {
  if (!isPassword(password)) return wrongCredentials;
  const { server, entryId } = found.user;
  const answer = await bind(asking, found.dn, password, signal, server);
  if (answer.code !== 0) return refusalOf(asking, answer);
  if (answer.policy === 'change_after_reset')
    return { outcome: 'rejected', reason: 'must_change_password', bound: true };
  // The directory let the user in: what it went by, such as a lock, is over, and its entry or a policy says so now.
  if (found.mayBeOutlived) asking.policies.doubt();
  const again = found.mayBeOutlived ? await readAgain(asking, entryId, signal, server) : undefined;
  if (again === null) return wrongCredentials;
  const { account } = again ?? found.user;
  if (account !== 'active') return { outcome: 'rejected', reason: account, bound: true };
  return { outcome: 'accepted', user: warned(again ?? (await readOn(asking, found, signal)), answer.warning) };
}

/**
 * The same work for a name that nobody has. The password stays here, only its length goes out.
 *
 * @throws DirectoryUnavailable
 */
export async function authenticateNobody(
  asking: Asking,
  password: string,
  signal: AbortSignal,
): Promise<AuthenticationOutcome> {
  if (!isPassword(password)) return wrongCredentials;
  const length = Buffer.byteLength(password);
  await bind(asking, nobodysDn(asking), randomBytes(length).toString('base64url').slice(0, length), signal);
  return wrongCredentials;
}

/**
 * Result codes by which directories refuse a user (RFC 4511 appendix A.1): 49 is the common one; 19, 50 and 53 are how
 * some say locked or disabled; 32, 34 and 48 that there is nothing to bind as.
 */
export const refusals: ReadonlySet<number> = new Set([19, 32, 34, 48, 49, 50, 53]);

export class BindUndecided extends Error {
  constructor(resultCode: number) {
    super(`a bind ended with result code ${resultCode}`);
  }
}

function bind(
  asking: Asking,
  dn: string,
  password: string,
  signal: AbortSignal,
  preferred?: string,
): Promise<BindAnswer> {
  const { policyControl } = asking.reading().vendor;
  return askServers(questionOf(asking, signal, preferred), async (server) => {
    const answer = await server.bind(dn, password, policyControl, signal);
    if (answer.code !== 0 && !refusals.has(answer.code)) throw new BindUndecided(answer.code);
    return answer;
  });
}

function refusalOf(asking: Asking, answer: BindAnswer): Rejected {
  const reason = asking.reading().vendor.confirmedBy(answer);
  return reason === null ? wrongCredentials : { outcome: 'rejected', reason };
}

/** What the entry and the bind warned of, each once. */
function warned(user: DirectoryUser, warning: PolicyWarning | null): DirectoryUser {
  if (warning === null) return user;
  const told: AccountWarning = warning.kind === 'grace' ? 'password_grace' : 'password_expires';
  return { ...user, warnings: [...new Set([...(user.warnings ?? []), told])] };
}
