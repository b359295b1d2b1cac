/**
 * What a user has given away, and how it ends: where they are signed in, and which applications have their access. Every
 * statement is bound to one subject, so that nobody reads or ends what is another's.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit, newAuditId } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { liveGrant, liveSession } from './live-session.ts';
import { revokeGrant } from './revocations.ts';
import { stopUnfetched } from './unfetched.ts';

/** More than these are not read; the newest are. */
const mostSessions = 20;
const mostApplications = 50;

export interface OwnSession {
  readonly id: string;
  /** What the browser called itself; `null`: nothing. */
  readonly userAgent: string | null;
  /** Epoch seconds. */
  readonly startedAt: number;
  /** Seconds since it was last seen. */
  readonly age: number;
}

/** An application with a grant that holds, a yes that is remembered, or one that its device has not fetched yet. */
export interface OwnApplication {
  readonly clientId: string;
  readonly clientUid: string;
  readonly scopes: readonly string[];
  /** Claims that it asked for by name. */
  readonly claims: readonly string[];
  /** Epoch seconds. */
  readonly since: number;
  /** Seconds since tokens were last issued, or the yes was given. */
  readonly age: number;
}

export interface Account {
  /** Last seen first; at most 20. */
  readonly sessions: readonly OwnSession[];
  /** Last used first; at most 50. */
  readonly applications: readonly OwnApplication[];
}

const read: Statement = {
  name: 'account_read',
  text: `WITH given AS (
      SELECT g.client_uid, g.client_id, g.scopes, ARRAY(SELECT jsonb_object_keys((g.asked -> 'userinfo') || (g.asked -> 'id_token'))) AS claims,
        g.created_at AS since,
        GREATEST(g.created_at, (SELECT max(r.issued_at) FROM refresh_tokens r WHERE r.grant_id = g.id)) AS used
      FROM grants g WHERE g.subject = $1 AND ${liveGrant('g')}
      UNION ALL
      SELECT c.client_uid, c.client_id, c.scopes, c.claims, c.given_at, c.given_at FROM consents c
      WHERE c.subject = $1 AND c.expires_at > now()
      UNION ALL
      SELECT d.client_uid, d.client_id, d.scopes, '{}'::text[], d.answered_at, d.answered_at FROM device_codes d
      WHERE d.subject = $1 AND d.outcome = 'approved' AND d.used_at IS NULL AND d.expires_at > now()),
    applications AS (
      SELECT client_uid, max(client_id) AS client_id, min(since) AS since, max(used) AS used,
        (SELECT COALESCE(array_agg(DISTINCT scope), '{}') FROM given g, unnest(g.scopes) AS scope WHERE g.client_uid = given.client_uid) AS scopes,
        (SELECT COALESCE(array_agg(DISTINCT claim), '{}') FROM given g, unnest(g.claims) AS claim WHERE g.client_uid = given.client_uid) AS claims
      FROM given GROUP BY client_uid ORDER BY max(used) DESC LIMIT ${mostApplications}),
    own AS (
      SELECT id, user_agent, started_at, last_seen_at FROM sessions s WHERE s.subject = $1 AND ${liveSession('s')}
      ORDER BY last_seen_at DESC LIMIT ${mostSessions})
    SELECT
      (SELECT COALESCE(jsonb_agg(jsonb_build_object('id', id, 'userAgent', user_agent,
          'startedAt', extract(epoch FROM started_at)::bigint, 'age', extract(epoch FROM now() - last_seen_at)::bigint)
        ORDER BY last_seen_at DESC), '[]'::jsonb) FROM own) AS sessions,
      (SELECT COALESCE(jsonb_agg(jsonb_build_object('clientId', client_id, 'clientUid', client_uid, 'scopes', scopes, 'claims', claims,
          'since', extract(epoch FROM since)::bigint, 'age', extract(epoch FROM now() - used)::bigint)
        ORDER BY used DESC), '[]'::jsonb) FROM applications) AS applications`,
};

const mine = `subject = $1 AND ($2::text IS NULL OR client_uid = $2)`;

const stop = stopUnfetched(mine);
const told = 'RETURNING id::text, client_id, client_uid, grant_id::text, scopes';

/** `$3` is the event of which each row of `source` gets one. */
function tell(source: string, grantId: Readonly<Partial<Record<'grant_id', string>>> = {}): string {
  return `${insertAudit('$3', source, {
    id: newAuditId,
    ...grantId,
    client_id: `${source}.client_id`,
    client_uid: `${source}.client_uid`,
    scopes: `${source}.scopes`,
  })} ${told}`;
}

// Three statements of one transaction, in this order: each sees what the one before it waited for.
const forget: Statement = {
  name: 'account_forget',
  text: `WITH withdrawn AS (DELETE FROM consents WHERE ${mine} RETURNING client_id, client_uid, scopes)
    ${tell('withdrawn')}`,
};
const endUnfetched: Statement = {
  name: 'account_end_unfetched',
  text: `WITH codes AS (${stop.codes}),
    devices AS (${stop.devices} RETURNING client_id, client_uid, scopes)
    ${tell('devices')}`,
};
const endGrants: Statement = {
  name: 'account_end_grants',
  text: `WITH ended AS (
      UPDATE grants SET ended_at = now(), ended_reason = 'user' WHERE ${mine} AND ended_at IS NULL AND expires_at > now()
      RETURNING id, client_id, client_uid, scopes),
    revoked AS (${revokeGrant('ended')})
    ${tell('ended', { grant_id: 'ended.id' })}`,
};

interface EndedRow {
  id: string;
  client_id: string;
  client_uid: string;
  grant_id: string | null;
  scopes: string[];
}

/** Who asked for it; what ended, the statement knows. */
export type Asker = Pick<AuditEvent, 'requestId' | 'clientAddress' | 'userId' | 'userName' | 'directory' | 'sessionId'>;

export interface AccountStore {
  read(subject: string): Promise<Account>;
  /**
   * Ends every grant of the user to this client, and forgets their yes.
   *
   * @param clientUid `undefined`: to every client.
   * @returns one event for each yes withdrawn and each grant ended, as they were written; none: there was nothing.
   */
  endAccess(subject: string, clientUid: string | undefined, asker: Asker): Promise<readonly AuditEvent[]>;
}

export function accountStore(database: Database): AccountStore {
  return {
    async read(subject) {
      const { rows } = await database.run<Account>(read, [subject]);
      return rows[0] ?? { sessions: [], applications: [] };
    },
    async endAccess(subject, clientUid, asker) {
      const common = { ...asker, outcome: 'success', reason: 'user' } as const;
      const withdrawn: AuditEvent = { ...common, event: 'consent.withdrawn' };
      const ended: AuditEvent = { ...common, event: 'grant.ended' };
      const rows = await database.transaction(async (transaction) => {
        const values = [subject, clientUid ?? null];
        const forgotten = await transaction.run<EndedRow>(forget, [...values, auditJson(withdrawn)]);
        const unfetched = await transaction.run<EndedRow>(endUnfetched, [...values, auditJson(withdrawn)]);
        const grants = await transaction.run<EndedRow>(endGrants, [...values, auditJson(ended)]);
        return [...forgotten.rows, ...unfetched.rows, ...grants.rows];
      });
      return rows.map(({ id, client_id, client_uid, grant_id, scopes }) => ({
        ...(grant_id === null ? withdrawn : { ...ended, grantId: grant_id }),
        id,
        clientId: client_id,
        clientUid: client_uid,
        scopes,
      }));
    },
  };
}
