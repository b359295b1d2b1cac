/**
 * PURE. What is told of servers that fail or are back where `Ready` alone would not say so: the pods of an AuthorizationServer
 * that served, the directory servers of an LdapBinding of which others serve on, its sweep for leavers, and a policy that it
 * cannot read.
 */
import type { AuthorizationServerStatus, Kind, LdapBindingStatus, ResourceByKind } from '@nauthera/crds';

export interface DegradationEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'ServerDegraded' | 'ServerRecovered' | 'SweepStopped' | 'PolicyNotReadable';
  readonly note: string;
}

export type StatusOf = ResourceByKind[Kind]['status'];

/** @param wasToldOf whether the last word about this resource was that its server is gone */
export function degradation(
  kind: Kind,
  before: StatusOf,
  after: StatusOf,
  wasToldOf: boolean,
): DegradationEvent | undefined {
  if (kind === 'AuthorizationServer') return ofReplicas(before, after, wasToldOf);
  return kind === 'LdapBinding' ? ofDirectory(before, after) : undefined;
}

function ofReplicas(
  { readyReplicas: had = 0 }: AuthorizationServerStatus,
  { readyReplicas: has = 0, conditions }: AuthorizationServerStatus,
  wasToldOf: boolean,
): DegradationEvent | undefined {
  // With its database away nobody knows; `Ready` says that.
  if (!conditions.some(({ type, status }) => type === 'DatabaseReady' && status === 'True')) return undefined;
  if (had > 0 && has === 0) {
    const note = `no replica serves any more; ${had} did. Nobody gets tokens until one is back`;
    return { type: 'Warning', reason: 'ServerDegraded', note };
  }
  if (!wasToldOf || has === 0) return undefined;
  return { type: 'Normal', reason: 'ServerRecovered', note: `${replicas(has)} again` };
}

const replicas = (count: number): string => (count === 1 ? '1 replica serves' : `${count} replicas serve`);

/** What such a condition tells of is not that a server fails. */
function isOfNoServer(reason: string): reason is 'SweepStopped' | 'PolicyNotReadable' {
  return reason === 'SweepStopped' || reason === 'PolicyNotReadable';
}

function ofDirectory(before: LdapBindingStatus, after: LdapBindingStatus): DegradationEvent | undefined {
  const [was, is] = [before, after].map(({ conditions }) =>
    conditions.find(({ type, status }) => type === 'Degraded' && status === 'True'),
  );
  if (is !== undefined && isOfNoServer(is.reason)) {
    return was?.reason === is.reason ? undefined : { type: 'Warning', reason: is.reason, note: is.message };
  }
  const hadFailed = was !== undefined && !isOfNoServer(was.reason);
  if (is !== undefined) {
    return hadFailed ? undefined : { type: 'Warning', reason: 'ServerDegraded', note: is.message };
  }
  // It also ends when the last of them fails: then `Ready` says so.
  const all = after.servers ?? [];
  if (!hadFailed || all.length === 0 || all.some(({ state }) => state !== 'Up')) return undefined;
  const note = all.length === 1 ? 'its directory server answers' : `all ${all.length} directory servers answer`;
  return { type: 'Normal', reason: 'ServerRecovered', note };
}
