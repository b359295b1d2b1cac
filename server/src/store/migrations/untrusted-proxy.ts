/** Whether a replica's requests come through a proxy that nobody trusts, in its report. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const untrustedProxy: Migration = {
  async up(db: Kysely<unknown>) {
    await sql.raw('ALTER TABLE replica_reports ADD COLUMN untrusted_proxy boolean NOT NULL DEFAULT false').execute(db);
  },
};
