/** Tokens as somebody presents them, whatever their kind: found by the digest of the whole, and revoked. */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { gathered } from './gathered.ts';
import { type Grant, type GrantRow, grantColumns, grantOf } from './grants.ts';
import { digest, hexDigest } from './handles.ts';
import { liveGrant, liveSession } from './live-session.ts';
import { revoke, revokeGrant } from './revocations.ts';

/** A token that holds: known, not expired, not spent, and so are its grant and session. */
export interface FoundToken {
  readonly kind: 'access' | 'refresh';
  /** `undefined`: a refresh token, which has no name but its grant. */
  readonly id: string | undefined;
  readonly clientId: string;
  readonly clientUid: string;
  /** `undefined`: no user is involved. */
  readonly grant: Grant | undefined;
  /** `undefined`: it does not end with a session. */
  readonly sessionId: string | undefined;
  readonly scopes: readonly string[];
  /** Empty for refresh tokens, which are for us alone. */
  readonly audiences: readonly string[];
  /** Thumbprint of the certificate that it is bound to; `undefined`: it is of whoever bears it. */
  readonly certificate: string | undefined;
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const granted = `(SELECT row_to_json(granted) FROM (SELECT ${grantColumns('g')}) granted)`;

// Several tokens at once, as a JSON list of digests; `place` is where each stands in it. The answer is one JSON text as well:
// the driver takes longer for all the columns of a row than the rest of us for its request. The length, which no digest
// fails, tells the planner that they are few: it takes any list for a hundred long, and would read whole tables for that.
const find: Statement = {
  name: 'tokens_find',
  text: `WITH asked AS MATERIALIZED (
      SELECT decode(a.hash, 'hex') AS hash, a.place::int FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY AS a(hash, place)
      WHERE length(a.hash) = 64),
    found AS (
      SELECT a.place, 'access' AS kind, t.id, t.client_id, t.client_uid, t.session_id, t.scopes, t.certificate, t.audiences,
        extract(epoch FROM t.issued_at)::bigint AS issued, extract(epoch FROM t.expires_at)::bigint AS expires,
        CASE WHEN g.id IS NOT NULL THEN ${granted} END AS granted
      FROM asked a JOIN access_tokens t ON t.hash = a.hash LEFT JOIN grants g ON g.id = t.grant_id
      WHERE t.expires_at > now() AND (t.grant_id IS NULL OR (g.id IS NOT NULL AND ${liveGrant('g')}))
        AND (t.session_id IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.id = t.session_id AND ${liveSession('s')}))
      UNION ALL
      SELECT a.place, 'refresh', NULL, g.client_id, g.client_uid, NULL, g.scopes, r.certificate, '{}',
        extract(epoch FROM r.issued_at)::bigint, extract(epoch FROM r.expires_at)::bigint, ${granted}
      FROM asked a JOIN refresh_tokens r ON r.hash = a.hash JOIN grants g ON g.id = r.grant_id
      WHERE r.used_at IS NULL AND r.expires_at > now() AND ${liveGrant('g')})
    SELECT json_agg(found) AS tokens FROM found`,
};

const revokeToken: Statement = {
  name: 'token_revoke',
  // The client is part of the condition: nobody ends what was given to another. What hangs off a grant ends with it.
  text: `WITH found AS (
      SELECT $2::uuid AS grant_id, $3::text AS id WHERE $1::bytea IS NULL
      UNION ALL
      SELECT t.grant_id, t.id::text FROM access_tokens t
      WHERE t.hash = $1 AND t.client_id = $4 AND t.client_uid = $5 AND t.expires_at > now()
      UNION ALL
      SELECT r.grant_id, NULL FROM refresh_tokens r WHERE r.hash = $1),
    ended AS (
      UPDATE grants g SET ended_at = now(), ended_reason = 'client' FROM found
      WHERE g.id = found.grant_id AND g.client_id = $4 AND g.client_uid = $5 AND g.ended_at IS NULL
      RETURNING g.id, g.subject, g.username, g.directory, g.session_id),
    single AS (SELECT id FROM found WHERE grant_id IS NULL),
    grant_revoked AS (${revokeGrant('ended')}),
    token_revoked AS (${revoke('token', 'SELECT id FROM single')}),
    done AS (
      SELECT id, subject, username, directory, session_id FROM ended UNION ALL SELECT NULL, NULL, NULL, NULL, NULL FROM single),
    audit_row AS (${insertAudit('$6', 'done', {
      user_id: 'done.subject',
      user_name: 'done.username',
      directory: 'done.directory',
      grant_id: 'done.id',
      session_id: 'done.session_id',
    })})
    SELECT id AS grant_id, subject, username, directory, session_id FROM done`,
};

/** What a client wants revoked: a handle of ours, or what a JWT of ours that verified names. */
export type RevocationTarget =
  | { readonly handle: string }
  | { readonly grantId: string }
  /** An access token without a user. */
  | { readonly tokenId: string };

/** What ended. Without a grant: the one token. */
export type Revoked = Pick<AuditEvent, 'grantId' | 'userId' | 'userName' | 'directory' | 'sessionId'>;

export interface PresentedTokenStore {
  /**
   * `null`: no such token, or one that no longer holds. Writes nothing. Those that are asked about together are found
   * by one statement.
   */
  find(token: string): Promise<FoundToken | null>;
  /** Ends the grant that the token hangs off, or the token. `null`: nothing of this client's to end. Durable. */
  revoke(
    target: RevocationTarget,
    client: { readonly id: string; readonly uid: string },
    audit: AuditEvent,
  ): Promise<Revoked | null>;
}

interface FoundRow {
  /** From 1. */
  place: number;
  kind: 'access' | 'refresh';
  id: string | null;
  client_id: string;
  client_uid: string;
  session_id: string | null;
  scopes: string[];
  audiences: string[];
  certificate: string | null;
  issued: number;
  expires: number;
  granted: GrantRow | null;
}

interface RevokedRow {
  grant_id: string | null;
  subject: string | null;
  username: string | null;
  directory: string | null;
  session_id: string | null;
}

export function presentedTokenStore(database: Database): PresentedTokenStore {
  return {
    find: gathered(async (tokens: readonly string[]) => {
      const asked = JSON.stringify(tokens.map(hexDigest));
      const { rows } = await database.run<{ tokens: FoundRow[] | null }>(find, [asked]);
      const found = new Map(rows[0]?.tokens?.map((row) => [row.place, row]));
      return tokens.map((_token, index) => {
        const row = found.get(index + 1);
        return row === undefined ? null : foundOf(row);
      });
    }),
    async revoke(target, { id, uid }, audit) {
      const { rows } = await database.run<RevokedRow>(revokeToken, [
        'handle' in target ? digest(target.handle) : null,
        'grantId' in target ? target.grantId : null,
        'tokenId' in target ? target.tokenId : null,
        id,
        uid,
        auditJson(audit),
      ]);
      return rows[0] === undefined ? null : revokedOf(rows[0]);
    },
  };
}

function foundOf(row: FoundRow): FoundToken {
  const grant = row.granted === null ? undefined : grantOf(row.granted);
  return {
    kind: row.kind,
    id: row.id ?? undefined,
    clientId: row.client_id,
    clientUid: row.client_uid,
    grant,
    sessionId: row.session_id ?? grant?.sessionId,
    scopes: row.scopes,
    audiences: row.audiences,
    certificate: row.certificate ?? undefined,
    issuedAt: row.issued,
    expiresAt: row.expires,
  };
}

function revokedOf(row: RevokedRow): Revoked {
  return {
    ...(row.grant_id === null ? {} : { grantId: row.grant_id }),
    ...(row.subject === null ? {} : { userId: row.subject }),
    ...(row.username === null ? {} : { userName: row.username }),
    ...(row.directory === null ? {} : { directory: row.directory }),
    ...(row.session_id === null ? {} : { sessionId: row.session_id }),
  };
}
