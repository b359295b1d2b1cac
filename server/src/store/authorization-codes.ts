/**
 * Authorization codes. A row is the one answer that an authorization request ever gets: its grant id is unique, so a
 * form that is sent twice, or a request that was answered, cannot give a second code. Denied and refused requests are
 * rows born spent.
 */
import type { AskedClaims } from '../protocol/claims-request.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { accessTokenJson, insertAccessToken, insertAccessTokenWith, type NewAccessToken } from './access-tokens.ts';
import { auditJson, insertAudit } from './audit.ts';
import { type Consent, consentJson, upsertConsent } from './consents.ts';
import type { Database, Statement } from './database.ts';
import { digest } from './handles.ts';
import { liveSession, secondsUntil, sessionEndsAt } from './live-session.ts';
import { codeJson, insertCode, isOneTooMany, isTakenBack, type NewCode, rememberedYes } from './new-code.ts';
import { insertGrant, insertGrantWith } from './new-grant.ts';
import type { NewRefreshToken } from './refresh-tokens.ts';
import { revokeGrant } from './revocations.ts';

const complete = (softly: boolean): Statement => ({
  name: softly ? 'code_complete_softly' : 'code_complete',
  // The directory took its time since session and remembered consent were read: what ended meanwhile gives nothing.
  text: `WITH soft AS MATERIALIZED (SELECT ${softly ? `set_config('synchronous_commit', 'off', true)` : `''`} AS setting),
    remembered AS MATERIALIZED (${rememberedYes('$1')}),
    standing AS MATERIALIZED (
      SELECT FROM soft WHERE NOT ${isTakenBack('$1')} AND ($1::jsonb ->> 'outcome' <> 'issued' OR EXISTS (
        SELECT FROM sessions s WHERE s.id = $1::jsonb ->> 'session_id' AND ${liveSession('s')}))),
    code AS (${insertCode('$1', 'standing')}),
    granted AS (${insertGrantWith('$1')}),
    access AS (${insertAccessTokenWith('$1')}),
    consent AS (${upsertConsent('$2', 'code')}),
    audit_row AS (${insertAudit('$3', 'code')})
    SELECT (SELECT count(*)::int FROM code) AS written, NOT EXISTS (SELECT FROM standing) AS changed,
      ${isOneTooMany('$1')} AS crowded`,
});
const completeDurably = complete(false);
const completeSoftly = complete(true);

const readAnswer: Statement = {
  name: 'code_answer',
  // A browser's cookie may have been planted, its session's is made at the sign-in: a code is told to its user alone. An
  // ended session still is its user's.
  text: `SELECT client_id, redirect_uri, answer, created_at > now() - interval '60 seconds' AS fresh, used_at IS NULL AND expires_at > now() AS redeemable,
      outcome <> 'issued' OR EXISTS (
        SELECT FROM sessions s WHERE s.handle = $2 AND s.browser = $3 AND s.subject = c.subject) AS own
    FROM authorization_codes c WHERE c.grant_id = $1`,
};

/** What a browser was told, kept for a form sent twice and for the page after the form. */
export interface Answered {
  readonly clientId: string;
  /** Where the answer went. */
  readonly redirectUri: string;
  /** `null`: nothing to repeat. The code was redeemed, or the request had no form. */
  readonly answer: Buffer | null;
  /** Given less than 60 s ago. */
  readonly fresh: boolean;
  /** The code in it can still be redeemed. */
  readonly redeemable: boolean;
}

// Without a session to end with (`offline_access`) only the grant's own end counts.
const redeemedEndsAt = `LEAST(granted.expires_at,
  (SELECT ${sessionEndsAt('s')} FROM sessions s WHERE s.id = code.session_id AND NOT code.offline))`;

