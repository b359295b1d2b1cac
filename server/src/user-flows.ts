/** The part of the catalogue that deals with users: what their flows are made of. */
import type { FastifyInstance } from 'fastify';
import type { DirectoryPort } from './directory/directory.ts';
import { mountAuthorize } from './endpoints/authorize.ts';
import { mountConsent } from './endpoints/consent.ts';
import { mountContinue } from './endpoints/continue.ts';
import { mountLanguage } from './endpoints/language.ts';
import { mountLogin } from './endpoints/login.ts';
import { mountLogos } from './endpoints/logos.ts';
import { mountUserinfo } from './endpoints/userinfo.ts';
import { authorizationCode } from './grants/authorization-code.ts';
import type { Grants } from './grants/index.ts';
import { refreshToken } from './grants/refresh-token.ts';
import { createFormTokens } from './http/csrf.ts';
import type { KeySet } from './keys/keys.ts';
import type { KeyedSealer } from './keys/sealer.ts';
import type { Clock } from './protocol/time.ts';
import type { ServerRegistration } from './registry/registration.ts';
import type { SnapshotSource } from './registry/snapshot.ts';
import { auditStore } from './store/audit.ts';
import { authorizationCodeStore } from './store/authorization-codes.ts';
import type { Database, Stop } from './store/database.ts';
import { grantStore } from './store/grants.ts';
import { loginAttemptStore } from './store/login-attempts.ts';
import { refreshTokenStore } from './store/refresh-tokens.ts';
import { createRevocationList } from './store/revocation-list.ts';
import { revocationStore } from './store/revocations.ts';
import { sessionStore } from './store/sessions.ts';
import { startSweep } from './store/sweep.ts';
import type { EmitAudit } from './telemetry/audit-log.ts';
import { errorFields, type Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { IssueFrontChannel } from './tokens/issue.ts';
import type { SubjectOf } from './tokens/subject.ts';

export interface UserFlowParts {
  /** For requests. */
  readonly database: Database;
  /** For polls and sweeps; the same database, counted apart. */
  readonly background: Database;
  readonly snapshot: SnapshotSource;
  readonly directory: DirectoryPort;
  readonly keys: KeySet;
  readonly issueFrontChannel: IssueFrontChannel;
  /** What a client is told of a user. */
  readonly subjectOf: SubjectOf;
  readonly sealer: KeyedSealer;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
}

export interface UserFlows {
  readonly grants: Pick<Grants, 'authorization_code' | 'refresh_token'>;
  mount(http: FastifyInstance): void;
  /** Follows revocations and sweeps expired rows, until stopped. */
  start(): Stop;
}

export function createUserFlows(parts: UserFlowParts): UserFlows {
  const { database, snapshot, directory, sealer, clock, audit, metrics } = parts;
  const log = parts.log.named('flows');
  const codes = authorizationCodeStore(database);
  const grants = grantStore(database);
  const server = (): ServerRegistration => requireServer(snapshot);
  const revocations = createRevocationList({
    store: revocationStore(parts.background),
    monotonic: () => performance.now(),
    onError: (error) => log.warn('revocations could not be read', errorFields(error)),
  });
  const ports = {
    snapshot,
    directory,
    sessions: sessionStore(database),
    codes,
    attempts: loginAttemptStore(database),
    grants,
    issueFrontChannel: parts.issueFrontChannel,
    audit: auditStore(database),
    sealer,
    formTokens: createFormTokens(sealer.derive('form tokens')),
    clock,
    log,
    emitAudit: audit,
    metrics,
  };
  const tokens = refreshTokenStore(database);
  return {
    grants: {
      authorization_code: authorizationCode({ codes, server, audit, metrics }),
      refresh_token: refreshToken({ tokens, grants, directory, snapshot, server, clock, audit, metrics }),
    },
    mount(http) {
      mountAuthorize(http, ports);
      mountLogin(http, ports);
      mountConsent(http, ports);
      mountContinue(http, ports);
      mountLanguage(http, snapshot);
      mountLogos(http, snapshot);
      mountUserinfo(http, { keys: parts.keys, grants, revocations, snapshot });
    },
    start() {
      const stopRevocations = revocations.start();
      const stopSweep = startSweep({
        database: parts.background,
        onSwept: (table, rows) => metrics.sweptRows.inc({ table }, rows),
        onError: (error) => log.warn('expired rows could not be removed', errorFields(error)),
      });
      return async () => {
        await Promise.all([stopRevocations(), stopSweep()]);
      };
    },
  };
}

function requireServer({ current }: SnapshotSource): ServerRegistration {
  const server = current.server?.value;
  if (server === undefined) throw new Error('the server is not declared');
  return server;
}
