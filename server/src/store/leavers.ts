/** The end of those who left: of one lot of a round at a time, each in a transaction that nobody else repeats. */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { insertDeliveries } from './logout-deliveries.ts';
import type { Leaver } from './rechecks.ts';
import { revoke, revokeGrant } from './revocations.ts';
import { stopUnfetched } from './unfetched.ts';

// The lock lasts as long as the transaction: a replica that dies gives it back, and has ended nobody.
const take: Statement = {
  name: 'leavers_take',
  text: `SELECT b.number, b.leavers, b.looked_at::text AS until
    FROM recheck_buckets b JOIN recheck_rounds d ON d.directory = b.directory AND d.round = b.round AND d.state = 'ending'
    WHERE b.directory = $1 AND b.leavers <> '[]' ORDER BY b.number LIMIT 1 FOR UPDATE OF b SKIP LOCKED`,
};

const stop = stopUnfetched('subject = ANY($1::text[]) AND created_at <= $2::timestamptz');
const endUnfetched: Statement = {
  name: 'leavers_end_unfetched',
  text: `WITH codes AS (${stop.codes}) ${stop.devices}`,
};

const end: Statement = {
  name: 'leavers_end',
  // Who was let in again since somebody looked is not meant.
  text: `WITH told AS (UPDATE recheck_buckets SET leavers = '[]' WHERE directory = $4 AND number = $5),
    grants_ended AS (
      UPDATE grants SET ended_at = now(), ended_reason = 'leaver'
      WHERE subject = ANY($1::text[]) AND ended_at IS NULL AND created_at <= $2::timestamptz
      RETURNING id, subject),
    sessions_ended AS (
      UPDATE sessions SET ended_at = now(), ended_reason = 'leaver'
      WHERE subject = ANY($1::text[]) AND ended_at IS NULL AND auth_time <= $2::timestamptz
      RETURNING id, subject),
    who AS (SELECT subject FROM grants_ended UNION SELECT subject FROM sessions_ended),
    owed AS (${insertDeliveries('sessions_ended')}),
    revoked AS (${revoke('subject', 'SELECT subject FROM who')}),
    sessions_revoked AS (${revoke('session', 'SELECT id FROM sessions_ended')}),
    grants_revoked AS (${revokeGrant('grants_ended')}),
    audit_row AS (${insertAudit('$3', 'who')} WHERE event.user_id = who.subject)
    SELECT ARRAY(SELECT subject FROM who) AS subjects, (SELECT count(*)::int FROM grants_ended) AS grants`,
};

const finish: Statement = {
  name: 'leavers_finish',
  text: `UPDATE recheck_rounds d SET state = 'done', finished_at = now()
    WHERE d.directory = $1 AND d.state = 'ending' AND NOT EXISTS (
      SELECT FROM recheck_buckets b WHERE b.directory = $1 AND b.round = d.round AND b.leavers <> '[]')`,
};

export interface EndedLeavers {
  /** Events of those of whom something ended, as they were written. */
  readonly events: readonly AuditEvent[];
  readonly grants: number;
}

export interface LeaverStore {
  /**
   * Ends every session and grant of the leavers of one lot.
   *
   * @param eventOf the event of each; its id must be made already
   * @returns `null`: no lot is left that nobody else is at; then the round is done, if nobody is at any.
   */
  endSome(directory: string, eventOf: (leaver: Leaver) => AuditEvent): Promise<EndedLeavers | null>;
}

/** @param onOwed runs after a commit that may owe logout tokens. */
export function leaverStore(database: Database, onOwed: () => void = () => undefined): LeaverStore {
  return {
    async endSome(directory, eventOf) {
      const ended = await database.transaction(async (transaction): Promise<EndedLeavers | null> => {
        const taken = await transaction.run<{ number: number; leavers: Leaver[]; until: string }>(take, [directory]);
        const [bucket] = taken.rows;
        if (bucket === undefined) return null;
        const subjects = bucket.leavers.map(({ subject }) => subject);
        const events = bucket.leavers.map(eventOf);
        await transaction.run(endUnfetched, [subjects, bucket.until]);
        const { rows } = await transaction.run<{ subjects: string[]; grants: number }>(end, [
          subjects,
          bucket.until,
          auditJson(...events),
          directory,
          bucket.number,
        ]);
        const who = new Set(rows[0]?.subjects);
        return { events: events.filter(({ userId = '' }) => who.has(userId)), grants: rows[0]?.grants ?? 0 };
      });
      if (ended === null) await database.run(finish, [directory]);
      else if (ended.events.length > 0) onOwed();
      return ended;
    },
  };
}
