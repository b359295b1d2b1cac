/** Device codes (RFC 8628): what a device asked for, and what a person said about it in a browser. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // network NULL: whoever asked cannot be placed. outcome NULL: nobody has answered yet.
  `CREATE TABLE device_codes (
    hash bytea PRIMARY KEY,
    user_code bytea NOT NULL UNIQUE,
    grant_id uuid NOT NULL UNIQUE,
    client_id text NOT NULL,
    client_uid text NOT NULL,
    requested_scopes text[] NOT NULL,
    resources text[],
    network text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    polled_at timestamptz,
    outcome text CHECK (outcome IN ('approved', 'denied', 'refused')),
    answered_at timestamptz,
    subject text,
    directory text,
    entry_id text,
    username text,
    scopes text[],
    claims jsonb,
    auth_time timestamptz,
    used_at timestamptz
  ) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02)`,
  `CREATE INDEX device_codes_waiting ON device_codes (client_uid) WHERE used_at IS NULL`,
  `CREATE INDEX device_codes_subject ON device_codes (subject) WHERE subject IS NOT NULL AND used_at IS NULL`,
  `CREATE INDEX device_codes_keep_until ON device_codes (keep_until)`,
];

export const deviceCodes: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
