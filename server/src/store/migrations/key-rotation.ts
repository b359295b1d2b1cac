/** When a signing key was first used, which is told once, and that somebody asked for its successor. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const keyRotation: Migration = {
  async up(db: Kysely<unknown>) {
    await sql
      .raw('ALTER TABLE signing_keys ADD COLUMN activated_at timestamptz, ADD COLUMN rotation_asked_at timestamptz')
      .execute(db);
  },
};
