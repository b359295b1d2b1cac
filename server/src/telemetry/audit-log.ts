import { randomUUID } from 'node:crypto';
import type { AuditEvent, AuditEventName } from './audit.ts';
import type { Log } from './log.ts';

/** Writes an event that goes with no stored change to the log stream. Never awaited. */
export type EmitAudit = (event: AuditEvent) => void;

const names: Readonly<Record<Exclude<keyof AuditEvent, 'id' | 'event' | 'outcome'>, string>> = {
  reason: 'reason',
  requestId: 'request.id',
  clientAddress: 'client.address',
  userId: 'user.id',
  userName: 'user.name',
  directory: 'directory',
  directoryServer: 'directory.server',
  rule: 'rule',
  clientId: 'client.id',
  clientUid: 'client.uid',
  grantId: 'grant.id',
  grantType: 'grant.type',
  scopes: 'scopes',
  scopesRefused: 'scopes_refused',
  sessionId: 'session.id',
  kid: 'kid',
  registrations: 'registrations',
};

const members = Object.entries(names) as readonly (readonly [keyof typeof names, string])[];

/** An event by its names in log and table; absent members are left out. */
export function auditFields(event: AuditEvent): Record<string, unknown> {
  const fields: Record<string, unknown> = { event: event.event, outcome: event.outcome };
  for (const [member, name] of members) {
    const value = event[member];
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

export function createAuditLog(log: Log, onEvent: (event: AuditEventName) => void): EmitAudit {
  return (event) => {
    log.audit({ id: event.id ?? uuidV7(), ...auditFields(event) });
    onEvent(event.event);
  };
}

/** A UUID that sorts by time (RFC 9562 §5.7). Its random part comes from the runtime's pool, which costs no system call. */
export function uuidV7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
