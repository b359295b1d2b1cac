/**
 * Brings the tables up to date. Versions N−1 and N serve together on one schema: migrations add, a later version removes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationResultSet, Migrator } from 'kysely/migration';
import type { Database } from './database.ts';
import { sqlState } from './failures.ts';
import { closeFunctions } from './migrations/closed-functions.ts';
import type { IndexMigration } from './migrations/in-use-indexes.ts';
import { migrations } from './migrations/index.ts';

export interface MigrateOptions {
  /** One line about what is waited for or was done. */
  readonly onProgress?: (line: string) => void;
  /** Once, before the first of these migrations runs. */
  readonly onPending?: (names: readonly string[]) => void;
  /**
   * How long to wait for another migration or a table that is in use, and for the answer of a database that says nothing.
   * Default 5 minutes, in milliseconds.
   */
  readonly patience?: number;
  /** Default: all that this version knows. */
  readonly migrations?: Migrations;
}

type Migrations = Readonly<Record<string, Migration | IndexMigration>>;

export class MigrationFailed extends Error {
  readonly code = 'migration_failed';
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'MigrationFailed';
  }
}

/** The server is older than what is supported. */
export class DatabaseVersionUnsupported extends MigrationFailed {}

const oldestVersion = 150_000;
/** "nauthera" in hexadecimal. */
const lockId = '7953767559741141601';
const tryEvery = 1_000;
/** Milliseconds for each table that a migration changes: below a request's limit of a second even where it changes three. */
export const lockPatience = 250;
/** Milliseconds that the making of one index may take. */
const indexPatience = 3_600_000;
/** Milliseconds after a statement's own limit, or where it has none of any length, after the patience with locks. */
const answerMargin = 2_000;

/**
 * Runs what is pending, one process at a time, and closes whichever functions were left open.
 * @returns the names of the migrations that ran.
 * @throws MigrationFailed, DatabaseUnavailable, DirectConnectionNeeded
 */
export function migrate(database: Database, options: MigrateOptions = {}): Promise<readonly string[]> {
  const onProgress = options.onProgress ?? (() => undefined);
  const { patience: within = 300_000, migrations: all = migrations } = options;
  const deadline = performance.now() + within;
  return database.alone(async (kysely) => {
    await requireVersion(kysely);
    const patience = { all, deadline, onProgress, onPending: options.onPending ?? (() => undefined) };
    if (database.kind === 'pglite') return run(database, kysely, patience);
    // A session's lock, on a connection that does nothing else: it ends with the process, whatever the migration does.
    return kysely.connection().execute(async (holder) => {
      await lock(holder, patience);
      const names = await run(database, kysely, patience);
      // After a failure its connection is ended, and the lock with it: the database may not answer any more.
      await sql`SELECT pg_advisory_unlock(${sql.lit(lockId)}::bigint)`.execute(holder);
      return names;
    });
  }, within + answerMargin);
}

interface Patience {
  readonly all: Migrations;
  readonly deadline: number;
  readonly onProgress: (line: string) => void;
  readonly onPending: (names: readonly string[]) => void;
}

async function requireVersion(kysely: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ version: number; text: string }>`
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text`.execute(
    kysely,
  );
  const found = rows[0];
  if (found !== undefined && found.version < oldestVersion) {
    throw new DatabaseVersionUnsupported(`this is Postgres ${found.text}; 15 or newer is needed`);
  }
}

async function lock(
  holder: Kysely<unknown>,
  { deadline, onProgress }: Pick<Patience, 'deadline' | 'onProgress'>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { rows } = await sql<{ locked: boolean }>`
      SELECT pg_try_advisory_lock(${sql.lit(lockId)}::bigint) AS locked`.execute(holder);
    if (rows[0]?.locked === true) return;
    if (performance.now() > deadline) throw new MigrationFailed('another migration still runs');
    if (attempt % 5 === 1) onProgress('waiting for another migration to end');
    await sleep(tryEvery);
  }
}

