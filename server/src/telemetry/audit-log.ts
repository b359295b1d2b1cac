import { randomUUID } from 'node:crypto';
import type { AuditEvent, AuditEventName } from './audit.ts';
import type { Log } from './log.ts';

/** Writes an event that goes with no stored change to the log stream. Never awaited. */
export type EmitAudit = (event: AuditEvent) => void;

/** An event by its names in log and table. One literal, since there is a line for each token; absent members are `undefined`. */
export function auditFields(event: AuditEvent): Readonly<Record<string, unknown>> {
  return {
    audit: true,
    id: event.id ?? uuidV7(),
    event: event.event,
    outcome: event.outcome,
    reason: event.reason,
    'request.id': event.requestId,
    'client.address': event.clientAddress,
    'user.id': event.userId,
    'user.name': event.userName,
    directory: event.directory,
    'directory.server': event.directoryServer,
    rule: event.rule,
    'client.id': event.clientId,
    'client.uid': event.clientUid,
    'client.generation': event.clientGeneration,
    policy: event.policy,
    'grant.id': event.grantId,
    'grant.type': event.grantType,
    scopes: event.scopes,
    scopes_refused: event.scopesRefused,
    'session.id': event.sessionId,
    kid: event.kid,
    registrations: event.registrations,
  } satisfies Readonly<Record<string, AuditEvent[keyof AuditEvent] | true>>;
}

export function createAuditLog(log: Log, onEvent: (event: AuditEventName) => void): EmitAudit {
  return (event) => {
    log.audit(auditFields(event));
    onEvent(event.event);
  };
}

/** A UUID that sorts by time (RFC 9562 §5.7). Its random part comes from the runtime's pool, which costs no system call. */
export function uuidV7(): string {
  const now = Date.now();
  if (now !== head.of) {
    const time = now.toString(16).padStart(12, '0');
    head = { of: now, text: `${time.slice(0, 8)}-${time.slice(8)}-7` };
  }
  return head.text + randomUUID().slice(15);
}

/** The beginning of all ids of a millisecond. */
let head = { of: Number.NaN, text: '' };
