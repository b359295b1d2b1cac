/**
 * What somebody on duty ends: of one user, of one client, or all of it; in batches, each a statement of its own with its
 * audit rows. Sessions first, so that nothing hangs off them any more when codes and grants follow. May be repeated.
 */
import { auditJson, insertAudit, newAuditId } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { endGrants, endingBatch, endSessions, inBatches } from './ending.ts';
import { revoke } from './revocations.ts';

export type Meant =
  /** A subject (`u_…`) or a user name as its directory writes it. */
  { readonly user: string } | { readonly client: string } | 'all';

export interface EndedByHand {
  readonly sessions: number;
  readonly grants: number;
  /** Clients whose access tokens are all refused that were issued until now. */
  readonly clients: number;
}

const reason = 'admin';

/** Conditions on `subject`, `username`, `client_id`; `$1` is the user or client, `$2` the time or NULL: now. */
interface Conditions {
  readonly sessions: string;
  readonly rest: string;
}

function conditionsOf(meant: Meant): Conditions {
  if (meant === 'all') return { sessions: '$1::text IS NULL', rest: '$1::text IS NULL' };
  if ('client' in meant) return { sessions: '$1::text IS NULL', rest: 'client_id = $1' };
  const user = '(subject = $1 OR username = $1)';
  return { sessions: user, rest: user };
}

const until = 'coalesce($2::timestamptz, now())';

function statementsFor(name: string, { sessions, rest }: Conditions) {
  const of = (table: string, text: string): Statement => ({ name: `by_hand_${name}_${table}`, text });
  return {
    sessions: of(
      'sessions',
      endSessions({
        which: `id IN (SELECT id FROM sessions WHERE ended_at IS NULL AND ${sessions} AND started_at <= ${until} LIMIT ${endingBatch})`,
        reason,
        audit: '$3',
      }),
    ),
    // As in `unfetched.ts`, in a statement before that of the grants.
    codes: of(
      'codes',
      `UPDATE authorization_codes SET expires_at = created_at WHERE hash IN (
        SELECT hash FROM authorization_codes WHERE used_at IS NULL AND expires_at > now() AND ${rest} AND created_at <= ${until}
        LIMIT ${endingBatch})`,
    ),
    devices: of(
      'devices',
      `UPDATE device_codes SET expires_at = created_at WHERE hash IN (
        SELECT hash FROM device_codes WHERE outcome = 'approved' AND used_at IS NULL AND expires_at > now() AND ${rest}
          AND created_at <= ${until} LIMIT ${endingBatch})`,
    ),
    grants: of(
      'grants',
      endGrants(
        {
          which: `id IN (SELECT id FROM grants WHERE ended_at IS NULL AND expires_at > now() AND ${rest} AND created_at <= ${until}
            LIMIT ${endingBatch})`,
          reason,
          audit: '$3',
        },
        'hand',
      ),
    ),
  };
}

// What programs got for themselves hangs off no grant: all of it until now, whatever time was given.
const clients: Statement = {
  name: 'by_hand_client_tokens',
  text: `WITH meant AS (SELECT id, uid FROM registry WHERE kind = 'client' AND ($1::text IS NULL OR id = $1)),
    revoked AS (${revoke('client', 'SELECT id FROM meant')}),
    told AS (${insertAudit('$2', 'meant', { id: newAuditId, client_id: 'meant.id', client_uid: 'meant.uid' })})
    SELECT id FROM meant`,
};

/** @param before RFC 3339; left out: everything until now */
export async function endByHand(database: Database, meant: Meant, before?: string): Promise<EndedByHand> {
  const kind = meant === 'all' ? 'all' : 'client' in meant ? 'client' : 'user';
  const value = meant === 'all' ? null : 'client' in meant ? meant.client : meant.user;
  const statements = statementsFor(kind, conditionsOf(meant));
  const repeat = (statement: Statement, more: readonly unknown[] = []) =>
    inBatches(() => database.run(statement, [value, before ?? null, ...more]));
  const event = (name: 'session.ended' | 'grant.ended' | 'token.revoked') =>
    auditJson({ event: name, outcome: 'success', reason });
  const sessions = kind === 'client' ? 0 : await repeat(statements.sessions, [event('session.ended')]);
  await repeat(statements.codes);
  await repeat(statements.devices);
  const grants = await repeat(statements.grants, [event('grant.ended')]);
  const revoked = kind === 'user' ? 0 : (await database.run(clients, [value, event('token.revoked')])).count;
  return { sessions, grants, clients: revoked };
}
