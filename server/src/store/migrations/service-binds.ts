/** Service passwords of directories, as keyed digests: a handful of rows. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const table = `CREATE TABLE service_binds (
  directory text NOT NULL,
  fingerprint bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('trying', 'accepted', 'refused')),
  claimed_until timestamptz,
  server text,
  PRIMARY KEY (directory, fingerprint)
)`;

export const serviceBinds: Migration = {
  async up(db: Kysely<unknown>) {
    await sql.raw(table).execute(db);
  },
};
