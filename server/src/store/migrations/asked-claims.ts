/**
 * What a request asked beyond scopes: claims by name (OpenID Connect Core §5.5) and resources (RFC 8707). Codes carry it to
 * the grant, the grant to each refresh; a remembered yes covers claims as well.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `ALTER TABLE consents ADD COLUMN claims text[] NOT NULL DEFAULT '{}'`,
  // resources NULL: the audiences are those of the scopes. audiences NULL: a code that was made before this migration.
  `ALTER TABLE authorization_codes ADD COLUMN asked jsonb, ADD COLUMN id_token_claims jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN resources text[], ADD COLUMN audiences text[]`,
  `ALTER TABLE grants ADD COLUMN asked jsonb, ADD COLUMN id_token_claims jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN resources text[]`,
];

export const askedClaims: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
