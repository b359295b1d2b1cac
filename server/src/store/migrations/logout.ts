/** Who still has to hear that a session is over (OpenID Connect Back-Channel Logout), and which applications took part in one. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // One row a session and client: a session ends once. lease: the worker that is calling, until next_attempt_at.
  `CREATE TABLE logout_deliveries (
    session_id text NOT NULL,
    client_uid text NOT NULL,
    client_id text NOT NULL,
    subject text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease uuid,
    PRIMARY KEY (session_id, client_uid)
  ) WITH (fillfactor = 60)`,
  `CREATE INDEX logout_deliveries_next_attempt_at ON logout_deliveries (next_attempt_at)`,
  // Tokens left through the browser with this answer, whatever becomes of the code in it.
  `ALTER TABLE authorization_codes ADD COLUMN front boolean NOT NULL DEFAULT false`,
];

export const logout: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
