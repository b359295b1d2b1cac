/**
 * Removes rows that no longer matter, in batches that never wait for a lock. Nothing depends on it: what counts is decided
 * where a row is read, by the database's clock.
 */
import type { Database, Statement, Stop } from './database.ts';

const batch = 1000;

/** Table → when a row of it no longer matters. */
const conditions = {
  sessions: 'expires_at < now()',
  consents: 'expires_at < now()',
  authorization_requests: 'expires_at < now()',
  // A spent code is kept for its replay, and while its session may still end, which its client then hears of. One that was
  // never redeemed is kept while a page may still ask for its answer.
  authorization_codes: `(keep_until < now() AND NOT EXISTS (SELECT FROM sessions s WHERE s.id = session_id AND s.ended_at IS NULL))
    OR (used_at IS NULL AND NOT front AND expires_at < now() - interval '1 hour')`,
  device_codes: 'keep_until < now()',
  grants: 'expires_at < now()',
  refresh_tokens: 'keep_until < now()',
  access_tokens: 'expires_at < now()',
  login_attempts: `last_at < now() - interval '1 day'`,
  revocations: 'expires_at < now()',
  used_assertions: 'keep_until < now()',
  // Whoever wished has long read what became of it.
  registry_key_wishes: `done_at < now() - interval '90 days'`,
  // Longer than anybody can wait for a secret to be out of use.
  secret_uses: `used_at < now() - interval '400 days'`,
  // Given up long before, by a worker that could still do it.
  logout_deliveries: `created_at < now() - interval '2 days'`,
  // A round that was cut off, for however long, goes on with its own; the next one makes them anew.
  recheck_buckets: `leased_until < now() - interval '1 day' AND NOT EXISTS (SELECT FROM recheck_rounds d
    WHERE d.directory = recheck_buckets.directory AND d.round = recheck_buckets.round AND d.state <> 'done')`,
  audit: `time < now() - interval '90 days'`,
} as const;
export type SweptTable = keyof typeof conditions;

const sweeps = (Object.keys(conditions) as SweptTable[]).map((table) => ({
  table,
  statement: {
    name: `sweep_${table}`,
    text: `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM ${table} WHERE ${conditions[table]} LIMIT ${batch} FOR UPDATE SKIP LOCKED))${told(table)}`,
  } satisfies Statement,
}));

/** A grant that nobody ended has ended by itself. */
function told(table: SweptTable): string {
  return table === 'grants' ? ' RETURNING ended_at IS NULL AS expired' : '';
}

export interface SweepOptions {
  readonly database: Database;
  readonly onSwept: (table: SweptTable, rows: number) => void;
  /** Grants that came to the end of their time, among those that were removed; or that were ended by hand since. */
  readonly onEnded?: (cause: 'expiry' | 'admin', grants: number) => void;
  readonly onError: (error: unknown) => void;
  /** Milliseconds between two rounds; default a minute. */
  readonly every?: number;
}

// Whoever did it tells no metrics: the first server that comes counts it, and no other.
const countByHand: Statement = {
  name: 'grants_ended_by_hand',
  text: `WITH told AS MATERIALIZED (
      SELECT kind, value, by_hand FROM revocations WHERE by_hand > 0 LIMIT ${batch} FOR UPDATE SKIP LOCKED),
    counted AS (UPDATE revocations r SET by_hand = NULL FROM told t WHERE r.kind = t.kind AND r.value = t.value)
    SELECT count(*)::int AS acts, coalesce(sum(by_hand), 0)::int AS grants FROM told`,
};

/** One round over every table. A table that gave a whole batch is asked again at once. */
export async function sweep(options: Omit<SweepOptions, 'onError' | 'every'>): Promise<void> {
  const { database, onSwept, onEnded } = options;
  for (const { table, statement } of sweeps) {
    for (let more = true; more; ) {
      const { rows, count } = await database.run<{ expired?: boolean }>(statement, []);
      if (count > 0) onSwept(table, count);
      const expired = rows.filter((row) => row.expired === true).length;
      if (expired > 0) onEnded?.('expiry', expired);
      more = count === batch;
    }
  }
  await tellByHand(options);
}

async function tellByHand({ database, onEnded }: Pick<SweepOptions, 'database' | 'onEnded'>): Promise<void> {
  for (let more = true; more; ) {
    const { rows } = await database.run<{ acts: number; grants: number }>(countByHand, []);
    const { acts = 0, grants = 0 } = rows[0] ?? {};
    if (grants > 0) onEnded?.('admin', grants);
    more = acts === batch;
  }
}

export function startSweep(options: SweepOptions): Stop {
  const { every = 60_000 } = options;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const loop = (): void => {
    running = sweep(options)
      .catch(options.onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(loop, every).unref();
      });
  };
  timer = setTimeout(loop, every).unref();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