const redeem: Statement = {
  name: 'code_redeem',
  // One statement decides who wins, and everything that follows from winning is in it. PKCE downgrades in both
  // directions end here: a challenge without a verifier and a verifier without a challenge are equally distinct.
  text: `WITH code AS (
      UPDATE authorization_codes c SET used_at = now(), answer = NULL
      WHERE c.hash = $1 AND c.client_id = $2 AND c.client_uid = $3 AND c.redirect_uri = $4 AND c.challenge IS NOT DISTINCT FROM $5::text
        AND c.used_at IS NULL AND c.expires_at > now()
        AND c.resources IS DISTINCT FROM '{}' AND ($10::text[] IS NULL OR $10::text[] <@ c.audiences)
        AND EXISTS (SELECT FROM sessions s WHERE s.id = c.session_id AND ${liveSession('s')})
        AND NOT EXISTS (SELECT FROM grants g WHERE g.id = c.grant_id AND g.ended_at IS NOT NULL)
      RETURNING c.*),
    granted AS (${insertGrant('code', 'CASE WHEN code.offline THEN NULL ELSE code.session_id END', '$6::integer')}),
    refresh AS (
      INSERT INTO refresh_tokens (hash, grant_id, expires_at, keep_until, certificate)
      SELECT $7::bytea, code.grant_id, LEAST(granted.expires_at, now() + make_interval(secs => $8::integer)), granted.expires_at, $12::text
      FROM code, granted WHERE $7::bytea IS NOT NULL),
    access AS (${insertAccessToken('$11', 'code, granted', {
      grant_id: 'code.grant_id',
      scopes: 'code.scopes',
      audiences: 'COALESCE($10::text[], code.resources, code.audiences, ARRAY[code.client_id])',
      ends_at: redeemedEndsAt,
    })}),
    audit_row AS (${insertAudit('$9', 'code, granted', {
      user_id: 'code.subject',
      user_name: 'code.username',
      directory: 'code.directory',
      grant_id: 'code.grant_id',
      scopes: 'code.scopes',
      session_id: 'code.session_id',
    })})
    SELECT grant_id, subject, username, session_id, offline, scopes, claims, id_token_claims, asked, resources, nonce, extract(epoch FROM auth_time)::bigint AS auth_time,
      ${secondsUntil(redeemedEndsAt)} AS ends_in FROM code, granted`,
};

const explain: Statement = {
  name: 'code_refused',
  // Only the client that the code was made for can end anything: its replay is a sign of theft, a stranger's try is not.
  text: `WITH code AS (
      SELECT grant_id, used_at IS NOT NULL AND outcome = 'issued' AS spent, expires_at <= now() AS expired,
        COALESCE(resources = '{}', false) OR $5::text[] IS NOT NULL AND NOT COALESCE($5::text[] <@ audiences, false) AS untargeted
      FROM authorization_codes WHERE hash = $1 AND client_id = $2 AND client_uid = $3),
    ended AS (
      UPDATE grants g SET ended_at = now(), ended_reason = 'code_replayed' FROM code
      WHERE g.id = code.grant_id AND code.spent AND g.ended_at IS NULL
      RETURNING g.id, g.subject, g.username, g.directory),
    revoked AS (${revokeGrant('ended')}),
    audit_row AS (${insertAudit('$4', 'ended', {
      user_id: 'ended.subject',
      user_name: 'ended.username',
      directory: 'ended.directory',
      grant_id: 'ended.id',
    })})
    SELECT spent, expired, untargeted, EXISTS (SELECT FROM ended) AS ended FROM code`,
};

export interface RedeemedCode {
  readonly grantId: string;
  readonly subject: string;
  readonly username: string;
  readonly sessionId: string;
  readonly offline: boolean;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly idTokenClaims: Readonly<Record<string, unknown>>;
  readonly asked: AskedClaims | null;
  /** `undefined`: the access token is for every audience of its scopes. */
  readonly resources: readonly string[] | undefined;
  /** Sealed under the code. */
  readonly nonce: string | undefined;
  readonly authTime: number;
  /** Seconds until the grant, or the session that it ends with, ends by itself. */
  readonly endsIn: number;
}

export interface Redemption {
  readonly code: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly redirectUri: string | undefined;
  /** What the verifier answers; `undefined` when none was sent. */
  readonly challenge: string | undefined;
  /** Audiences that the token request names; each must be one that the code can give. Left out: whatever it can give. */
  readonly resources?: readonly string[] | undefined;
  /** Seconds that the grant can live. */
  readonly grantLifetime: number;
  /** Left out: no refresh token. */
  readonly refreshToken?: NewRefreshToken;
  /** Left out: the access token is a JWT. Grant, scopes and audiences are those of the code. */
  readonly accessToken?: NewAccessToken | undefined;
}

/**
 * Why a code was not redeemed; `replayed`: it was spent before, and its grant is ended now; `untargeted`: a resource was named
 * that it cannot give.
 */
export type RedemptionRefused = 'unknown' | 'expired' | 'mismatch' | 'replayed' | 'untargeted';

/**
 * `answered`, `too_many`, `changed`: nothing was written; the request has its answer, or the user has too many unused codes there,
 * or the session or the remembered consent ended since they were read.
 */
export type Completion = 'written' | 'answered' | 'too_many' | 'changed';

