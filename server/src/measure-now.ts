/** What is as it is at the moment of a scrape, and needs no counting before. */
import type { ServerState } from './directory/directories.ts';
import type { Parts } from './parts.ts';
import { type RegistrationKind, registrationKinds } from './registry/registration.ts';
import type { Database } from './store/database.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** @param database the one whose pool is measured */
export function measureNow(parts: Parts, database: Pick<Database, 'poolCounts'>): void {
  const { metrics, directories } = parts;
  measureRegistry(parts);
  measureDirectories(metrics, directories?.servers() ?? []);
  const pool = database.poolCounts?.();
  if (pool === undefined) return;
  metrics.databaseConnections.set({ state: 'idle' }, pool.idle);
  metrics.databaseConnections.set({ state: 'busy' }, pool.busy);
  metrics.databaseWaiting.set(pool.waiting);
}

function measureRegistry({ metrics, follower: { current, confirmedAt, rejected } }: Parts): void {
  metrics.registryRevision.set(current.revision.n);
  if (Number.isFinite(confirmedAt)) metrics.registryConfirmed.set((performance.now() - confirmedAt) / 1000);
  for (const [kind, count] of Object.entries(current.counts())) metrics.registryEntries.set({ kind }, count);
  const left = new Map<RegistrationKind, number>(registrationKinds.map((kind) => [kind, 0]));
  for (const { kind } of rejected) left.set(kind, (left.get(kind) ?? 0) + 1);
  for (const [kind, count] of left) metrics.registryRejected.set({ kind }, count);
}

/** A directory or a server that is registered no more has no series any more either. */
function measureDirectories(metrics: Metrics, servers: readonly ServerState[]): void {
  for (const gauge of [metrics.ldapServerUp, metrics.ldapConnections, metrics.ldapWaiting]) gauge.reset();
  for (const { directory, server, up, connections } of servers) {
    metrics.ldapServerUp.set({ directory, server }, up ? 1 : 0);
    metrics.ldapConnections.set({ directory, server, state: 'idle' }, connections.idle);
    metrics.ldapConnections.set({ directory, server, state: 'busy' }, connections.lent);
    metrics.ldapWaiting.inc({ directory }, connections.waiting);
    metrics.ldapReferences.inc({ directory }, 0);
  }
  const present = new Set(servers.map(({ directory, server }) => `${directory} ${server}`));
  metrics.ldapDuration.keepOnly(({ directory, server }) => present.has(`${directory} ${server}`));
}
