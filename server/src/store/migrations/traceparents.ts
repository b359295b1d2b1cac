/**
 * The trace (W3C Trace Context) in which a registration was written last, so that a replica's trace can link to it. It tells
 * nothing of the registration itself: a row that differs in nothing else is not written.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** `registry_put` keeps all else of its text, whichever version of it stands there. */
const rewrite = `DO $do$
DECLARE
  text_ text := pg_get_functiondef('registry_put'::regproc);
  pair_ text[];
BEGIN
  FOREACH pair_ SLICE 1 IN ARRAY ARRAY[
    ['withdrawn, body, sealed, n)', 'withdrawn, body, sealed, traceparent, n)'],
    ['i.withdrawn, i.body, i.sealed, 0', 'i.withdrawn, i.body, i.sealed, i.traceparent, 0'],
    ['sealed = excluded.sealed, adopted = false', 'sealed = excluded.sealed, traceparent = excluded.traceparent, adopted = false']
  ] LOOP
    IF position(pair_[1] IN text_) = 0 THEN RAISE EXCEPTION 'registry_put has no "%"', pair_[1]; END IF;
    text_ := replace(text_, pair_[1], pair_[2]);
  END LOOP;
  EXECUTE text_;
END $do$`;

const statements = [
  `ALTER TABLE registry ADD COLUMN traceparent text`,
  `ALTER TYPE registry_input ADD ATTRIBUTE traceparent text`,
  rewrite,
];

export const traceparents: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
