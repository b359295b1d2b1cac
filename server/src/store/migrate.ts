/**
 * Brings the tables up to date. Versions N−1 and N serve together on one schema: migrations add, a later version removes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Database } from './database.ts';
import { sqlState } from './failures.ts';
import { closeFunctions } from './migrations/closed-functions.ts';
import { migrations } from './migrations/index.ts';

export interface MigrateOptions {
  /** One line about what is waited for or was done. */
  readonly onProgress?: (line: string) => void;
  /** Once, before the first of these migrations runs. */
  readonly onPending?: (names: readonly string[]) => void;
  /** How long to wait for another migration or a table that is in use. Default 5 minutes, in milliseconds. */
  readonly patience?: number;
}

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

/**
 * Runs what is pending, one process at a time, and closes whichever functions were left open.
 * @returns the names of the migrations that ran.
 * @throws MigrationFailed, DatabaseUnavailable, DirectConnectionNeeded
 */
export function migrate(database: Database, options: MigrateOptions = {}): Promise<readonly string[]> {
  const onProgress = options.onProgress ?? (() => undefined);
  const deadline = performance.now() + (options.patience ?? 300_000);
  return database.alone(async (kysely) => {
    await requireVersion(kysely);
    const patience = { deadline, onProgress, onPending: options.onPending ?? (() => undefined) };
    if (database.kind === 'pglite') return run(kysely, patience);
    // A session's lock, on a connection that does nothing else: it ends with the process, whatever the migration does.
    return kysely.connection().execute(async (holder) => {
      await lock(holder, patience);
      try {
        return await run(kysely, patience);
      } finally {
        await sql`SELECT pg_advisory_unlock(${sql.lit(lockId)}::bigint)`.execute(holder).catch(() => undefined);
      }
    });
  });
}

interface Patience {
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

async function lock(holder: Kysely<unknown>, { deadline, onProgress }: Patience): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { rows } = await sql<{ locked: boolean }>`
      SELECT pg_try_advisory_lock(${sql.lit(lockId)}::bigint) AS locked`.execute(holder);
    if (rows[0]?.locked === true) return;
    if (performance.now() > deadline) throw new MigrationFailed('another migration still runs');
    if (attempt % 5 === 1) onProgress('waiting for another migration to end');
    await sleep(tryEvery);
  }
}

async function run(kysely: Kysely<unknown>, { deadline, onProgress, onPending }: Patience): Promise<readonly string[]> {
  const known = { ...(await ranElsewhere(kysely)), ...limited(migrations) };
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: () => Promise.resolve(known) },
    migrationTableName: 'nauthera_migrations',
    migrationLockTableName: 'nauthera_migrations_lock',
  });
  const pending = (await migrator.getMigrations()).filter(({ executedAt }) => executedAt === undefined);
  if (pending.length > 0) onPending(pending.map(({ name }) => name));
  for (;;) {
    const { error, results } = await migrator.migrateToLatest();
    if (error === undefined) {
      const names = (results ?? []).map(({ migrationName }) => migrationName);
      for (const name of names) onProgress(`migration ${name} done`);
      await closeFunctions(kysely).catch((closing: unknown) => {
        throw failure(closing, undefined);
      });
      return names;
    }
    const failed = results?.find(({ status }) => status === 'Error')?.migrationName;
    if (sqlState(error) !== '55P03' || performance.now() > deadline) throw failure(error, failed);
    onProgress(`${failed ?? 'the migration'} waits for a table that is in use`);
    await sleep(tryEvery * (0.5 + Math.random()));
  }
}

/** A newer version was here, and was rolled back: what it added does no harm, and is nothing that we could run. */
async function ranElsewhere(kysely: Kysely<unknown>): Promise<Record<string, Migration>> {
  const { rows: found } = await sql<{
    there: boolean;
  }>`SELECT to_regclass('nauthera_migrations') IS NOT NULL AS there`.execute(kysely);
  if (found[0]?.there !== true) return {};
  const { rows } = await sql<{ name: string }>`SELECT name FROM nauthera_migrations`.execute(kysely);
  return Object.fromEntries(rows.map(({ name }) => [name, { up: () => Promise.resolve() }]));
}

/** An ALTER that waits for a long reader makes everybody behind it wait: so it gives up after a second and comes again. */
function limited(all: Readonly<Record<string, Migration>>): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(all).map(([name, migration]) => [
      name,
      {
        up: async (kysely: Kysely<unknown>) => {
          await sql`SET LOCAL lock_timeout = '1s'`.execute(kysely);
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
