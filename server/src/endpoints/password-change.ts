/**
 * One try at a new password, wherever it was asked for: search, charge, change, in this order. A wrong current password counts
 * as a wrong one at a sign-in does. Of passwords nothing is told to log or audit, not even how long they are.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Candidate,
  DirectoryUnavailable,
  type PasswordChange,
  PasswordOutcomeUnknown,
} from '../directory/directory.ts';
import { departureOf } from '../http/departure.ts';
import { networkOf } from '../http/source.ts';
import type { PasswordProblem } from '../interaction/sealed-request.ts';
import type { Parameters } from '../protocol/parameters.ts';
import type { Charged } from '../store/login-attempts.ts';
import type { PasswordChangeStore, PasswordForm } from '../store/password-changes.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { allowsPasswordChange, findWithinLimit, nobody } from './credentials.ts';
import { audited, type FlowPorts } from './flow.ts';
import { giveHandle, type SuccessorPorts } from './successor-handle.ts';
import type { Visit } from './visit.ts';

export interface PasswordPorts extends FlowPorts, SuccessorPorts {
  readonly changes: PasswordChangeStore;
}

export interface NewPassword {
  readonly current: string;
  readonly next: string;
}

export interface Changing {
  /** Looks for whoever it is about. */
  readonly find: (signal: AbortSignal) => Promise<Candidate>;
  readonly typed: NewPassword;
  /** The plain value of the browser's cookie. */
  readonly browser: string;
  /** Unique for the page that was shown: sent twice, it changes once. */
  readonly form: string;
  readonly clientUid?: string | undefined;
  /** The session that asks, and the handle that it goes on under; left out: nobody is signed in. */
  readonly session?: { readonly id: string; readonly subject: string; readonly successor: string } | undefined;
}

export type Attempt =
  | { readonly outcome: 'changed'; readonly charged: Charged }
  /** This very form changed it a moment ago. */
  | { readonly outcome: 'used' }
  | { readonly outcome: 'problem'; readonly problem: PasswordProblem }
  | { readonly outcome: 'unavailable'; readonly directory: string };

/** What no directory is asked about. `null`: nothing is wrong with how it was typed. */
export function readNewPassword(parameters: Parameters): NewPassword | PasswordProblem {
  const [current = '', next = '', again = ''] = ['current_password', 'new_password', 'new_password_again'].map((name) =>
    parameters.get(name),
  );
  if (current === '') return 'current_missing';
  if (next === '') return 'new_missing';
  if (next !== again) return 'mismatch';
  if (next === current) return 'same';
  if (Array.from(next).length > 128) return 'too_long';
  return { current, next };
}

export async function tryToChange(ports: PasswordPorts, visit: Visit, changing: Changing): Promise<Attempt> {
  try {
    return await searchChargeChange(ports, visit, changing);
  } catch (error) {
    if (error instanceof DirectoryUnavailable) return { outcome: 'unavailable', directory: error.directory };
    throw error;
  }
}

async function searchChargeChange(ports: PasswordPorts, visit: Visit, changing: Changing): Promise<Attempt> {
  const { typed, browser, clientUid, session: asking } = changing;
  const signal = departureOf(visit.reply);
  const candidate = await findWithinLimit(ports, visit, () => changing.find(signal));
  if (candidate === null) return throttled(ports, visit, nobody, { limiter: 'login_address' }, asking?.id);
  const subject = candidate.known ? candidate.user.subject : undefined;
  const charged = await ports.attempts.charge({
    address: networkOf(visit.source.address),
    limitFactor: visit.source.limitFactor,
    throttleKey: candidate.throttleKey,
    subject,
    clientUid,
    handle: visit.handle,
    browser,
  });
  if (!charged.allowed) return throttled(ports, visit, candidate, charged, asking?.id);
  const off = candidate.known && !allowsPasswordChange(visit, candidate.user.directory);
  // The one that asked may have another handle by now, from the same form sent twice: it stays the one that asked. Where nobody is
  // signed in none is kept, whatever this browser has: it would go on under a handle from before, should no sign-in follow.
  const keep = asking?.subject === subject ? asking?.id : undefined;
  await ports.changes.begun(changing.form);
  let outcome: PasswordChange;
  try {
    outcome = off
      ? { outcome: 'rejected', reason: 'not_allowed' }
      : await ports.directory.changePassword(candidate, typed.current, typed.next, signal);
  } catch (error) {
    // It may hold by now: what was begun with the old one ends in any case.
    if (error instanceof PasswordOutcomeUnknown)
      await settle(ports, visit, changing, candidate, keep, {
        event: 'password.refused',
        outcome: 'refused',
        reason: 'outcome_unknown',
      });
    throw error;
  }
  if (outcome.outcome === 'rejected') return refused(ports, visit, changing, candidate, outcome);
  await settle(ports, visit, changing, candidate, keep, { event: 'password.changed', outcome: 'success' });
  return { outcome: 'changed', charged };
}

