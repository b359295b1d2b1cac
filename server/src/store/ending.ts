/**
 * Statements that end a batch of sessions or grants outside of any request, with all that is told of it: revocations, what
 * applications are owed, and an audit row each.
 */
import { insertAudit, newAuditId } from './audit.ts';
import { insertDeliveries } from './logout-deliveries.ts';
import { revoke, revokeGrant, revokeGrantByHand } from './revocations.ts';

/** A statement ends this many at most, and is repeated while it finds as many. */
export const endingBatch = 500;

export interface Ending {
  /** Condition on the table, of {@link endingBatch} rows at most. */
  readonly which: string;
  /** `ended_reason` */
  readonly reason: string;
  /** Parameter of the event that each audit row is made of, e.g. `$2`. */
  readonly audit: string;
}

const user = { user_id: 'ended.subject', user_name: 'ended.username', directory: 'ended.directory' };

export function endSessions({ which, reason, audit }: Ending): string {
  return `WITH ended AS (
      UPDATE sessions SET ended_at = now(), ended_reason = '${reason}' WHERE ${which}
      RETURNING id, subject, username, directory),
    revoked AS (${revoke('session', 'SELECT id FROM ended')}),
    owed AS (${insertDeliveries('ended')}),
    told AS (${insertAudit(audit, 'ended', { id: newAuditId, ...user, session_id: 'ended.id' })})
    SELECT id FROM ended`;
}

/** @param by `hand`: a process that tells no metrics. */
export function endGrants({ which, reason, audit }: Ending, by: 'server' | 'hand'): string {
  return `WITH ended AS (
      UPDATE grants SET ended_at = now(), ended_reason = '${reason}' WHERE ${which}
      RETURNING id, client_id, client_uid, subject, username, directory, scopes),
    revoked AS (${by === 'hand' ? revokeGrantByHand('ended') : revokeGrant('ended')}),
    told AS (${insertAudit(audit, 'ended', {
      id: newAuditId,
      grant_id: 'ended.id',
      client_id: 'ended.client_id',
      client_uid: 'ended.client_uid',
      ...user,
      scopes: 'ended.scopes',
    })})
    SELECT id FROM ended`;
}

/** Until a statement finds less than a batch. @returns how many rows it found */
export async function inBatches(once: () => Promise<{ readonly count: number }>): Promise<number> {
  for (let total = 0; ; ) {
    const { count } = await once();
    total += count;
    if (count < endingBatch) return total;
  }
}
