/** What the pages of a sign-in are built on; the composition root fills it in once. */
import type { DirectoryPort } from '../directory/directory.ts';
import type { FormTokens } from '../http/csrf.ts';
import type { KeySet, Sealer } from '../keys/keys.ts';
import type { Clock } from '../protocol/time.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { AuditStore } from '../store/audit.ts';
import type { AuthorizationCodeStore } from '../store/authorization-codes.ts';
import type { GrantStore } from '../store/grants.ts';
import type { LoginAttemptStore } from '../store/login-attempts.ts';
import type { SessionStore } from '../store/sessions.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { type EmitAudit, uuidV7 } from '../telemetry/audit-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { IssueFrontChannel } from '../tokens/issue.ts';
import type { SessionNames } from '../tokens/session-name.ts';
import type { SubjectOf } from '../tokens/subject.ts';

export interface FlowPorts {
  readonly snapshot: SnapshotSource;
  readonly directory: DirectoryPort;
  readonly sessions: SessionStore;
  readonly codes: AuthorizationCodeStore;
  readonly attempts: LoginAttemptStore;
  readonly grants: GrantStore;
  readonly issueFrontChannel: IssueFrontChannel;
  /** Reads ID tokens of ours that come back as hints. */
  readonly keys: Pick<KeySet, 'readHint'>;
  readonly subjectOf: SubjectOf;
  readonly sessionNames: SessionNames;
  readonly audit: AuditStore;
  /** Seals requests and answers for one browser. */
  readonly sealer: Sealer;
  readonly formTokens: FormTokens;
  readonly clock: Clock;
  readonly log: Log;
  readonly emitAudit: EmitAudit;
  readonly metrics: Metrics;
  /** `undefined`: nothing is traced. */
  readonly tracing: Tracing | undefined;
}

/** An event with its id, so that row and log line name the same. */
export function audited(event: AuditEvent): AuditEvent {
  return { ...event, id: uuidV7() };
}
