/**
 * Indexes on tables that requests write all the time. Made in a transaction, one holds up every writer of its table until
 * it is ready; so where a server may be serving they are made beside its traffic: see `migrate.ts`.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export interface Index {
  readonly name: string;
  /** What comes after ON. */
  readonly on: string;
}

/** `up`: at once, for tables that nobody uses yet. */
export interface IndexMigration extends Migration {
  readonly indexes: readonly Index[];
}

export function indexMigration(indexes: readonly Index[]): IndexMigration {
  return {
    indexes,
    up: async (database: Kysely<unknown>) => {
      for (const { name, on } of indexes)
        await sql.raw(`CREATE INDEX IF NOT EXISTS ${name} ON ${on}`).execute(database);
    },
  };
}

export const inUseIndexes = indexMigration([
  { name: 'refresh_tokens_grant', on: 'refresh_tokens (grant_id)' },
  // A row of a code is the trace that its client leaves in the session, whether its grant outlives that or not.
  { name: 'authorization_codes_session', on: `authorization_codes (session_id) WHERE outcome = 'issued'` },
  { name: 'grants_client', on: 'grants (client_id) WHERE ended_at IS NULL' },
]);
