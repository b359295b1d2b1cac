/** How far the sweep for leavers is: a row per directory, and one per hundred of its users who are looked at. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // reached: the last subject that was given out, NULL: all were. finished_at: the last round that ended as it should, or when
  // the directory was first seen. confirmed: the word of an administrator that the last verdict knew.
  `CREATE TABLE recheck_rounds (
    directory text PRIMARY KEY,
    round bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'done' CHECK (state IN ('looking', 'ending', 'done')),
    began_at timestamptz NOT NULL DEFAULT '-infinity',
    reached text,
    buckets integer NOT NULL DEFAULT 0,
    finished_at timestamptz NOT NULL DEFAULT now(),
    halted_at timestamptz,
    halted_users integer,
    halted_leavers integer,
    confirmed text,
    gone_since timestamptz
  ) WITH (fillfactor = 50)`,

  // Subjects above "after", up to "upto". leavers: found in this round, to be ended when all of it was looked at.
  `CREATE TABLE recheck_buckets (
    directory text NOT NULL,
    number integer NOT NULL,
    round bigint NOT NULL,
    after text NOT NULL,
    upto text NOT NULL,
    lease uuid,
    leased_until timestamptz NOT NULL,
    looked_at timestamptz,
    users integer NOT NULL DEFAULT 0,
    leavers jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (directory, number)
  ) WITH (fillfactor = 50)`,
];

export const recheck: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
