/**
 * After a backup was put back: whatever it holds that somebody may have used, ended or taken back since must not count again.
 * Everything that a browser, an application or a device could still present is removed, in one transaction, and a new epoch
 * has every follower of the registry load it anew.
 */
import { sql, type Transaction } from 'kysely';
import { auditJson, insertAudit } from './audit.ts';
import type { Database } from './database.ts';
import { closeFunctions } from './migrations/closed-functions.ts';
import { revoke } from './revocations.ts';
import { refuseEarlier } from './used-assertions.ts';

/** A yes that was withdrawn since would be remembered again: it is asked anew. */
const voided = [
  'sessions',
  'grants',
  'authorization_codes',
  'refresh_tokens',
  'access_tokens',
  'device_codes',
  'authorization_requests',
  'consents',
  'recheck_rounds',
  'recheck_buckets',
] as const;

export interface Restored {
  readonly epoch: string;
  /** Server processes that reported within the last 15 s. */
  readonly serving: number;
}

/** What nobody opens any more without the key-encryption key: the servers and the operator make it anew with another one. */
const unreadable = [
  'TRUNCATE signing_keys, sealed_secrets',
  'UPDATE registry SET sealed = NULL WHERE sealed IS NOT NULL',
] as const;

/** Server processes open what is sealed: the key is in their pods, and what it opens is not to be thrown away. */
export class KeyInUse extends Error {
  readonly code = 'key_in_use';
}

/**
 * To be run by the owner of the tables. May be repeated.
 *
 * @param keyIsLost nobody has the key-encryption key any more: removes what it sealed. Default `false`
 * @throws DatabaseUnavailable, {@link KeyInUse}
 */
export function beginAnew(database: Database, { keyIsLost = false } = {}): Promise<Restored> {
  return database.alone((kysely) =>
    kysely.transaction().execute(async (transaction) => {
      if (keyIsLost) await requireNobodyHasKey(transaction);
      await sql.raw(`TRUNCATE ${voided.join(', ')}`).execute(transaction);
      if (keyIsLost) for (const statement of unreadable) await sql.raw(statement).execute(transaction);
      // Whoever left the rights out of the dump left those functions open to everybody.
      await closeFunctions(transaction);
      // Access tokens that are signed are refused until the last of them has run out.
      await sql.raw(revoke('client', `SELECT id FROM registry WHERE kind = 'client'`)).execute(transaction);
      await sql.raw(refuseEarlier).execute(transaction);
      const event = auditJson({ event: 'restore.completed', outcome: 'success' });
      await sql.raw(insertAudit(`'${event.replaceAll("'", "''")}'`)).execute(transaction);
      const { rows } = await sql<Restored>`
        WITH raised AS (UPDATE registry_revision SET epoch = gen_random_uuid()::text, n = n + 1 RETURNING epoch, n),
          told AS (SELECT pg_notify('nauthera_registry', epoch || ':' || n) FROM raised)
        SELECT raised.epoch, (SELECT count(*)::int FROM replica_reports WHERE reported_at > now() - interval '15 seconds') AS serving
        FROM raised, told`.execute(transaction);
      const [found] = rows;
      if (found === undefined) throw new Error('the registry has no revision');
      return found;
    }),
  );
}

async function requireNobodyHasKey(transaction: Transaction<unknown>): Promise<void> {
  const { rows } = await sql<{ having: number }>`SELECT count(*)::int AS having FROM replica_reports
    WHERE reported_at > now() - interval '15 seconds' AND keys IN ('ready', 'rotation_overdue')`.execute(transaction);
  const having = rows[0]?.having ?? 0;
  if (having > 0)
    throw new KeyInUse(
      `${having} server processes serve with the key-encryption key, so it is not lost: read it where they do, and put it back. Nothing was changed. If it is to go all the same, stop them and wait 15 seconds`,
    );
}
