/** Grants: what one user allowed one client now. Codes and refresh tokens hang off them; ending one ends those. */
import type { AskedClaims } from '../protocol/claims-request.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { gathered } from './gathered.ts';
import { liveGrant } from './live-session.ts';
import { insertDeliveries } from './logout-deliveries.ts';
import { codeJson, insertCode, type NewCode } from './new-code.ts';
import { revoke, revokeGrant } from './revocations.ts';
import { stopUnfetched } from './unfetched.ts';

export interface Grant {
  readonly id: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly subject: string;
  readonly directory: string;
  readonly entryId: string;
  readonly username: string;
  /** `undefined`: it does not end with a session. */
  readonly sessionId: string | undefined;
  readonly scopes: readonly string[];
  /** What the scopes release, as of the last time the directory was asked. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** For the ID token, beside those that its client always wants there. */
  readonly idTokenClaims: Readonly<Record<string, unknown>>;
  /** What was asked for by name and confirmed. */
  readonly asked: AskedClaims | null;
  /** Claims of the scopes of owners that somebody said yes to. */
  readonly agreed: readonly string[];
  /** `undefined`: its access tokens are for every audience of their scopes. */
  readonly resources: readonly string[] | undefined;
  readonly authTime: number;
}

export interface GrantRow {
  grant_id: string;
  client_id: string;
  client_uid: string;
  subject: string;
  directory: string;
  entry_id: string;
  username: string;
  session_id: string | null;
  scopes: string[];
  claims: Record<string, unknown>;
  id_token_claims: Record<string, unknown>;
  asked: AskedClaims | null;
  agreed: string[];
  resources: string[] | null;
  auth_time: number;
}

/** Columns of {@link GrantRow}. @param row alias of the grants row. */
export function grantColumns(row: string): string {
  return `${row}.id AS grant_id, ${row}.client_id, ${row}.client_uid, ${row}.subject, ${row}.directory, ${row}.entry_id, ${row}.username,
    ${row}.session_id, ${row}.scopes, ${row}.claims, ${row}.id_token_claims, ${row}.asked, ${row}.agreed, ${row}.resources,
    extract(epoch FROM ${row}.auth_time)::bigint AS auth_time`;
}

export function grantOf(row: GrantRow): Grant {
  return {
    id: row.grant_id,
    clientId: row.client_id,
    clientUid: row.client_uid,
    subject: row.subject,
    directory: row.directory,
    entryId: row.entry_id,
    username: row.username,
    sessionId: row.session_id ?? undefined,
    scopes: row.scopes,
    claims: row.claims,
    idTokenClaims: row.id_token_claims,
    asked: row.asked,
    agreed: row.agreed,
    resources: row.resources ?? undefined,
    authTime: row.auth_time,
  };
}

// Several at once, as a JSON list of ids.
const read: Statement = {
  name: 'grants_read',
  text: `WITH asked AS MATERIALIZED (SELECT DISTINCT id::uuid FROM jsonb_array_elements_text($1::jsonb) AS a(id))
    SELECT ${grantColumns('g')} FROM asked JOIN grants g ON g.id = asked.id WHERE ${liveGrant('g')}`,
};

const end: Statement = {
  name: 'grant_end',
  text: `WITH ended AS (UPDATE grants SET ended_at = now(), ended_reason = $2 WHERE id = $1 AND ended_at IS NULL RETURNING id),
    revoked AS (${revokeGrant('ended')}),
    audit_row AS (${insertAudit('$3', 'ended')})
    SELECT count(*)::int AS ended FROM ended`,
};

const stop = stopUnfetched('subject = $1');
const endUnfetched: Statement = {
  name: 'unfetched_end_subject',
  text: `WITH codes AS (${stop.codes}) ${stop.devices}`,
};

const endSubject: Statement = {
  name: 'grants_end_subject',
  // The subject alone would not do: a token with a pairwise subject names its grant and session, and not the user; and one
  // that is being issued now has a grant that cannot be seen yet, but a session.
  text: `WITH code AS (${insertCode('$2')}),
    grants_ended AS (UPDATE grants SET ended_at = now(), ended_reason = 'leaver' WHERE subject = $1 AND ended_at IS NULL
      RETURNING id),
    sessions_ended AS (UPDATE sessions SET ended_at = now(), ended_reason = 'leaver' WHERE subject = $1 AND ended_at IS NULL
      RETURNING id, subject),
    owed AS (${insertDeliveries('sessions_ended')}),
    revoked AS (${revoke('subject', 'SELECT $1::text')}),
    sessions_revoked AS (${revoke('session', 'SELECT id FROM sessions_ended')}),
    grants_revoked AS (${revokeGrant('grants_ended')}),
    audit_row AS (${insertAudit('$3')})
    SELECT count(*)::int AS answered FROM code`,
};

export interface GrantStore {
  /**
   * A grant that holds: not ended, nor the session that it ends with. Those that are asked for together are read by
   * one statement.
   */
  read(id: string): Promise<Grant | null>;
  end(id: string, reason: 'replay' | 'rule', audit: AuditEvent): Promise<void>;
  /**
   * The directory said that this user is no longer active: every session and grant ends, and so does the request that was
   * being answered, if any.
   *
   * @returns whether `code` (a refused one) was written.
   */
  endSubject(subject: string, audit: readonly AuditEvent[], code?: NewCode): Promise<boolean>;
}

/** @param onOwed runs after a commit that may owe logout tokens. */
export function grantStore(database: Database, onOwed: () => void = () => undefined): GrantStore {
  return {
    read: gathered(async (ids: readonly string[]) => {
      const { rows } = await database.run<GrantRow>(read, [JSON.stringify(ids)]);
      const found = new Map(rows.map((row) => [row.grant_id, row]));
      return ids.map((id) => {
        const row = found.get(id);
        return row === undefined ? null : grantOf(row);
      });
    }),
    async end(id, reason, audit) {
      await database.run(end, [id, reason, auditJson(audit)]);
    },
    async endSubject(subject, audit, code) {
      const values = [subject, code === undefined ? null : codeJson(code), auditJson(...audit)];
      const { rows } = await database.transaction(async (transaction) => {
        await transaction.run(endUnfetched, [subject]);
        return transaction.run<{ answered: number }>(endSubject, values);
      });
      onOwed();
      return rows[0]?.answered === 1;
    },
  };
}
