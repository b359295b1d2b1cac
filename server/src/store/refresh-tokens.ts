/** Refresh tokens: one row each, spent rows kept until their grant's end so that a replay is told from an unknown token. */
import type { AskedClaims } from '../protocol/claims-request.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { accessTokenJson, insertAccessToken, type NewAccessToken } from './access-tokens.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { type Grant, type GrantRow, grantColumns, grantOf } from './grants.ts';
import { digest } from './handles.ts';
import { grantEndsAt, liveGrant, secondsUntil } from './live-session.ts';

/** The first one of a grant. */
export interface NewRefreshToken {
  readonly token: string;
  /** Seconds. */
  readonly idle: number;
  /** Thumbprint of the certificate that it is bound to (RFC 8705 §4); left out: to its client alone. */
  readonly certificate?: string | undefined;
}

export interface RefreshTokenState {
  readonly grant: Grant;
  /** The grant, and the session that it ends with, hold. */
  readonly live: boolean;
  /** Seconds until then, if nobody ends them before. */
  readonly endsIn: number;
  readonly expired: boolean;
  /** `grace`: less than 10 s ago. All by the database's clock. */
  readonly used: 'no' | 'grace' | 'spent';
  /** The successor, sealed under a key that only the presented token gives. */
  readonly successor: Buffer | null;
  /** Thumbprint of the certificate that must come with it; `null`: none. */
  readonly certificate: string | null;
}

interface StateRow extends GrantRow {
  live: boolean;
  ends_in: number;
  expired: boolean;
  used: 'no' | 'grace' | 'spent';
  successor: Buffer | null;
  certificate: string | null;
}

const read: Statement = {
  name: 'refresh_read',
  text: `SELECT ${grantColumns('g')}, ${liveGrant('g')} AS live, ${secondsUntil(grantEndsAt('g'))} AS ends_in, t.expires_at <= now() AS expired, t.successor, t.certificate,
      CASE WHEN t.used_at IS NULL THEN 'no' WHEN t.used_at > now() - interval '10 seconds' THEN 'grace' ELSE 'spent' END AS used
    FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id
    WHERE t.hash = $1 AND g.client_id = $2 AND g.client_uid = $3`,
};

const rotate: Statement = {
  name: 'refresh_rotate',
  text: `WITH old AS (
      UPDATE refresh_tokens t SET successor = $2,
        used_at = CASE WHEN $3::bytea IS NULL THEN NULL ELSE now() END,
        expires_at = CASE WHEN $3::bytea IS NULL THEN LEAST(t.keep_until, now() + make_interval(secs => $4::integer)) ELSE t.expires_at END
      FROM grants g
      WHERE t.hash = $1 AND g.id = t.grant_id AND t.used_at IS NULL AND t.expires_at > now() AND ${liveGrant('g')}
      RETURNING t.grant_id, t.keep_until, t.certificate, g.scopes, g.claims, g.id_token_claims, g.asked),
    successor AS (
      INSERT INTO refresh_tokens (hash, grant_id, expires_at, keep_until, certificate)
      SELECT $3::bytea, grant_id, LEAST(keep_until, now() + make_interval(secs => $4::integer)), keep_until, COALESCE(certificate, $11::text) FROM old
      WHERE $3::bytea IS NOT NULL),
    renewed AS (
      UPDATE grants g SET scopes = $5::text[], claims = $6::jsonb, id_token_claims = $8::jsonb, asked = $9::jsonb FROM old
      WHERE g.id = old.grant_id AND (old.scopes, old.claims, old.id_token_claims, old.asked)
        IS DISTINCT FROM ($5::text[], $6::jsonb, $8::jsonb, $9::jsonb)),
    access AS (${insertAccessToken('$10', 'old', { grant_id: 'old.grant_id' })}),
    audit_row AS (${insertAudit('$7', 'old')})
    SELECT count(*)::int AS rotated FROM old`,
};

export interface Rotation {
  readonly presented: string;
  /** Left out: the presented one goes on, for another {@link idle}. */
  readonly successor?: string | undefined;
  readonly sealedSuccessor?: Buffer | undefined;
  /** Seconds. */
  readonly idle: number;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly idTokenClaims: Readonly<Record<string, unknown>>;
  readonly asked: AskedClaims | null;
  /** Left out: the access token is a JWT. */
  readonly accessToken?: NewAccessToken | undefined;
  /** That the successor is bound to, unless the presented one is bound already. */
  readonly certificate?: string | undefined;
}

export interface RefreshTokenStore {
  /** `null`: no such token of this client. Writes nothing. */
  read(token: string, clientId: string, clientUid: string): Promise<RefreshTokenState | null>;
  /** `false`: somebody was faster, or the grant ended meanwhile; nothing was written. */
  rotate(rotation: Rotation, audit: AuditEvent): Promise<boolean>;
}

export function refreshTokenStore(database: Database): RefreshTokenStore {
  return {
    async read(token, clientId, clientUid) {
      const { rows } = await database.run<StateRow>(read, [digest(token), clientId, clientUid]);
      const row = rows[0];
      if (row === undefined) return null;
      return {
        grant: grantOf(row),
        live: row.live,
        endsIn: row.ends_in,
        expired: row.expired,
        used: row.used,
        successor: row.successor,
        certificate: row.certificate,
      };
    },
    async rotate(rotation, audit) {
      const { rows } = await database.run<{ rotated: number }>(rotate, [
        digest(rotation.presented),
        rotation.sealedSuccessor ?? null,
        rotation.successor === undefined ? null : digest(rotation.successor),
        rotation.idle,
        rotation.scopes,
        JSON.stringify(rotation.claims),
        auditJson(audit),
        JSON.stringify(rotation.idTokenClaims),
        rotation.asked === null ? null : JSON.stringify(rotation.asked),
        accessTokenJson(rotation.accessToken),
        rotation.certificate ?? null,
      ]);
      return rows[0]?.rotated === 1;
    },
  };
}
