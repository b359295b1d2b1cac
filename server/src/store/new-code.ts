/** The row of an authorization code, as the statements that answer a request insert it. */
import type { AskedClaims } from '../protocol/claims-request.ts';
import { accessTokenRecord, type NewAccessToken } from './access-tokens.ts';
import { digest } from './handles.ts';

export interface NewCode {
  /** Plain; only its digest is stored. */
  readonly code: string;
  readonly grantId: string;
  readonly outcome: 'issued' | 'denied' | 'refused';
  readonly clientId: string;
  readonly clientUid: string;
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  /** Sealed under the code. */
  readonly nonce?: string;
  readonly scopes: readonly string[];
  /** The grant does not end with the session (`offline_access`). */
  readonly offline: boolean;
  readonly sessionId: string;
  readonly subject: string;
  readonly directory: string;
  readonly entryId: string;
  readonly username: string;
  /** What the granted scopes release. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** For the ID token, beside those that its client always wants there. */
  readonly idTokenClaims?: Readonly<Record<string, unknown>>;
  /** What was asked by name, and goes on holding at each refresh. */
  readonly asked?: AskedClaims;
  /** Nobody was asked: it rests on the yes that is remembered, and is not written if that was taken back meanwhile. */
  readonly remembered?: boolean;
  /** Claims of the scopes of owners that somebody said yes to; left out: none. */
  readonly agreed?: readonly string[];
  /** The resources that the tokens are for (RFC 8707); left out: all of `audiences`. */
  readonly resources?: readonly string[];
  /** What the access token can be for: the token request may choose among them. */
  readonly audiences?: readonly string[];
  /** Epoch seconds; left out: now, by the database (the sign-in is part of this statement). */
  readonly authTime?: number;
  /** Seconds; left out: the grant begins when the code is redeemed. Tokens that come with the answer hang off it at once. */
  readonly grantLifetime?: number;
  /** An opaque one that comes with the answer, of this grant; left out: it is a JWT, or there is none. */
  readonly accessToken?: NewAccessToken | undefined;
  /** What a browser is told, sealed for it alone; left out where nothing has to be told twice. */
  readonly answer?: Buffer;
  /** Seconds. */
  readonly lifetime: number;
  /** Seconds that the spent row can matter: as long as anything that hangs off it lives. */
  readonly keep: number;
}

/** At most this many unused codes for one user and client: a loop in an application must not fill the table. */
const maxUnusedCodes = 10;

function unusedCodes(subject: string, clientUid: string): string {
  return `SELECT count(*) FROM authorization_codes u
    WHERE u.subject = ${subject} AND u.client_uid = ${clientUid} AND u.used_at IS NULL AND u.expires_at > now()`;
}

/** Boolean: the code in the jsonb parameter is one too many. Read with the eyes of the statement that would insert it. */
export function isOneTooMany(parameter: string): string {
  const member = (name: string): string => `${parameter}::jsonb ->> '${name}'`;
  return `(${member('outcome')} = 'issued' AND ${maxUnusedCodes} <= (${unusedCodes(member('subject'), member('client_uid'))}))`;
}

/**
 * The remembered yes that the code in the jsonb parameter rests on; for a CTE with the name `remembered`, which
 * {@link isTakenBack} reads. The directory was asked since it was read. Locked, so that whoever takes it back waits for this
 * statement, and then finds the code that it wrote.
 */
export function rememberedYes(parameter: string): string {
  return `SELECT y.subject FROM consents y WHERE (${parameter}::jsonb ->> 'remembered')::boolean
    AND y.subject = ${parameter}::jsonb ->> 'subject' AND y.client_uid = ${parameter}::jsonb ->> 'client_uid'
    AND y.expires_at > now() FOR KEY SHARE`;
}

/** Boolean: the remembered yes that the code in the jsonb parameter rests on is gone. */
export function isTakenBack(parameter: string): string {
  return `(COALESCE((${parameter}::jsonb ->> 'remembered')::boolean, false) AND NOT EXISTS (SELECT FROM remembered))`;
}

const record = `hash text, grant_id uuid, outcome text, client_id text, client_uid text, redirect_uri text, challenge text,
  nonce text, scopes text[], offline boolean, session_id text, subject text, directory text, entry_id text, username text,
  claims jsonb, id_token_claims jsonb, asked jsonb, agreed text[], resources text[], audiences text[], auth_time bigint, answer text,
  grant_lifetime integer, lifetime integer, keep integer`;

/**
 * `INSERT INTO authorization_codes … RETURNING` the row, for the code in the jsonb parameter (NULL: none).
 *
 * @param source a CTE that must have a row.
 */
export function insertCode(parameter: string, source?: string): string {
  return `INSERT INTO authorization_codes (hash, grant_id, outcome, client_id, client_uid, redirect_uri, challenge, nonce, scopes,
      offline, session_id, subject, directory, entry_id, username, claims, id_token_claims, asked, agreed, resources, audiences,
      auth_time, answer, front, expires_at, keep_until, used_at)
    SELECT decode(c.hash, 'hex'), c.grant_id, c.outcome, c.client_id, c.client_uid, c.redirect_uri, c.challenge, c.nonce, c.scopes,
      c.offline, c.session_id, c.subject, c.directory, c.entry_id, c.username, c.claims, COALESCE(c.id_token_claims, '{}'), c.asked, COALESCE(c.agreed, '{}'), c.resources, c.audiences,
      COALESCE(to_timestamp(c.auth_time), now()), decode(c.answer, 'hex'), c.grant_lifetime IS NOT NULL, now() + make_interval(secs => c.lifetime),
      now() + make_interval(secs => c.keep), CASE WHEN c.outcome = 'issued' THEN NULL ELSE now() END
    FROM ${source === undefined ? '' : `${source}, `}jsonb_to_record(${parameter}::jsonb) AS c(${record})
    WHERE c.hash IS NOT NULL AND (c.outcome <> 'issued' OR ${maxUnusedCodes} > (${unusedCodes('c.subject', 'c.client_uid')}))
    ON CONFLICT (grant_id) DO NOTHING RETURNING *`;
}

export function codeJson(code: NewCode): string {
  return JSON.stringify({
    hash: digest(code.code).toString('hex'),
    grant_id: code.grantId,
    outcome: code.outcome,
    client_id: code.clientId,
    client_uid: code.clientUid,
    redirect_uri: code.redirectUri,
    challenge: code.challenge,
    nonce: code.nonce,
    scopes: code.scopes,
    offline: code.offline,
    session_id: code.sessionId,
    subject: code.subject,
    directory: code.directory,
    entry_id: code.entryId,
    username: code.username,
    claims: code.claims,
    id_token_claims: code.idTokenClaims,
    asked: code.asked,
    agreed: code.agreed,
    remembered: code.remembered,
    resources: code.resources,
    audiences: code.audiences,
    auth_time: code.authTime,
    answer: code.answer?.toString('hex'),
    grant_lifetime: code.grantLifetime,
    access_token: code.accessToken === undefined ? undefined : accessTokenRecord(code.accessToken),
    lifetime: code.lifetime,
    keep: code.keep,
  });
}
