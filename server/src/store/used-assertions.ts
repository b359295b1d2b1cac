/** Client assertions that were used: each counts once (RFC 7523 §3). */
import { hash } from 'node:crypto';
import type { Database, Statement } from './database.ts';

export interface UsedAssertion {
  readonly clientId: string;
  /** `jti`, as the client wrote it. */
  readonly id: string;
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
    WHERE until > now()
    ON CONFLICT (id) DO NOTHING`,
};

export interface UsedAssertionStore {
  /** `false`: it was used before. Durable before it resolves. */
  use(assertion: UsedAssertion): Promise<boolean>;
}

export function usedAssertionStore(database: Database): UsedAssertionStore {
  return {
    async use({ clientId, id, expiresAt }) {
      // Ids of different clients are different: one client cannot use up those of another.
      const key = hash('sha256', `${clientId}\0${id}`, 'buffer');
      const { count } = await database.run(use, [key, expiresAt]);
      return count === 1;
    },
  };
}
