/** Whether name and password are right: search, charge, bind, in this order. Nothing is begun here. */
import {
  type AuthenticationOutcome,
  type Candidate,
  DirectoryUnavailable,
  type KnownUser,
} from '../directory/directory.ts';
import { departureOf } from '../http/departure.ts';
import { networkOf } from '../http/source.ts';
import type { LoginProblem } from '../interaction/sealed-request.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { Charged } from '../store/login-attempts.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';
import { audited, type FlowPorts } from './flow.ts';
import type { FreshEntry, Going, PageSignIn } from './interaction.ts';
import type { Visit } from './visit.ts';

export interface Accepted {
  readonly outcome: 'accepted';
  readonly fresh: FreshEntry;
  readonly charged: Charged;
  readonly throttleKey: string;
}

export type Attempt =
  | Accepted
  | { readonly outcome: 'problem'; readonly problem: LoginProblem }
  /** The password was right, the directory wants another one, and lets the user choose it here. */
  | { readonly outcome: 'must_change' }
  | { readonly outcome: 'unavailable'; readonly directory: string };

export interface Typed {
  readonly username: string;
  readonly password: string;
  readonly browser: string;
}

/** What no directory is asked about: what cannot be a name or a password never reaches one. */
function typingProblem({ username, password }: Typed): LoginProblem | null {
  if (username === '') return 'username_missing';
  if (password === '') return 'password_missing';
  if (username.length > 256 || password.length > 128 || /\p{Cc}/u.test(username)) return 'credentials';
  return null;
}

export async function tryToSignIn(
  ports: FlowPorts,
  visit: Visit,
  going: Going | PageSignIn,
  typed: Typed,
): Promise<Attempt> {
  const problem = typingProblem(typed);
  if (problem !== null) return { outcome: 'problem', problem };
  try {
    return await searchChargeBind(ports, visit, going, typed);
  } catch (error) {
    if (error instanceof DirectoryUnavailable) return { outcome: 'unavailable', directory: error.directory };
    throw error;
  }
}

async function searchChargeBind(
  ports: FlowPorts,
  visit: Visit,
  going: Going | PageSignIn,
  typed: Typed,
): Promise<Attempt> {
  const signal = departureOf(visit.reply);
  const askedAt: EpochSeconds = ports.clock.now();
  const candidate = await findWithinLimit(ports, visit, () => ports.directory.find(typed.username, signal));
  if (candidate === null) return throttled(ports, visit, going, nobody, { limiter: 'login_address' });
  const charged = await ports.attempts.charge({
    address: networkOf(visit.source.address),
    limitFactor: visit.source.limitFactor,
    throttleKey: candidate.throttleKey,
    subject: candidate.known ? candidate.user.subject : undefined,
    clientUid: going.client?.owner.uid,
    handle: visit.handle,
    browser: typed.browser,
  });
  if (!charged.allowed) return throttled(ports, visit, going, candidate, charged);
  const outcome = await ports.directory.authenticate(candidate, typed.password, signal);
  const problem = problemOf(outcome);
  if (problem !== null || outcome.outcome !== 'accepted') {
    const attempt = await rejected(ports, visit, going, candidate, problem ?? 'credentials');
    return candidate.known && mustChange(visit, candidate.user, outcome) ? { outcome: 'must_change' } : attempt;
  }
  return {
    outcome: 'accepted',
    fresh: { user: outcome.user, askedAt },
    charged,
    throttleKey: candidate.throttleKey,
  };
}

/** Nothing was found out about whose name it is. */
export const nobody: Candidate = { known: false, directory: null, throttleKey: '' };

/**
 * A search. The charge comes after it, and one that fails finds nobody to charge: then its address is, where that came of the name,
 * or of leaving before the answer. For a directory that is down, or busy with others, nobody is charged. `null`: the address is
 * over its limit, with searches that failed; it is not asked about.
 *
 * @throws DirectoryUnavailable
 */