export interface CompletionRow {
  readonly written: number;
  readonly changed: boolean;
  readonly crowded: boolean;
}

export function completionOf(row: CompletionRow | undefined): Completion {
  if (row?.written === 1) return 'written';
  if (row?.changed === true) return 'changed';
  return row?.crowded === true ? 'too_many' : 'answered';
}

export interface AuthorizationCodeStore {
  /**
   * The answer to an authorization request, with the consent and the audit row that belong to it.
   *
   * @param durability `soft` may be lost in a crash of the database: for a silent answer, whose loss only refuses. One that
   *   tokens leave with is durable, whatever is said here.
   */
  complete(
    answer: { code: NewCode; consent?: Consent; audit: readonly AuditEvent[] },
    durability: 'durable' | 'soft',
  ): Promise<Completion>;
  /** @param asking the plain cookies of the browser that asks. `null`: no such request, or its code is somebody else's. */
  answer(
    grantId: string,
    asking: { readonly handle: string | undefined; readonly browser: string },
  ): Promise<Answered | null>;
  /** `null`: see {@link AuthorizationCodeStore.explain}. Exactly one redemption of a code ever gets a value. */
  redeem(redemption: Redemption, audit: AuditEvent): Promise<RedeemedCode | null>;
  /** After a redemption that got nothing: finds out why, and ends the grant if the code was spent. */
  explain(
    redemption: Pick<Redemption, 'code' | 'clientId' | 'clientUid' | 'resources'>,
    audit: AuditEvent,
  ): Promise<RedemptionRefused>;
}

interface RedeemedRow {
  grant_id: string;
  subject: string;
  username: string;
  session_id: string;
  offline: boolean;
  scopes: string[];
  claims: Record<string, unknown>;
  id_token_claims: Record<string, unknown>;
  asked: AskedClaims | null;
  resources: string[] | null;
  nonce: string | null;
  auth_time: number;
  ends_in: number;
}

export function authorizationCodeStore(database: Database): AuthorizationCodeStore {
  return {
    async complete({ code, consent, audit }, durability) {
      const values = [codeJson(code), consent === undefined ? null : consentJson(consent), auditJson(...audit)];
      const statement = durability === 'soft' && code.grantLifetime === undefined ? completeSoftly : completeDurably;
      const { rows } = await database.run<CompletionRow>(statement, values);
      return completionOf(rows[0]);
    },
    async answer(grantId, { handle, browser }) {
      const { rows } = await database.run<
        { client_id: string; redirect_uri: string; own: boolean } & Omit<Answered, 'clientId' | 'redirectUri'>
      >(readAnswer, [grantId, handle === undefined ? null : digest(handle), digest(browser)]);
      const row = rows[0];
      if (row?.own !== true) return null;
      const { client_id: clientId, redirect_uri: redirectUri, answer, fresh, redeemable } = row;
      return { clientId, redirectUri, answer, fresh, redeemable };
    },
    async redeem(redemption, audit) {
      const { rows } = await database.run<RedeemedRow>(redeem, [
        digest(redemption.code),
        redemption.clientId,
        redemption.clientUid,
        redemption.redirectUri ?? null,
        redemption.challenge ?? null,
        redemption.grantLifetime,
        redemption.refreshToken === undefined ? null : digest(redemption.refreshToken.token),
        redemption.refreshToken?.idle ?? 0,
        auditJson(audit),
        redemption.resources ?? null,
        accessTokenJson(redemption.accessToken),
        redemption.refreshToken?.certificate ?? null,
      ]);
      const row = rows[0];
      if (row === undefined) return null;
      return {
        grantId: row.grant_id,
        subject: row.subject,
        username: row.username,
        sessionId: row.session_id,
        offline: row.offline,
        scopes: row.scopes,
        claims: row.claims,
        idTokenClaims: row.id_token_claims,
        asked: row.asked,
        resources: row.resources ?? undefined,
        nonce: row.nonce ?? undefined,
        authTime: row.auth_time,
        endsIn: row.ends_in,
      };
    },
    async explain({ code, clientId, clientUid, resources }, audit) {
      const { rows } = await database.run<{ spent: boolean; expired: boolean; untargeted: boolean }>(explain, [
        digest(code),
        clientId,
        clientUid,
        auditJson(audit),
        resources ?? null,
      ]);
      const row = rows[0];
      if (row === undefined) return 'unknown';
      if (row.spent) return 'replayed';
      if (row.expired) return 'expired';
      return row.untargeted ? 'untargeted' : 'mismatch';
    },
  };
}