/**
 * Ends every other session of the user, gives this one its next handle, and writes down what became of the try. The cookie goes
 * out with whatever answer follows.
 */
async function settle(
  ports: PasswordPorts,
  visit: Visit,
  { form, session }: Changing,
  candidate: Candidate,
  keep: string | undefined,
  what: Pick<AuditEvent, 'event' | 'outcome' | 'reason'>,
): Promise<void> {
  const event = about(visit, candidate, session?.id, what);
  const handle = keep === undefined ? undefined : session?.successor;
  const ended = await ports.changes.changed({
    subject: candidate.known ? candidate.user.subject : '',
    ...(keep === undefined ? {} : { keep: { id: keep, handle } }),
    throttleKey: candidate.throttleKey,
    form,
    audit: event,
    ends: { requestId: visit.request.id, clientAddress: visit.source.address },
  });
  if (handle !== undefined) giveHandle(visit, handle);
  ports.emitAudit(event);
  for (const one of ended) {
    ports.emitAudit(one.event);
    ports.metrics.grantsEnded.inc({ cause: 'user' }, one.grants);
  }
}

function throttled(
  ports: PasswordPorts,
  visit: Visit,
  candidate: Candidate,
  { limiter = 'login_account' }: Pick<Charged, 'limiter'>,
  sessionId: string | undefined,
): Attempt {
  // As at a sign-in: a line of the log alone, a flood must not fill the table.
  ports.emitAudit(
    about(visit, candidate, sessionId, { event: 'password.refused', outcome: 'refused', reason: limiter }),
  );
  ports.metrics.rateLimited.inc({ limiter });
  return { outcome: 'problem', problem: 'throttled' };
}

async function refused(
  ports: PasswordPorts,
  visit: Visit,
  { form, session }: Changing,
  candidate: Candidate,
  refusal: Extract<PasswordChange, { outcome: 'rejected' }>,
): Promise<Attempt> {
  const reason = refusal.reason === 'quality' ? refusal.hint : refusal.reason;
  const event = about(visit, candidate, session?.id, { event: 'password.refused', outcome: 'refused', reason });
  const confirmed = refusal.reason === 'quality';
  const beside = await ports.changes.refused({
    audit: event,
    form,
    ...(confirmed ? { throttleKey: candidate.throttleKey } : {}),
  });
  ports.emitAudit(event);
  if (refusal.reason === 'credentials' && (await becomesUsed(ports, form, beside))) return { outcome: 'used' };
  return { outcome: 'problem', problem: problemOf(refusal) };
}

/**
 * Once the directory has made the change the old password is wrong, and nothing of ours says why until it has answered: a second
 * press that comes just then waits for what the first one ends with.
 */
async function becomesUsed({ changes }: PasswordPorts, form: string, beside: PasswordForm): Promise<boolean> {
  let { used, underWay } = beside;
  for (let looks = 0; !used && underWay && looks < 100; looks += 1) {
    await sleep(100);
    ({ used, underWay } = await changes.read(form));
  }
  return used;
}

function problemOf(refusal: Extract<PasswordChange, { outcome: 'rejected' }>): PasswordProblem {
  if (refusal.reason !== 'quality') return refusal.reason;
  return refusal.hint === 'no_match_policy' || refusal.hint === 'unknown' ? 'refused' : refusal.hint;
}

/** Names the directory's user, never what was typed. */
function about(
  visit: Visit,
  candidate: Candidate,
  sessionId: string | undefined,
  event: Pick<AuditEvent, 'event' | 'outcome' | 'reason'>,
): AuditEvent {
  return audited({
    ...event,
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(candidate.known
      ? {
          userId: candidate.user.subject,
          userName: candidate.user.username,
          directory: candidate.user.directory,
          directoryServer: candidate.user.server,
        }
      : {}),
  });
}
