/** Signing keys; few rows, read whole by every replica. Private keys are sealed with the key-encryption key. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const table = `CREATE TABLE signing_keys (
  kid text PRIMARY KEY,
  algorithm text NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
  generation integer NOT NULL CHECK (generation > 0),
  active_from timestamptz NOT NULL,
  revoked_at timestamptz,
  public_jwk jsonb NOT NULL,
  sealed_private_key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (algorithm, generation)
)`;

export const signingKeys: Migration = {
  async up(db: Kysely<unknown>) {
    await sql.raw(table).execute(db);
  },
};
