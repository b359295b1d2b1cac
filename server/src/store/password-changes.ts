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

/**
 * A form: how many tries with it are under way, when the last of them began, and in `first_at` when one changed the password. No
 * try takes ten seconds; one that nobody saw the end of is not waited for any longer.
 */
const isUsed = `a.first_at > now() - interval '1 minute'`;
const isUnderWay = `a.attempts > 0 AND a.last_at > now() - interval '10 seconds'`;

const begun: Statement = {
  name: 'password_begun',
  text: `INSERT INTO login_attempts AS a (key, attempts, first_at, last_at) VALUES ($1, 1, '-infinity', now())
    ON CONFLICT (key) DO UPDATE SET last_at = now(), attempts = CASE WHEN ${isUnderWay} THEN a.attempts + 1 ELSE 1 END`,
};

const changed = endOfSessions('password_changed', `s.subject = $3 AND s.id IS DISTINCT FROM $4::text`, {
  counter: `UPDATE login_attempts SET attempts = 0 WHERE key = $5`,
  // Whoever has a copy of the cookie has it no more.
  kept: `UPDATE sessions SET handle = $8 WHERE id = $4 AND ended_at IS NULL AND $8::bytea IS NOT NULL`,
  form: `INSERT INTO login_attempts AS a (key, attempts, first_at, last_at) VALUES ($6, 0, now(), now())
      ON CONFLICT (key) DO UPDATE SET first_at = now(), attempts = GREATEST(a.attempts - 1, 0)`,
  changed: insertAudit('$7'),
});

const refused: Statement = {
  name: 'password_refused',
  text: `WITH counter AS (UPDATE login_attempts SET attempts = 0 WHERE key = $2),
    audit_row AS (${insertAudit('$1')}),
    form AS (
      UPDATE login_attempts a SET attempts = GREATEST(a.attempts - 1, 0) WHERE a.key = $3
      RETURNING ${isUsed} AS used, ${isUnderWay} AS under_way)
    SELECT used, under_way FROM form`,
};

const read: Statement = {
  name: 'password_form',
  text: `SELECT ${isUsed} AS used, ${isUnderWay} AS under_way FROM login_attempts a WHERE key = $1`,
};

export interface PasswordForm {
  /** It changed the password within the last minute. */
  readonly used: boolean;
  /** Another try with it, begun a moment ago, has not ended: it may yet. */
  readonly underWay: boolean;
}

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
  /** Before the directory is asked: the same form may come twice. */
  begun(form: string): Promise<void>;
  /** @returns the sessions that ended */
  changed(change: PasswordChanged): Promise<readonly EndedSession[]>;
  /** @returns what became of the form beside this try */
  refused(refusal: PasswordRefused): Promise<PasswordForm>;
  read(form: string): Promise<PasswordForm>;
}

/** @param onOwed runs after a commit that owes logout tokens. */
export function passwordChangeStore(database: Database, onOwed: () => void): PasswordChangeStore {
  return {
    async begun(form) {
      await database.run(begun, [attemptKey('password_form', form)]);
    },
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
      const { rows } = await database.run<FormRow>(refused, [
        auditJson(audit),
        throttleKey === undefined ? null : attemptKey('entry', throttleKey),
        attemptKey('password_form', form),
      ]);
      return formOf(rows[0]);
    },
    async read(form) {
      const { rows } = await database.run<FormRow>(read, [attemptKey('password_form', form)]);
      return formOf(rows[0]);
    },
  };
}

interface FormRow {
  used: boolean;
  under_way: boolean;
}

function formOf(row: FormRow | undefined): PasswordForm {
  return { used: row?.used === true, underWay: row?.under_way === true };
}