export async function findWithinLimit(
  { attempts }: Pick<FlowPorts, 'attempts'>,
  { source, reply }: Pick<Visit, 'source' | 'reply'>,
  find: () => Promise<Candidate>,
): Promise<Candidate | null> {
  const asking = { address: networkOf(source.address), limitFactor: source.limitFactor };
  if (attempts.isShut(asking)) return null;
  try {
    const found = await find();
    attempts.answered(asking);
    return found;
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    if (!error.wasAnswered && !departureOf(reply).aborted) throw error;
    if (await attempts.chargeFailedSearch(asking)) throw error;
    return null;
  }
}

function problemOf(outcome: AuthenticationOutcome): LoginProblem | null {
  if (outcome.outcome === 'rejected') return outcome.reason;
  // The bind succeeded, so the password is confirmed, and the entry says why that is not enough.
  return outcome.user.account === 'active' ? null : outcome.user.account;
}

/** Only where the directory let them bind all the same: nobody else could change anything there as themselves. */
function mustChange(visit: Visit, { directory }: KnownUser, outcome: AuthenticationOutcome): boolean {
  if (outcome.outcome !== 'rejected' || outcome.bound !== true) return false;
  const due = outcome.reason === 'must_change_password' || outcome.reason === 'password_expired';
  return due && allowsPasswordChange(visit, directory);
}

export function allowsPasswordChange({ snapshot }: Visit, directory: string): boolean {
  return snapshot.directory(directory)?.value.password_change === 'allowed';
}

function throttled(
  ports: FlowPorts,
  visit: Visit,
  going: Going | PageSignIn,
  candidate: Candidate,
  { limiter = 'login_account' }: Pick<Charged, 'limiter'>,
): Attempt {
  // Nothing was stored, so this is a line of the log alone: a flood must not fill the table.
  ports.emitAudit(failure(visit, going, candidate, limiter));
  ports.metrics.rateLimited.inc({ limiter });
  ports.metrics.logins.inc({ directory: directoryOf(candidate), outcome: 'throttled' });
  return { outcome: 'problem', problem: 'throttled' };
}

async function rejected(
  ports: FlowPorts,
  visit: Visit,
  going: Going | PageSignIn,
  candidate: Candidate,
  problem: LoginProblem,
): Promise<Attempt> {
  // People hear no more than the directory confirmed; administrators hear what stands in the entry.
  const hidden = problem === 'credentials' && candidate.known && candidate.user.account !== 'active';
  const reason = hidden ? candidate.user.account : problem;
  const event = failure(visit, going, candidate, reason);
  await ports.attempts.failed(event);
  ports.emitAudit(event);
  ports.metrics.logins.inc({ directory: directoryOf(candidate), outcome: loginOutcomes[reason] ?? reason });
  return { outcome: 'problem', problem };
}

/** Words of the metric that are not those of the reason. */
const loginOutcomes: Readonly<Record<string, string>> = {
  credentials: 'rejected',
  must_change_password: 'must_change',
  password_expired: 'must_change',
  outside_hours: 'hours',
};

function directoryOf(candidate: Candidate): string {
  return (candidate.known ? candidate.user.directory : candidate.directory) ?? 'none';
}

/** Names the directory's user, never what was typed. */
function failure(
  visit: Visit,
  { client, interaction }: Going | PageSignIn,
  candidate: Candidate,
  reason: string,
): AuditEvent {
  return audited({
    event: 'login.failed',
    outcome: 'refused',
    reason,
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    directory: directoryOf(candidate),
    ...(candidate.known
      ? {
          userId: candidate.user.subject,
          userName: candidate.user.username,
          directoryServer: candidate.user.server,
        }
      : {}),
    ...(client === undefined
      ? {}
      : { ...auditedClient(client.value, client.owner.uid, client.allowedBy), grantId: interaction.grantId }),
  });
}
