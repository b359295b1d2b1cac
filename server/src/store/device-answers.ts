/**
 * What a person does with a device's request: enters its user code, and answers it once. The code is found by its digest
 * while the device waits for that answer, and by nobody afterwards.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { waiting } from './device-codes.ts';
import { attemptKey } from './login-attempts.ts';

/** Wrong user codes in a minute, of one person in all of their sessions, and from one address. */
export const triesPerMinute = 5;

/** Counts a wrong try; a right one is no guess and leaves the counter as it is. Over the limit it is not even looked at. */
function charge(key: string, limit: string, source: string): string {
  return `INSERT INTO login_attempts AS a (key, attempts, first_at, last_at) SELECT ${key}::bytea, wrong.tries, now(), now() FROM ${source}
      ON CONFLICT (key) DO UPDATE SET last_at = now(),
        attempts = CASE WHEN a.first_at <= now() - interval '1 minute' THEN EXCLUDED.attempts ELSE a.attempts + EXCLUDED.attempts END,
        first_at = CASE WHEN a.first_at <= now() - interval '1 minute' THEN now() ELSE a.first_at END
      WHERE a.attempts < ${limit} OR a.first_at <= now() - interval '1 minute'
      RETURNING 1`;
}

const enter: Statement = {
  name: 'device_enter',
  text: `WITH code AS MATERIALIZED (SELECT d.* FROM device_codes d WHERE d.user_code = $1 AND ${waiting('d')}),
    wrong AS MATERIALIZED (SELECT CASE WHEN EXISTS (SELECT FROM code) THEN 0 ELSE 1 END AS tries),
    address AS (${charge('$2', '$4::integer', 'wrong')}),
    person AS (${charge('$3', `${triesPerMinute}`, 'wrong, address')})
    SELECT EXISTS (SELECT FROM person) AS allowed, grant_id, client_id, client_uid, requested_scopes AS asked, network,
      extract(epoch FROM now() - created_at)::int AS age
    FROM (VALUES (1)) AS always(one) LEFT JOIN code ON EXISTS (SELECT FROM person)`,
};

const answer: Statement = {
  name: 'device_answer',
  text: `WITH code AS (
      UPDATE device_codes d SET outcome = a.outcome, answered_at = now(), subject = a.subject, directory = a.directory,
        entry_id = a.entry_id, username = a.username, scopes = a.scopes, claims = a.claims, agreed = COALESCE(a.agreed, '{}'), auth_time = to_timestamp(a.auth_time)
      FROM jsonb_to_record($1::jsonb) AS a(grant_id uuid, client_uid text, outcome text, subject text, directory text,
        entry_id text, username text, scopes text[], claims jsonb, agreed text[], auth_time bigint)
      WHERE d.grant_id = a.grant_id AND d.client_uid = a.client_uid AND ${waiting('d')}
      RETURNING d.grant_id),
    audit_row AS (${insertAudit('$2', 'code')})
    SELECT count(*)::int AS answered FROM code`,
};

const readAnswer: Statement = {
  name: 'device_answered',
  text: `SELECT client_id, outcome, requested_scopes AS asked, COALESCE(scopes, '{}') AS scopes FROM device_codes
    WHERE grant_id = $1 AND (outcome IS NULL OR subject = $2)`,
};

export interface EnteredCode {
  /** Digest of what was typed. */
  readonly userCode: Buffer;
  readonly address: string;
  /** How often {@link triesPerMinute} fits into the limit of this address. */
  readonly limitFactor: number;
  /** Who tries. */
  readonly subject: string;
}

/** A device that waits for an answer. */
export interface WaitingDevice {
  readonly grantId: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly scopes: readonly string[];
  readonly network: string | undefined;
  /** Seconds since it asked. */
  readonly age: number;
}

export interface DeviceAnswer {
  readonly grantId: string;
  readonly clientUid: string;
  readonly outcome: 'approved' | 'denied' | 'refused';
  readonly subject: string;
  readonly directory: string;
  readonly entryId: string;
  readonly username: string;
  /** What was allowed; empty unless approved. */
  readonly scopes: readonly string[];
  /** What those scopes release. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Claims of the scopes of owners that were shown; left out: none. */
  readonly agreed?: readonly string[];
  /** Epoch seconds. */
  readonly authTime: number;
}

export interface AnsweredDevice {
  readonly clientId: string;
  /** `null`: it still waits, or ran out. */
  readonly outcome: DeviceAnswer['outcome'] | null;
  readonly asked: readonly string[];
  readonly scopes: readonly string[];
}

export interface DeviceAnswerStore {
  /** `throttled`: too many wrong tries. `null`: no device waits with this code. */
  enter(entered: EnteredCode): Promise<WaitingDevice | 'throttled' | null>;
  /** `false`: it had its answer already, or ran out; nothing was written. */
  answer(answer: DeviceAnswer, audit: AuditEvent): Promise<boolean>;
  /** What became of a device; `null`: it is gone, or somebody else has answered. */
  answered(grantId: string, subject: string): Promise<AnsweredDevice | null>;
}

interface EnteredRow {
  allowed: boolean;
  grant_id: string | null;
  client_id: string;
  client_uid: string;
  asked: string[];
  network: string | null;
  age: number;
}

export function deviceAnswerStore(database: Database): DeviceAnswerStore {
  return {
    async enter({ userCode, address, limitFactor, subject }) {
      const { rows } = await database.run<EnteredRow>(enter, [
        userCode,
        attemptKey('user_code_address', address),
        attemptKey('user_code_person', subject),
        triesPerMinute * limitFactor,
      ]);
      const row = rows[0];
      if (row?.allowed !== true) return 'throttled';
      return row.grant_id === null ? null : waitingOf(row, row.grant_id);
    },
    async answer(one, audit) {
      const { rows } = await database.run<{ answered: number }>(answer, [answerJson(one), auditJson(audit)]);
      return rows[0]?.answered === 1;
    },
    async answered(grantId, subject) {
      const { rows } = await database.run<Omit<AnsweredDevice, 'clientId'> & { client_id: string }>(readAnswer, [
        grantId,
        subject,
      ]);
      const row = rows[0];
      if (row === undefined) return null;
      return { clientId: row.client_id, outcome: row.outcome, asked: row.asked, scopes: row.scopes };
    },
  };
}

function waitingOf(row: EnteredRow, grantId: string): WaitingDevice {
  return {
    grantId,
    clientId: row.client_id,
    clientUid: row.client_uid,
    scopes: row.asked,
    network: row.network ?? undefined,
    age: row.age,
  };
}

function answerJson(answer: DeviceAnswer): string {
  return JSON.stringify({
    grant_id: answer.grantId,
    client_uid: answer.clientUid,
    outcome: answer.outcome,
    subject: answer.subject,
    directory: answer.directory,
    entry_id: answer.entryId,
    username: answer.username,
    scopes: answer.scopes,
    claims: answer.claims,
    agreed: answer.agreed,
    auth_time: answer.authTime,
  });
}
