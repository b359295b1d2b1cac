/** The session that an opaque access token ends with by itself, where its grant may go on without one. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const tokenSessions: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    // NULL: it ends with its grant alone.
    await sql.raw('ALTER TABLE access_tokens ADD COLUMN session_id text').execute(database);
  },
};
