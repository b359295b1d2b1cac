/** Browser sessions. Read by one validator ({@link liveSession}); begun, renewed and ended by the statement of a sign-in. */
import type { AuditEvent } from '../telemetry/audit.ts';
import { insertAccessTokenWith } from './access-tokens.ts';
import { auditJson, insertAudit } from './audit.ts';
import { type Completion, type CompletionRow, completionOf } from './authorization-codes.ts';
import { insertRequest, requestJson, type StoredRequest } from './authorization-requests.ts';
import { type Remembered, type RememberedRow, rememberedColumns, rememberedOf } from './consents.ts';
import type { Database, Statement } from './database.ts';
import { digest } from './handles.ts';
import { liveSession, secondsUntil } from './live-session.ts';
import { attemptKey } from './login-attempts.ts';
import { insertDeliveries } from './logout-deliveries.ts';
import { codeJson, insertCode, isOneTooMany, isTakenBack, type NewCode, rememberedYes } from './new-code.ts';
import { insertGrantWith } from './new-grant.ts';
import { revoke } from './revocations.ts';

export interface Session {
  /** The `sid` of ID tokens; not the cookie. */
  readonly id: string;
  readonly subject: string;
  readonly directory: string;
  readonly entryId: string;
  readonly username: string;
  readonly name: string;
  /** Everything mapped from the entry, `groups` (their names) included; for pages that show what would be given. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Epoch seconds of the last sign-in. */
  readonly authTime: number;
  /** Seconds until it ends by itself, if nobody comes by before. */
  readonly endsIn: number;
}

export interface BrowserState {
  readonly session: Session | null;
  /** What this user allowed this client before, while that holds; `null`: nothing is remembered. */
  readonly consented: Remembered | null;
  /** The stored request of that id, sealed for this browser. */
  readonly request: Buffer | null;
  /** The request of that id has its answer. */
  readonly answered: boolean;
}

interface StateRow extends RememberedRow {
  id: string | null;
  subject: string;
  directory: string;
  entry_id: string;
  username: string;
  name: string;
  claims: Record<string, unknown>;
  auth_time: number;
  ends_in: number;
  request: Buffer | null;
  answered: boolean;
}

/** Then this look at it is written down, and counts. */
const unseen = `live.last_seen_at < now() - interval '1 minute'`;

const read: Statement = {
  name: 'session_read',
  text: `WITH soft AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    live AS (SELECT * FROM sessions s WHERE s.handle = $1 AND s.browser = $2 AND ${liveSession('s')}),
    seen AS (
      UPDATE sessions s SET last_seen_at = now() FROM live, soft
      WHERE s.handle = live.handle AND ${unseen})
    SELECT live.id, live.subject, live.directory, live.entry_id, live.username, live.name, live.claims,
      extract(epoch FROM live.auth_time)::bigint AS auth_time, ${secondsUntil(`LEAST(live.expires_at,
        CASE WHEN ${unseen} THEN now() ELSE live.last_seen_at END + make_interval(secs => live.idle_seconds))`)} AS ends_in,
      ${rememberedColumns('c')}, r.sealed AS request,
      EXISTS (SELECT FROM authorization_codes k WHERE k.grant_id = $4::uuid) AS answered
    FROM (VALUES (1)) AS always(one)
    LEFT JOIN live ON true
    LEFT JOIN authorization_requests r ON r.id = $4::uuid AND r.browser = $2 AND r.expires_at > now()
    LEFT JOIN consents c ON c.subject = live.subject AND c.client_uid = COALESCE($3::text, r.client_uid) AND c.expires_at > now()`,
};

const signIn = (softly: boolean): Statement => ({
  name: softly ? 'session_sign_in_softly' : 'session_sign_in',
  // A sign-in always gives a new handle, whatever cookie came along: an id planted before it opens nothing after it.
  text: `WITH soft AS MATERIALIZED (SELECT ${softly ? `set_config('synchronous_commit', 'off', true)` : `''`} AS setting),
    n AS MATERIALIZED (SELECT * FROM soft, jsonb_to_record($1::jsonb) AS n(handle text, id text, renews boolean, ends text, browser text,
      subject text, directory text, entry_id text, username text, name text, claims jsonb, user_agent text, auth_time bigint, idle integer,
      absolute integer)),
    renewed AS (
      UPDATE sessions s SET handle = decode(n.handle, 'hex'), directory = n.directory, entry_id = n.entry_id, username = n.username,
        name = n.name, claims = n.claims, user_agent = n.user_agent,
        auth_time = COALESCE(to_timestamp(n.auth_time), now()), last_seen_at = now(), idle_seconds = n.idle,
        expires_at = now() + make_interval(secs => n.absolute)
      FROM n WHERE n.renews AND s.id = n.id AND s.subject = n.subject AND ${liveSession('s')}
      RETURNING s.id),
    created AS (
      INSERT INTO sessions (handle, id, browser, subject, directory, entry_id, username, name, claims, user_agent,
        auth_time, last_seen_at, idle_seconds, expires_at)
      SELECT decode(handle, 'hex'), id, decode(browser, 'hex'), subject, directory, entry_id, username, name, claims, user_agent,
        COALESCE(to_timestamp(n.auth_time), now()), now(), idle, now() + make_interval(secs => absolute) FROM n WHERE NOT renews
      RETURNING id),
    signed_in AS (SELECT id FROM renewed UNION ALL SELECT id FROM created),
    ended AS (
      UPDATE sessions s SET ended_at = now(), ended_reason = 'another_user' FROM n
      WHERE s.id = n.ends AND s.ended_at IS NULL RETURNING s.id, s.subject),
    revoked AS (${revoke('session', 'SELECT id FROM ended')}),
    owed AS (${insertDeliveries('ended')}),
    counter AS (UPDATE login_attempts SET attempts = 0 FROM signed_in WHERE key = $2),
    remembered AS MATERIALIZED (${rememberedYes('$3')}),
    standing AS (SELECT id FROM signed_in WHERE NOT ${isTakenBack('$3')}),
    code AS (${insertCode('$3', 'standing')}),
    granted AS (${insertGrantWith('$3')}),
    access AS (${insertAccessTokenWith('$3')}),
    request AS (${insertRequest('$4', 'signed_in')}),
    audit_row AS (${insertAudit('$5', 'signed_in')})
    SELECT (SELECT count(*)::int FROM signed_in) AS signed_in, (SELECT count(*)::int FROM code) AS written,
      (SELECT count(*)::int FROM request) AS stored, ${isTakenBack('$3')} AS changed,
      COALESCE(${isOneTooMany('$3')}, false) AS crowded`,
});
const signInDurably = signIn(false);
const signInSoftly = signIn(true);

