/**
 * Audit events. An event that tells of a stored change is a row inserted by the very statement that changes
 * (`store/audit.ts`); everything else is a line of the log stream with `audit: true`.
 *
 * Where one statement does several things, its row tells them together, and the log stream each by its name: the row of a
 * sign-in names the session that it began (`session.started`), that of a yes the grant of its code (`code.issued`).
 */
export const auditEvents = [
  'login.succeeded',
  'login.failed',
  'session.started',
  'session.ended',
  'consent.given',
  'consent.denied',
  'consent.verified',
  'consent.withdrawn',
  'code.issued',
  'token.issued',
  'token.refreshed',
  'token.refused',
  'token.revoked',
  'grant.ended',
  'replay.detected',
  'device.started',
  'device.approved',
  'device.denied',
  'password.changed',
  'password.refused',
  'client.authentication_failed',
  'registration.put',
  'registration.deleted',
  'registration.rejected',
  'secret.rotated',
  'secret.retired',
  'key.published',
  'key.activated',
  'key.retired',
  'key.revoked',
  'leaver.ended',
  'sweep.halted',
  'restore.completed',
] as const;
export type AuditEventName = (typeof auditEvents)[number];

/** One audit event; names as in the log (flat, dotted, in `store/audit.ts`). Absent members are left out. */
export interface AuditEvent {
  /** UUIDv7; the same in the row and in the log line. Left out: made when it is written. */
  readonly id?: string;
  readonly event: AuditEventName;
  readonly outcome: 'success' | 'refused' | 'failure';
  readonly reason?: string;
  readonly requestId?: string;
  readonly clientAddress?: string;
  /** Subject, and the directory's user name (never what was typed). */
  readonly userId?: string;
  readonly userName?: string;
  readonly directory?: string;
  readonly directoryServer?: string;
  readonly rule?: string;
  readonly clientId?: string;
  readonly clientUid?: string;
  /** Generation of the resource that is registered, and the policy of the server that allowed it. */
  readonly clientGeneration?: number;
  readonly policy?: string;
  readonly grantId?: string;
  readonly grantType?: string;
  readonly scopes?: readonly string[];
  readonly scopesRefused?: readonly string[];
  readonly sessionId?: string;
  readonly kid?: string;
  /** `<kind>/<id>` of each. */
  readonly registrations?: readonly string[];
}

/** A client as every event that is about one names it. */
export type AuditedClient = Pick<AuditEvent, 'clientId' | 'clientUid' | 'clientGeneration' | 'policy'>;

export function auditedClient(
  { client_id: clientId }: { readonly client_id: string },
  clientUid: string,
  allowedBy: { readonly generation: number; readonly policy?: string | undefined } | undefined,
): AuditedClient {
  if (allowedBy === undefined) return { clientId, clientUid };
  const { generation: clientGeneration, policy } = allowedBy;
  return policy === undefined
    ? { clientId, clientUid, clientGeneration }
    : { clientId, clientUid, clientGeneration, policy };
}
