/**
 * The trace (W3C Trace Context) in which a registration was written last, so that a replica's trace can link to it. It tells
 * nothing of the registration itself: a row that differs in nothing else is not written.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { rewritten } from './rewritten.ts';

const statements = [
  `ALTER TABLE registry ADD COLUMN traceparent text`,
  `ALTER TYPE registry_input ADD ATTRIBUTE traceparent text`,
  rewritten('registry_put', [
    ['withdrawn, body, sealed, n)', 'withdrawn, body, sealed, traceparent, n)'],
    ['i.withdrawn, i.body, i.sealed, 0', 'i.withdrawn, i.body, i.sealed, i.traceparent, 0'],
    [
      'sealed = excluded.sealed, adopted = false',
      'sealed = excluded.sealed, traceparent = excluded.traceparent, adopted = false',
    ],
  ]),
];

export const traceparents: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
