/** Client assertions that were used: each counts once (RFC 7523 §3). */
import { hash } from 'node:crypto';
import type { Database, Statement } from './database.ts';

export interface UsedAssertion {
  readonly clientId: string;
  /** `jti`, as the client wrote it. */
  readonly id: string;
  /** `iat`, or without one the earliest that it can be: seconds since the epoch. */
  readonly issuedAt: number;
  /** `exp`: seconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Kept for two minutes beyond its end, more than a replica's clock may be off. One that ended even longer ago is refused
 * here too: its row may be swept, and a replica that slept since it looked at its own clock would take it again.
 */
const use: Statement = {
  name: 'assertion_use',
  text: `INSERT INTO used_assertions (id, keep_until)
    SELECT $1::bytea, until FROM (SELECT to_timestamp($2::double precision) + interval '2 minutes' AS until) AS kept
    WHERE until > now() AND NOT EXISTS (
      SELECT FROM used_assertions WHERE id = '' AND to_timestamp($3::double precision) < keep_until - interval '65 minutes')
    ON CONFLICT (id) DO NOTHING`,
};

/**
 * From now on none counts that was issued before: which of them were used is not known. The row that says so is nobody's id,
 * as those are digests, and is swept when the last of those assertions has ended, an hour and the tolerance after its issue.
 */
export const refuseEarlier = `INSERT INTO used_assertions (id, keep_until) VALUES ('', now() + interval '65 minutes')
  ON CONFLICT (id) DO UPDATE SET keep_until = excluded.keep_until`;

export interface UsedAssertionStore {
  /** `false`: it was used before, or may have been. Durable before it resolves. */
  use(assertion: UsedAssertion): Promise<boolean>;
}

export function usedAssertionStore(database: Database): UsedAssertionStore {
  return {
    async use({ clientId, id, issuedAt, expiresAt }) {
      // Ids of different clients are different: one client cannot use up those of another.
      const key = hash('sha256', `${clientId}\0${id}`, 'buffer');
      const { count } = await database.run(use, [key, expiresAt, issuedAt]);
      return count === 1;
    },
  };
}
