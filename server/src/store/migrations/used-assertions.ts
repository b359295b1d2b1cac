/** Ids of client assertions that were used (RFC 7523 §3, `jti`). */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // Not partitioned: a key that held the expiry too would take the same id twice under two expiries.
  `CREATE TABLE used_assertions (
    id bytea PRIMARY KEY,
    keep_until timestamptz NOT NULL
  )`,
  `CREATE INDEX used_assertions_keep_until ON used_assertions (keep_until)`,
];

export const usedAssertions: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
