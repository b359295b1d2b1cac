/** Whether a password is right: a bind as the entry that was found, on a connection that only ever binds. */
import { randomBytes } from 'node:crypto';
import type { AuthenticationOutcome } from '../directory.ts';
import { isPassword } from '../typed.ts';
import { askServers } from './ask.ts';
import type { BindAnswer } from './connection.ts';
import { type Asking, type Found, findAgain, nobodysDn, questionOf } from './find.ts';

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
  if (answer.code !== 0) return refusalOf(answer);
  if (answer.policy === 'change_after_reset') return { outcome: 'rejected', reason: 'must_change_password' };
  // The directory let the user in: a lock that it went by is over, and its entry says so now.
  const now = found.mayBeOutlived ? await findAgain(asking, entryId, signal, server) : found;
  if (now === null) return wrongCredentials;
  const { account } = now.user;
  return account === 'active' ? { outcome: 'accepted', user: now.user } : { outcome: 'rejected', reason: account };
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
const refusals: ReadonlySet<number> = new Set([19, 32, 34, 48, 49, 50, 53]);

class BindUndecided extends Error {
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

/** OpenLDAP says "expired" only to those who know the password; nothing else confirms one. */
function refusalOf({ code, policy }: BindAnswer): Rejected {
  return code === 49 && policy === 'password_expired' ? { outcome: 'rejected', reason: 'expired' } : wrongCredentials;
}
