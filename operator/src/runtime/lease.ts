/** A Lease (coordination.k8s.io/v1) as leaders use it: what it says, and what to write. Pure. */
import { ApiUnreadable } from './kubernetes-api.ts';

/** Milliseconds, except where said. */
export interface LeaseTimes {
  /** Others take over a Lease that nobody renewed for so long; its holder gives up then. */
  readonly duration: number;
  /** Nothing is written any more so long after the last renewal was sent. */
  readonly renewDeadline: number;
  /** Between two looks, and up to a fifth more. */
  readonly retry: number;
}

export const defaultLeaseTimes: LeaseTimes = { duration: 15_000, renewDeadline: 10_000, retry: 2000 };

/** The object itself is kept, so that what others wrote into it stays. */
export interface Lease {
  readonly object: Readonly<Record<string, unknown>>;
  readonly uid: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Empty: released. */
  readonly holder: string;
  readonly transitions: number;
  /** As its holder promised. */
  readonly duration: number;
  /** Differs whenever somebody has acquired, renewed or released it. */
  readonly record: string;
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** @throws ApiUnreadable it is no Lease */
export function readLease(answer: unknown): Lease {
  const metadata = fieldOf(answer, 'metadata');
  const uid = fieldOf(metadata, 'uid');
  const created = Date.parse(String(fieldOf(metadata, 'creationTimestamp')));
  if (typeof uid !== 'string' || Number.isNaN(created)) throw new ApiUnreadable('The answer is no Lease');
  const spec = fieldOf(answer, 'spec');
  const holder = fieldOf(spec, 'holderIdentity');
  const transitions = fieldOf(spec, 'leaseTransitions');
  const seconds = fieldOf(spec, 'leaseDurationSeconds');
  return {
    object: { ...(answer as object) },
    uid,
    created,
    holder: typeof holder === 'string' ? holder : '',
    transitions: typeof transitions === 'number' ? transitions : 0,
    duration: typeof seconds === 'number' ? seconds * 1000 : 0,
    record: JSON.stringify([uid, holder, transitions, fieldOf(spec, 'acquireTime'), fieldOf(spec, 'renewTime')]),
  };
}

/** `unchangedFor`: milliseconds on this machine's own clock; clocks of two machines are never compared. */
export function isFree(lease: Lease, unchangedFor: number, times: LeaseTimes): boolean {
  if (lease.holder === '') return true;
  // An older holder may have promised more, but a slip of the keyboard must not lock everybody out.
  const promised = Math.min(Math.max(times.duration, lease.duration), 4 * times.duration);
  return unchangedFor > promised;
}

export function freshLease(namespace: string, name: string, spec: object): object {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec };
}

/** Taking over, from whoever held it: the number of transitions grows, even after a release. */
export function acquiredSpec(holder: string, transitions: number, times: LeaseTimes, now: number): object {
  const time = microTime(now);
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(times.duration / 1000),
    acquireTime: time,
    renewTime: time,
    leaseTransitions: transitions,
  };
}

export function withSpec(lease: Lease, spec: object): object {
  return { ...lease.object, spec: { ...(fieldOf(lease.object, 'spec') as object | undefined), ...spec } };
}

export function renewedLease(lease: Lease, now: number): object {
  return withSpec(lease, { renewTime: microTime(now) });
}

export function releasedLease(lease: Lease, now: number): object {
  // Empty is no valid holder; none is.
  return withSpec(lease, { holderIdentity: null, leaseDurationSeconds: 1, renewTime: microTime(now) });
}

/** `MicroTime`: RFC 3339 with exactly six digits after the point. */
export function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z');
}
