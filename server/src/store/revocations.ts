/**
 * Revocations: what every replica must refuse within a second although its signature is good. A row stays until the last
 * access token that it speaks of has run out.
 */
import type { Database, Statement } from './database.ts';

export type RevocationKind = 'grant' | 'session' | 'subject' | 'client' | 'token';

export interface Revocation {
  readonly kind: RevocationKind;
  readonly value: string;
  /** Epoch seconds: what was issued later is not meant. */
  readonly revokedAt: number;
  readonly expiresAt: number;
}

/** An access token lives an hour at most; five minutes more for clocks. */
const keep = `interval '65 minutes'`;

/** `INSERT INTO revocations …` for each row of `source`, a CTE with the grant's `id`. */
export function revokeGrant(source: string): string {
  return revoke('grant', `SELECT id::text FROM ${source}`);
}

/** As {@link revokeGrant}, by a process that tells no metrics: the sweep of a server counts it, once. */
export function revokeGrantByHand(source: string): string {
  return revoke('grant', `SELECT id::text FROM ${source}`, true);
}

/** `INSERT INTO revocations …` for each value that the query gives. */
export function revoke(kind: RevocationKind, query: string, byHand = false): string {
  return `INSERT INTO revocations (kind, value, revoked_at, expires_at${byHand ? ', by_hand' : ''})
    SELECT '${kind}', value, now(), now() + ${keep}${byHand ? ', 1' : ''} FROM (${query}) AS v(value)
    ON CONFLICT (kind, value) DO UPDATE SET revoked_at = now(), expires_at = EXCLUDED.expires_at`;
}

const fields = `kind, value, extract(epoch FROM revoked_at)::bigint AS "revokedAt", extract(epoch FROM expires_at)::bigint AS "expiresAt"`;

const all: Statement = {
  name: 'revocations_all',
  text: `SELECT ${fields} FROM revocations WHERE expires_at > now()`,
};

// Commits become visible out of order: each poll rereads as far back as five statement time-outs.
const recent: Statement = {
  name: 'revocations_recent',
  text: `SELECT ${fields} FROM revocations WHERE revoked_at > now() - interval '15 seconds'`,
};

const among: Statement = {
  name: 'revocations_among',
  text: `SELECT ${fields} FROM revocations r JOIN jsonb_to_recordset($1::jsonb) AS asked(kind text, value text) USING (kind, value)
    WHERE expires_at > now()`,
};

export interface RevocationStore {
  all(): Promise<readonly Revocation[]>;
  /** Of the last 15 s. */
  recent(): Promise<readonly Revocation[]>;
  among(names: readonly { readonly kind: RevocationKind; readonly value: string }[]): Promise<readonly Revocation[]>;
}

export function revocationStore(database: Database): RevocationStore {
  return {
    all: async () => (await database.run<Revocation>(all, [])).rows,
    recent: async () => (await database.run<Revocation>(recent, [])).rows,
    among: async (names) => (await database.run<Revocation>(among, [JSON.stringify(names)])).rows,
  };
}
