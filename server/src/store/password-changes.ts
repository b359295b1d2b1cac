/**
 * What follows a change of a password, and a try of one, in one statement each. A new password ends what was begun with the
 * old one: every other session of the user and the grants that hang off it. Of passwords nothing is stored.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { type EndEvent, type EndedSession, endOfSessions, runEnd } from './ended-sessions.ts';
import { digest } from './handles.ts';
import { attemptKey } from './login-attempts.ts';

const changed = endOfSessions('password_changed', `s.subject = $3 AND s.id IS DISTINCT FROM $4::text`, {
  counter: `UPDATE login_attempts SET attempts = 0 WHERE key = $5`,
  // Whoever has a copy of the cookie has it no more.
  kept: `UPDATE sessions SET handle = $8 WHERE id = $4 AND ended_at IS NULL AND $8::bytea IS NOT NULL`,
  form: `INSERT INTO login_attempts AS a (key, attempts, first_at, last_at) VALUES ($6, 1, now(), now())
      ON CONFLICT (key) DO UPDATE SET last_at = now()`,
  changed: insertAudit('$7'),
});

const refused: Statement = {
  name: 'password_refused',
  text: `WITH counter AS (UPDATE login_attempts SET attempts = 0 WHERE key = $2),
    audit_row AS (${insertAudit('$1')})
    SELECT EXISTS (SELECT FROM login_attempts WHERE key = $3 AND last_at > now() - interval '1 minute') AS used`,
};

export interface PasswordChanged {
  readonly subject: string;
  /** The session that lives on, under a new handle if there is one; left out: none. */
  readonly keep?: { readonly id: string; readonly handle?: string | undefined } | undefined;
  /** Entry counter that goes back to none. */
  readonly throttleKey: string;
  /** What the form is known by. */
  readonly form: string;
  readonly audit: AuditEvent;
  /** For each session that ends. */
  readonly ends: EndEvent;
}

export interface PasswordRefused {
  readonly audit: AuditEvent;
  /** Entry counter that goes back to none: the current password was right. */
  readonly throttleKey?: string | undefined;
  readonly form: string;
}

export interface PasswordChangeStore {
  /** @returns the sessions that ended */
  changed(change: PasswordChanged): Promise<readonly EndedSession[]>;
  /** @returns whether this form changed the password within the last minute: it was sent twice */
  refused(refusal: PasswordRefused): Promise<{ readonly used: boolean }>;
}

/** @param onOwed runs after a commit that owes logout tokens. */
export function passwordChangeStore(database: Database, onOwed: () => void): PasswordChangeStore {
  return {
    changed: ({ subject, keep, throttleKey, form, audit, ends }) =>
      runEnd(database, changed, onOwed, 'password_changed', ends, [
        subject,
        keep?.id ?? null,
        attemptKey('entry', throttleKey),
        attemptKey('password_form', form),
        auditJson(audit),
        keep?.handle === undefined ? null : digest(keep.handle),
      ]),
    async refused({ audit, throttleKey, form }) {
      const { rows } = await database.run<{ used: boolean }>(refused, [
        auditJson(audit),
        throttleKey === undefined ? null : attemptKey('entry', throttleKey),
        attemptKey('password_form', form),
      ]);
      return { used: rows[0]?.used === true };
    },
  };
}
