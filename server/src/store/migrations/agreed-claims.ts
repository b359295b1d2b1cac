/** Claims that came with the scopes when somebody said yes: the owner of a scope may write more into it afterwards. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const agreedClaims: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const table of ['authorization_codes', 'device_codes', 'grants']) {
      await sql.raw(`ALTER TABLE ${table} ADD COLUMN agreed text[] NOT NULL DEFAULT '{}'`).execute(database);
    }
  },
};
