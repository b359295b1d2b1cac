/** What the account page tells of: where a session was begun and when, and when an application last used its access. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // started_at stays when a person proves again who they are; auth_time does not. Both versions of a rollout may insert.
  `ALTER TABLE sessions
    ADD COLUMN user_agent text,
    ADD COLUMN started_at timestamptz NOT NULL DEFAULT now()`,
];

export const account: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
