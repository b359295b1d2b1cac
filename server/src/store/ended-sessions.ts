/**
 * The end of browser sessions, and of what hangs off them, in one statement: the session, the grants that end with it, the
 * revocation that every replica hears of, the logout tokens that are owed, the audit row. Codes and refresh tokens need no row
 * of their own: they count only while session and grant do.
 *
 * A session that merely expires ends nowhere else: an idle hour here says nothing about somebody who is at work in an
 * application all the while, and logging them out there would surprise them. Applications have times of their own.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit, newAuditId } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { digest } from './handles.ts';
import { liveSession } from './live-session.ts';
import { clientsJson, insertDeliveries } from './logout-deliveries.ts';
import { revoke } from './revocations.ts';

/** An application that took part in a session. A client made anew under the same id has another uid. */
export interface SessionClient {
  readonly clientId: string;
  readonly clientUid: string;
}

export interface EndedSession {
  readonly id: string;
  readonly subject: string;
  readonly username: string;
  readonly directory: string;
  readonly clients: readonly SessionClient[];
  /** How many grants ended with it. */
  readonly grants: number;
  /** As it was written, for the log. */
  readonly event: AuditEvent;
}

export type SessionEnd = 'logout' | 'account_page' | 'password_changed';

interface EndedRow {
  id: string;
  subject: string;
  username: string;
  directory: string;
  clients: { client_id: string; client_uid: string }[];
  grants: number;
  audit_id: string;
}

/**
 * @param which which sessions; `$1` is the reason, `$2` the audit event, one row of which is written per session.
 * @param beside what the same statement does besides, whether or not a session ends
 */
export const endOfSessions = (
  name: string,
  which: string,
  beside: Readonly<Record<string, string>> = {},
): Statement => ({
  name,
  text: `WITH ended AS (
      UPDATE sessions s SET ended_at = now(), ended_reason = $1 WHERE s.ended_at IS NULL AND ${which}
      RETURNING s.id, s.subject, s.username, s.directory),
    grants_ended AS (
      UPDATE grants g SET ended_at = now(), ended_reason = $1 FROM ended
      WHERE g.subject = ended.subject AND g.session_id = ended.id AND g.ended_at IS NULL
      RETURNING g.id, g.session_id),
    revoked AS (${revoke('session', 'SELECT id FROM ended')}),
    owed AS (${insertDeliveries('ended')}),
    audit_row AS (${insertAudit('$2', 'ended', {
      // One event is given, whatever number of sessions end.
      id: newAuditId,
      user_id: 'ended.subject',
      user_name: 'ended.username',
      directory: 'ended.directory',
      session_id: 'ended.id',
    })} RETURNING id, session_id)${Object.entries(beside)
      .map(([as, what]) => `,\n    ${as} AS (${what})`)
      .join('')}
    SELECT ended.id, ended.subject, ended.username, ended.directory, ${clientsJson('ended.id')} AS clients,
      (SELECT count(*)::int FROM grants_ended g WHERE g.session_id = ended.id) AS grants,
      (SELECT a.id::text FROM audit_row a WHERE a.session_id = ended.id) AS audit_id
    FROM ended`,
});

// Idle ones too: who signs out after a long evening still wants the applications to hear of it.
const endOfBrowser = endOfSessions('session_end', `s.handle = $3 AND s.browser = $4 AND s.id = $5`);
const endOfSubject = endOfSessions('session_end_own', `s.subject = $3 AND s.id = $4`);
const endAllOfSubject = endOfSessions('sessions_end_all', `s.subject = $3`);

const read: Statement = {
  name: 'session_clients',
  text: `SELECT s.id, s.subject, s.username, s.directory, s.name, ${clientsJson('s.id')} AS clients FROM sessions s
    WHERE s.handle = $1 AND s.browser = $2 AND ${liveSession('s')}`,
};

export interface SessionToEnd extends Omit<EndedSession, 'grants' | 'event'> {
  /** As pages show it. */
  readonly name: string;
}

/** The event of each session that ends; whose it is and which one, the statement knows. */
export type EndEvent = Omit<AuditEvent, 'id' | 'event' | 'outcome' | 'userId' | 'userName' | 'directory' | 'sessionId'>;

export interface SessionEndStore {
  /** The live session of a browser with the applications that took part in it; writes nothing. */
  read(cookies: { readonly handle: string; readonly browser: string }): Promise<SessionToEnd | null>;
  /** Ends the session of this browser, if it is the one meant. `null`: it is not, or it had ended; nothing was written. */
  endOfBrowser(
    session: { readonly handle: string; readonly browser: string; readonly id: string },
    reason: SessionEnd,
    event: EndEvent,
  ): Promise<EndedSession | null>;
  /** Ends one session of a user, wherever it is. `null`: not theirs, or it had ended. */
  endOfSubject(subject: string, id: string, reason: SessionEnd, event: EndEvent): Promise<EndedSession | null>;
  /** Ends every session of a user. Grants with `offline_access` go on. */
  endAllOfSubject(subject: string, reason: SessionEnd, event: EndEvent): Promise<readonly EndedSession[]>;
}

/** Runs an {@link endOfSessions}. @param values from `$3` on */
export async function runEnd(
  database: Database,
  statement: Statement,
  onOwed: () => void,
  reason: SessionEnd,
  event: EndEvent,
  values: readonly unknown[],
): Promise<readonly EndedSession[]> {
  const written = { ...event, event: 'session.ended', outcome: 'success', reason } as const;
  const { rows } = await database.run<EndedRow>(statement, [reason, auditJson(written), ...values]);
  if (rows.some(({ clients }) => clients.length > 0)) onOwed();
  return rows.map((row) => endedOf(row, written));
}

/** @param onOwed runs after a commit that owes logout tokens, or may. */
export function sessionEndStore(database: Database, onOwed: () => void): SessionEndStore {
  const run = (statement: Statement, reason: SessionEnd, event: EndEvent, values: readonly unknown[]) =>
    runEnd(database, statement, onOwed, reason, event, values);
  return {
    async read({ handle, browser }) {
      const { rows } = await database.run<EndedRow & { name: string }>(read, [digest(handle), digest(browser)]);
      const row = rows[0];
      if (row === undefined) return null;
      const { id, subject, username, directory, name, clients } = row;
      return { id, subject, username, directory, name, clients: clients.map(clientOf) };
    },
    async endOfBrowser({ handle, browser, id }, reason, event) {
      return (await run(endOfBrowser, reason, event, [digest(handle), digest(browser), id]))[0] ?? null;
    },
    async endOfSubject(subject, id, reason, event) {
      return (await run(endOfSubject, reason, event, [subject, id]))[0] ?? null;
    },
    endAllOfSubject: (subject, reason, event) => run(endAllOfSubject, reason, event, [subject]),
  };
}

function endedOf({ audit_id, clients, ...row }: EndedRow, event: AuditEvent): EndedSession {
  const { id, subject: userId, username: userName, directory } = row;
  return {
    ...row,
    clients: clients.map(clientOf),
    event: { ...event, id: audit_id, userId, userName, directory, sessionId: id },
  };
}

function clientOf({ client_id, client_uid }: { client_id: string; client_uid: string }): SessionClient {
  return { clientId: client_id, clientUid: client_uid };
}
