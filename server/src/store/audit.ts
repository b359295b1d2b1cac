/**
 * Audit rows. They are written by the statement that changes what they tell of: never one without the other, and no
 * round trip of their own. {@link insertAudit} is the piece of SQL that every such statement ends in.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { uuidV7 } from '../telemetry/audit-log.ts';
import type { Database, Statement } from './database.ts';

/** Column → SQL type of everything that an event may carry. */
const columns = {
  id: 'uuid',
  event: 'text',
  outcome: 'text',
  reason: 'text',
  request_id: 'text',
  client_address: 'text',
  user_id: 'text',
  user_name: 'text',
  directory: 'text',
  directory_server: 'text',
  rule: 'text',
  client_id: 'text',
  client_uid: 'text',
  client_generation: 'bigint',
  policy: 'text',
  grant_id: 'uuid',
  grant_type: 'text',
  scopes: 'text[]',
  scopes_refused: 'text[]',
  session_id: 'text',
  kid: 'text',
  registrations: 'text[]',
} as const;
type Column = keyof typeof columns;

const names = Object.keys(columns) as Column[];
const record = names.map((name) => `${name} ${columns[name]}`).join(', ');

/**
 * `INSERT INTO audit …` for the events in the jsonb parameter (see {@link auditJson}).
 *
 * @param parameter e.g. `$4`; SQL NULL inserts nothing.
 * @param source what follows FROM beside the events: one row per event and row of it, so no row there means no event.
 * @param known columns that the source knows better than the caller, as SQL expressions.
 */
export function insertAudit(parameter: string, source?: string, known: Partial<Record<Column, string>> = {}): string {
  const values = names.map((name) => known[name] ?? `event.${name}`).join(', ');
  const from = source === undefined ? '' : `${source}, `;
  return `INSERT INTO audit (${names.join(', ')}) SELECT ${values} FROM ${from}jsonb_to_recordset(${parameter}::jsonb) AS event(${record})`;
}

/** The value of an audit parameter. Ids are made here, so that a repeated statement after a lost answer is refused. */
export function auditJson(...events: readonly AuditEvent[]): string {
  return JSON.stringify(
    events.map((event) => ({
      id: event.id ?? uuidV7(),
      event: event.event,
      outcome: event.outcome,
      reason: event.reason,
      request_id: event.requestId,
      client_address: event.clientAddress,
      user_id: event.userId,
      user_name: event.userName,
      directory: event.directory,
      directory_server: event.directoryServer,
      rule: event.rule,
      client_id: event.clientId,
      client_uid: event.clientUid,
      client_generation: event.clientGeneration,
      policy: event.policy,
      grant_id: event.grantId,
      grant_type: event.grantType,
      scopes: event.scopes,
      scopes_refused: event.scopesRefused,
      session_id: event.sessionId,
      kid: event.kid,
      registrations: event.registrations,
    })),
  );
}

/**
 * A UUIDv7 (RFC 9562 §5.7) as an SQL expression, anew for each row: where one event becomes as many rows as the statement
 * finds. A random UUID with the time written over its first 48 bits and the version made 7.
 */
export const newAuditId = `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
  substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid`;

const insert: Statement = {
  name: 'audit_insert',
  text: `${insertAudit('$1')}`,
};

export interface AuditStore {
  /** An event that changes nothing else, such as a refusal by the directory. Durable. */
  record(...events: readonly AuditEvent[]): Promise<void>;
}

export function auditStore(database: Database): AuditStore {
  return {
    async record(...events) {
      await database.run(insert, [auditJson(...events)]);
    },
  };
}
