/** The sweep for leavers, step by step, over a world's database: as a replica runs it, and when a test says so. */
import { hash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { systemClock } from '../../server/src/keys/key-set.ts';
import { createSealer } from '../../server/src/keys/sealer.ts';
import type { LookPort } from '../../server/src/recheck/look.ts';
import { type SweepPorts, sweepStep } from '../../server/src/recheck/sweep.ts';
import { createFollower } from '../../server/src/registry/follow.ts';
import type { SnapshotSource } from '../../server/src/registry/snapshot.ts';
import { grantStore } from '../../server/src/store/grants.ts';
import { leaverStore } from '../../server/src/store/leavers.ts';
import { recheckStore, type Standing } from '../../server/src/store/rechecks.ts';
import type { AuditEvent } from '../../server/src/telemetry/audit.ts';
import { silentLog } from '../../server/src/telemetry/log.ts';
import { createMetrics } from '../../server/src/telemetry/metrics.ts';
import { memoryDirectoryId } from './memory-directory.ts';
import { telling } from './telling.ts';
import { keyEncryptionKey, type World } from './world.ts';

export interface Sweeping {
  readonly ports: SweepPorts;
  /** Names of its statements, since the start or the last `splice`. */
  readonly statements: string[];
  readonly audited: AuditEvent[];
  /** One step, with what the registry says now. `failures`: looks that came to nothing before it; none. */
  step(directory?: string, failures?: number): Promise<Standing | undefined>;
  /** Makes a round due and runs steps until it is over. Where the directory cannot be asked there is no such end. */
  round(directory?: string): Promise<Standing>;
  count(outcome: 'kept' | 'ended' | 'unknown', directory?: string): Promise<number>;
  stop(): Promise<void>;
}

export async function openSweeping(world: World, directory: LookPort = world.memory): Promise<Sweeping> {
  const statements: string[] = [];
  const audited: AuditEvent[] = [];
  const database = telling(world.database, statements);
  const follower = createFollower({ database: world.database, sealer: createSealer([keyEncryptionKey]) });
  await follower.start();
  const metrics = createMetrics(new Registry());
  const rechecks = recheckStore(database);
  const ports: SweepPorts = {
    rechecks,
    leavers: leaverStore(database),
    grants: grantStore(database),
    directory,
    snapshot: follower,
    clock: systemClock,
    audit: (event) => void audited.push(event),
    log: silentLog,
    metrics,
  };
  const step: Sweeping['step'] = async (id = memoryDirectoryId, failures = 0) => {
    await upToDate(world, follower);
    if (follower.current.directory(id) === undefined) throw new Error(`${id} is not registered`);
    return (await sweepStep(ports, id, failures, new AbortController().signal)).standing;
  };
  return {
    ports,
    statements,
    audited,
    step,
    async round(id = memoryDirectoryId) {
      await upToDate(world, follower);
      await recheckStore(world.database).ensure(id, follower.current.directory(id)?.value.recheck?.confirmed);
      await makeDue(world, id);
      for (let steps = 0; steps < 500; steps += 1) {
        const standing = await step(id);
        if (standing?.state === 'done') return standing;
      }
      throw new Error('the round does not end');
    },
    async count(outcome, id = memoryDirectoryId) {
      const { values } = (await metrics.registry.getMetricsAsJSON()).find(
        ({ name }) => name === 'nauthera_recheck_users_total',
      ) as unknown as { values: readonly { labels: { directory: string; outcome: string }; value: number }[] };
      return values.find(({ labels }) => labels.directory === id && labels.outcome === outcome)?.value ?? 0;
    },
    stop: () => follower.stop(),
  };
}

export async function upToDate(world: World, follower: SnapshotSource): Promise<void> {
  const [revision] = await world.rows<{ n: number }>('SELECT n FROM registry_revision');
  for (const deadline = Date.now() + 60_000; follower.current.revision.n < (revision?.n ?? 0); await sleep(20)) {
    if (Date.now() > deadline) throw new Error('the registry was not read');
  }
}

/** As if the last round had begun long ago. */
export async function makeDue(world: World, directory = memoryDirectoryId): Promise<void> {
  await world.rows(`UPDATE recheck_rounds SET began_at = '-infinity' WHERE directory = $1`, [directory]);
}

/** A database to seat people in; `memory`: what is known of their groups. */
type Seats = Pick<World, 'rows'> & Partial<Pick<World, 'memory'>>;

/** Signs people in without a browser: a session each, as a sign-in leaves it. */
export async function seat(world: Seats, usernames: readonly string[], directory = memoryDirectoryId): Promise<void> {
  const people = usernames.map((username) => ({
    handle: randomUUID(),
    id: randomUUID(),
    subject: `u_${hash('sha256', username, 'base64url')}`,
    entry_id: `entry-${username}`,
    username,
    name: `${username} of the shop`,
    claims: {
      name: `${username} of the shop`,
      email: `${username}@example.com`,
      email_verified: false,
      groups: world.memory?.people.get(username)?.groups ?? [],
    },
  }));
  // All at once: whoever looks meanwhile finds nobody or everybody.
  await world.rows(
    `INSERT INTO sessions (handle, id, browser, subject, directory, entry_id, username, name, claims, auth_time, last_seen_at,
      idle_seconds, expires_at)
    SELECT convert_to(handle, 'UTF8'), id, convert_to(handle, 'UTF8'), subject, $2, entry_id, username, name, claims, now(), now(),
      3600, now() + interval '1 hour'
    FROM jsonb_to_recordset($1::jsonb) AS people(handle text, id text, subject text, entry_id text, username text, name text,
      claims jsonb)`,
    [JSON.stringify(people), directory],
  );
}
