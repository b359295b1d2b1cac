/** The certificate that a token is bound to (RFC 8705 §3, §4): its thumbprint, where there is one. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const certificates: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const table of ['access_tokens', 'refresh_tokens']) {
      await sql.raw(`ALTER TABLE ${table} ADD COLUMN certificate text`).execute(database);
    }
  },
};
