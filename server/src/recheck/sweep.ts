/** One step of the sweep of one directory: whatever is next, done by whichever replica comes. */
import { randomUUID } from 'node:crypto';
import { DirectoryUnavailable } from '../directory/directory.ts';
import type { Clock } from '../protocol/time.ts';
import type { DirectoryRegistration } from '../registry/registration.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { GrantStore } from '../store/grants.ts';
import type { LeaverStore } from '../store/leavers.ts';
import type { Bucket, Leaver, RecheckStore, Standing } from '../store/rechecks.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { type EmitAudit, uuidV7 } from '../telemetry/audit-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Judgement, judge, usersOf } from './judge.ts';
import { type LookPort, lookAt, type Seen } from './look.ts';

export interface SweepPorts {
  readonly rechecks: RecheckStore;
  readonly leavers: LeaverStore;
  readonly grants: Pick<GrantStore, 'end'>;
  readonly directory: LookPort;
  readonly snapshot: SnapshotSource;
  readonly clock: Clock;
  readonly audit: EmitAudit;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Seconds from one look at a user to the next, unless the registration says otherwise. */
export const defaultInterval = 60;
/**
 * Of the interval, after which the next round begins: what is left is for looking at everybody and ending those who left, so
 * that the interval holds from the moment at which somebody is disabled.
 */
const periodOf = (interval: number): number => (interval * 5) / 6;
/** Seconds until a lot is tried again whose directory could not be asked. */
const againIn = 3;
/** Milliseconds until another look at what other replicas are at. */
const soon = 1_000;
/** Milliseconds between two looks at a directory's round, at most: what other replicas found is told by this one, too. */
const lookEvery = 30_000;
/** By the database's clock, so not a moment too early. */
const slack = 20;

export interface Swept {
  /** Milliseconds until the next step is due. */
  readonly next: number;
  /** `undefined`: another replica was at it. */
  readonly standing: Standing | undefined;
  /** Users were looked at. */
  readonly isLooked?: true;
  /** The directory could not be asked about users who should have been looked at; where `isLooked`, about some of them. */
  readonly problem?: DirectoryUnavailable;
}

export function intervalOf({ recheck }: Pick<DirectoryRegistration, 'recheck'>): number {
  return recheck?.every ?? defaultInterval;
}

/**
 * @param failures looks at this directory that came to nothing, one after the other until now
 * @throws whatever the database throws; nothing is lost then, the lot comes again when its lease is over
 */
export async function sweepStep(
  ports: SweepPorts,
  directory: string,
  failures: number,
  signal: AbortSignal,
): Promise<Swept> {
  const before = registrationOf(ports, directory);
  if (before === undefined) return { next: soon, standing: undefined };
  const lease = randomUUID();
  const standing = await ports.rechecks.claim(directory, periodOf(intervalOf(before)), lease);
  if (standing === null) return { next: soon, standing: undefined };
  const { state, bucket, allGiven, unlooked, dueIn } = standing;
  const registration = registrationOf(ports, directory) ?? before;
  if (bucket !== undefined) {
    const looked = await look(ports, { directory, registration, lease, failures, signal }, bucket);
    const isInVain = looked.problem !== undefined && looked.isLooked === undefined;
    return { ...looked, next: isInVain ? againIn * 1000 : 0, standing };
  }
  if (state === 'ending') return { next: (await endSome(ports, directory)) ? 0 : soon, standing };
  if (state === 'looking') {
    const isDecided = allGiven && unlooked === 0 && (await decide(ports, directory, registration));
    return { next: isDecided ? 0 : soon, standing };
  }
  return { next: Math.min(lookEvery, dueIn * 1000 + slack), standing };
}

function registrationOf({ snapshot }: SweepPorts, directory: string): DirectoryRegistration | undefined {
  return snapshot.current.directory(directory)?.value;
}

interface Look {
  readonly directory: string;
  readonly registration: DirectoryRegistration;
  readonly lease: string;
  readonly failures: number;
  readonly signal: AbortSignal;
}

async function look(ports: SweepPorts, asked: Look, bucket: Bucket): Promise<Pick<Swept, 'isLooked' | 'problem'>> {
  const { directory, registration, lease, signal } = asked;
  const users = usersOf(bucket);
  const askedAt = ports.clock.now();
  const { current } = ports.snapshot;
  let seen: Seen;
  try {
    seen = await lookAt(ports.directory, { ...asked, rules: registration, current }, users);
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    if (!signal.aborted) ports.metrics.recheckUsers.inc({ directory, outcome: 'unknown' }, users.length);
    await ports.rechecks.handBack(directory, lease, signal.aborted ? 0 : againIn);
    return { problem: error };
  }
  // What was read by one registration must not be judged by another one's rules.
  if (registrationOf(ports, directory) !== registration) {
    await ports.rechecks.handBack(directory, lease, 0);
    return {};
  }
  const { found, groupsHidden, problem } = seen;
  const facts = { directory, rules: registration, current: ports.snapshot.current, askedAt, groupsHidden };
  await write(ports, asked, judge(users, found, facts), users.length);
  return problem === undefined ? { isLooked: true } : { isLooked: true, problem };
}

/** The lot is settled last: whoever is cut off before is followed by another look. */
async function write(
  { rechecks, grants, audit, metrics }: SweepPorts,
  { directory, lease }: Look,
  { leavers, unknown, renewals, ruledOut }: Judgement,
  users: number,
): Promise<void> {
  if (renewals.sessions.length + renewals.grants.length > 0) await rechecks.renew(withIds(renewals, audit));
  for (const { grantId, event } of ruledOut) {
    const told = { ...event, id: uuidV7() };
    await grants.end(grantId, 'rule', told);
    audit(told);
    metrics.grantsEnded.inc({ cause: 'rule' });
  }
  if (!(await rechecks.settle(directory, lease, users, leavers))) return;
  metrics.recheckUsers.inc({ directory, outcome: 'kept' }, users - leavers.length - unknown);
  metrics.recheckUsers.inc({ directory, outcome: 'unknown' }, unknown);
}

function withIds<R extends { readonly events: readonly AuditEvent[] }>(renewals: R, audit: EmitAudit): R {
  const events = renewals.events.map((event) => ({ ...event, id: uuidV7() }));
  for (const event of events) audit(event);
  return { ...renewals, events };
}

async function decide(ports: SweepPorts, directory: string, { recheck }: DirectoryRegistration): Promise<boolean> {
  const event: AuditEvent = { id: uuidV7(), event: 'sweep.halted', outcome: 'refused', reason: 'too_many', directory };
  const verdict = await ports.rechecks.decide(directory, recheck?.confirmed, event);
  if (verdict === null) return false;
  if (verdict.halted && verdict.anew) {
    ports.audit(event);
    ports.log.error('the sweep would have ended too many users', {
      'nauthera.directory': directory,
      count: verdict.leavers,
    });
  }
  return true;
}

/** `false`: nothing was left. */
async function endSome({ leavers, audit, metrics }: SweepPorts, directory: string): Promise<boolean> {
  const eventOf = ({ subject, username, reason }: Leaver): AuditEvent => ({
    id: uuidV7(),
    event: 'leaver.ended',
    outcome: 'success',
    reason,
    userId: subject,
    userName: username,
    directory,
  });
  const ended = await leavers.endSome(directory, eventOf);
  if (ended === null) return false;
  for (const event of ended.events) audit(event);
  metrics.grantsEnded.inc({ cause: 'leaver' }, ended.grants);
  metrics.recheckUsers.inc({ directory, outcome: 'ended' }, ended.events.length);
  return true;
}