export interface SignIn {
  /** Plain value of the new cookie. */
  readonly handle: string;
  /** Plain value of the browser's binding cookie. */
  readonly browser: string;
  readonly session: Omit<Session, 'authTime' | 'endsIn'>;
  /** Epoch seconds, where an ID token that says so was signed before; left out: now, by the database. */
  readonly authTime?: number;
  /** What the browser calls itself, bounded; for the account page alone. */
  readonly userAgent?: string | undefined;
  /** The session goes on under a new handle: same browser, same user. */
  readonly renews: boolean;
  /** Another user's session in this browser, which ends. */
  readonly ends: string | undefined;
  readonly idle: number;
  readonly absolute: number;
  /** Entry counter that goes back to none. */
  readonly throttleKey: string;
  readonly code?: NewCode;
  readonly request?: StoredRequest;
  readonly audit: readonly AuditEvent[];
}

export interface SignedIn {
  /** `false`: the session that was to go on had ended meanwhile; nothing was written. */
  readonly signedIn: boolean;
  /** What became of the code; without one, `answered`. */
  readonly code: Completion;
  readonly stored: boolean;
}

export interface SessionStore {
  /**
   * What is known of a browser, in one SELECT. `handle` and `browser` are the plain cookies; without either there is no
   * session, and without `browser` no request.
   */
  read(question: {
    handle: string | undefined;
    browser: string | undefined;
    clientUid?: string;
    grantId?: string;
  }): Promise<BrowserState>;
  signIn(signIn: SignIn): Promise<SignedIn>;
}

/** @param onOwed runs after a commit that may owe logout tokens. */
export function sessionStore(database: Database, onOwed: () => void = () => undefined): SessionStore {
  return {
    async read({ handle, browser, clientUid, grantId }) {
      const { rows } = await database.run<StateRow>(read, [
        handle === undefined ? null : digest(handle),
        browser === undefined ? null : digest(browser),
        clientUid ?? null,
        grantId ?? null,
      ]);
      const row = rows[0];
      if (row === undefined) return { session: null, consented: null, request: null, answered: false };
      return {
        session: row.id === null ? null : sessionOf(row, row.id),
        consented: rememberedOf(row),
        request: row.request,
        answered: row.answered,
      };
    },
    async signIn(one) {
      // Ending a session must survive a crash, and so must the end of a handle and what tokens left with; beginning a session
      // need not, its loss only asks for another sign-in.
      const softly = !one.renews && one.ends === undefined && one.code?.grantLifetime === undefined;
      const statement = softly ? signInSoftly : signInDurably;
      const { rows } = await database.run<SignedInRow>(statement, [
        signInJson(one),
        attemptKey('entry', one.throttleKey),
        one.code === undefined ? null : codeJson(one.code),
        one.request === undefined ? null : requestJson(one.request, digest(one.browser)),
        auditJson(...one.audit),
      ]);
      if (one.ends !== undefined) onOwed();
      const row = rows[0];
      return { signedIn: row?.signed_in === 1, code: completionOf(row), stored: row?.stored === 1 };
    },
  };
}

interface SignedInRow extends CompletionRow {
  signed_in: number;
  stored: number;
}

function sessionOf(row: StateRow, id: string): Session {
  return {
    id,
    subject: row.subject,
    directory: row.directory,
    entryId: row.entry_id,
    username: row.username,
    name: row.name,
    claims: row.claims,
    authTime: row.auth_time,
    endsIn: row.ends_in,
  };
}

function signInJson(signIn: SignIn): string {
  const { handle, browser, session, userAgent, authTime, renews, ends, idle, absolute } = signIn;
  return JSON.stringify({
    handle: digest(handle).toString('hex'),
    id: session.id,
    renews,
    ends,
    browser: digest(browser).toString('hex'),
    subject: session.subject,
    directory: session.directory,
    entry_id: session.entryId,
    username: session.username,
    name: session.name,
    claims: session.claims,
    user_agent: userAgent,
    auth_time: authTime,
    idle,
    absolute,
  });
}