/** Where nothing ever ran nobody serves yet: all at once. Else one by one, so that no table is held while another is waited for. */
async function run(
  database: Database,
  kysely: Kysely<unknown>,
  { all, deadline, onProgress, onPending }: Patience,
): Promise<readonly string[]> {
  const before = await ranBefore(kysely);
  const isFresh = before.length === 0;
  const ours = isFresh || database.kind === 'pglite' ? all : besideTraffic(all);
  const elsewhere = before.map((name) => [name, { up: () => Promise.resolve() }] as const);
  const known = { ...Object.fromEntries(elsewhere), ...limited(ours) };
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: () => Promise.resolve(known) },
    migrationTableName: 'nauthera_migrations',
    migrationLockTableName: 'nauthera_migrations_lock',
  });
  const pending = Object.keys(all)
    .filter((name) => !before.includes(name))
    .sort();
  if (pending.length > 0) onPending(pending);
  const steps = isFresh ? [pending] : pending.map((name) => [name]);
  for (const step of steps) {
    for (const name of step) await makeIndexes(database, isFresh ? undefined : all[name], onProgress);
    await persist({ deadline, onProgress }, () => (isFresh ? migrator.migrateToLatest() : migrator.migrateUp()));
    for (const name of step) onProgress(`migration ${name} done`);
  }
  await closeFunctions(kysely).catch((closing: unknown) => {
    throw failure(closing, undefined);
  });
  return pending;
}

async function persist(
  { deadline, onProgress }: Pick<Patience, 'deadline' | 'onProgress'>,
  attempt: () => Promise<MigrationResultSet>,
): Promise<void> {
  for (;;) {
    const { error, results } = await attempt();
    if (error === undefined) return;
    const failed = results?.find(({ status }) => status === 'Error')?.migrationName;
    const isInUse = ['55P03', '40P01'].includes(sqlState(error) ?? '');
    if (!isInUse || performance.now() > deadline) throw failure(error, failed);
    onProgress(`${failed ?? 'the migration'} waits for a table that is in use`);
    await sleep(tryEvery * (0.5 + Math.random()));
  }
}

async function ranBefore(kysely: Kysely<unknown>): Promise<readonly string[]> {
  const { rows: found } = await sql<{
    there: boolean;
  }>`SELECT to_regclass('nauthera_migrations') IS NOT NULL AS there`.execute(kysely);
  if (found[0]?.there !== true) return [];
  const { rows } = await sql<{ name: string }>`SELECT name FROM nauthera_migrations`.execute(kysely);
  return rows.map(({ name }) => name);
}

/** By then their indexes are there. */
function besideTraffic(all: Migrations): Migrations {
  const entries = Object.entries(all);
  return Object.fromEntries(
    entries.map(([name, one]) => [name, 'indexes' in one ? { up: () => Promise.resolve() } : one]),
  );
}

/**
 * CONCURRENTLY waits for every transaction that began before, for as long as that takes, and nobody waits behind it. What an
 * attempt left behind that was cut off is made anew.
 */
async function makeIndexes(
  database: Database,
  migration: Migrations[string] | undefined,
  onProgress: Patience['onProgress'],
): Promise<void> {
  if (migration === undefined || !('indexes' in migration) || database.kind === 'pglite') return;
  await database.alone(async (kysely) => {
    await sql`SET lock_timeout = 0`.execute(kysely);
    await sql.raw(`SET statement_timeout = ${indexPatience}`).execute(kysely);
    for (const { name, on } of migration.indexes) {
      const { rows } = await sql<{ valid: boolean }>`
        SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass(${name})`.execute(kysely);
      if (rows[0]?.valid === true) continue;
      onProgress(`the index ${name} is made, beside whoever uses its table`);
      try {
        if (rows[0] !== undefined) await sql.raw(`DROP INDEX CONCURRENTLY ${name}`).execute(kysely);
        await sql.raw(`CREATE INDEX CONCURRENTLY ${name} ON ${on}`).execute(kysely);
      } catch (error) {
        throw failure(error, `the index ${name}`);
      }
    }
  }, indexPatience + answerMargin);
}

/** An ALTER that waits for a long reader makes everybody behind it wait: so it gives up soon and comes again. */
function limited(all: Migrations): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(all).map(([name, migration]) => [
      name,
      {
        up: async (kysely: Kysely<unknown>) => {
          await sql.raw(`SET LOCAL lock_timeout = ${lockPatience}`).execute(kysely);
          await sql`SET LOCAL statement_timeout = 0`.execute(kysely);
          await migration.up(kysely);
        },
      },
    ]),
  );
}

function failure(error: unknown, migration: string | undefined): Error {
  // Unanswered: `alone` says that the database is unavailable.
  if (error instanceof Error && migration === undefined && sqlState(error) === undefined) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new MigrationFailed(`${migration ?? 'migration'}: ${detail}`, { cause: error });
}
