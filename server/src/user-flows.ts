/** The part of the catalogue that deals with users: what their flows are made of. */
import type { FastifyInstance } from 'fastify';
import type { DirectoryPort } from './directory/directory.ts';
import { mountAccount } from './endpoints/account.ts';
import { mountAuthorize } from './endpoints/authorize.ts';
import { mountChooseAccount } from './endpoints/choose-account.ts';
import { mountConsent } from './endpoints/consent.ts';
import { mountContinue } from './endpoints/continue.ts';
import { mountDevice } from './endpoints/device.ts';
import { mountDeviceAuthorization } from './endpoints/device-authorization.ts';
import { mountIntrospection } from './endpoints/introspection.ts';
import { mountLanguage } from './endpoints/language.ts';
import { mountLogin } from './endpoints/login.ts';
import { mountLogos } from './endpoints/logos.ts';
import { mountLogout } from './endpoints/logout.ts';
import { mountPassword } from './endpoints/password.ts';
import { mountRevocation } from './endpoints/revocation.ts';
import { mountSignOut } from './endpoints/sign-out.ts';
import { createUserCodeTries } from './endpoints/user-code-tries.ts';
import { mountUserinfo } from './endpoints/userinfo.ts';
import { authorizationCode } from './grants/authorization-code.ts';
import { deviceCode } from './grants/device-code.ts';
import type { Grants } from './grants/index.ts';
import { refreshToken } from './grants/refresh-token.ts';
import type { AuthenticateClient } from './http/client-authentication.ts';
import { createFormTokens } from './http/csrf.ts';
import type { KeySet, Signer } from './keys/keys.ts';
import type { KeyedSealer } from './keys/sealer.ts';
import { createLogoutWorker } from './logout/worker.ts';
import type { OutboundGate } from './outbound/gate.ts';
import { claimsOfScope } from './protocol/claims.ts';
import { deviceCodeGrant } from './protocol/terms.ts';
import type { Clock } from './protocol/time.ts';
import { createRecheck, type Recheck } from './recheck/worker.ts';
import type { ServerRegistration } from './registry/registration.ts';
import type { SnapshotSource } from './registry/snapshot.ts';
import { accessTokenStore } from './store/access-tokens.ts';
import { accountStore } from './store/accounts.ts';
import { auditStore } from './store/audit.ts';
import { authorizationCodeStore } from './store/authorization-codes.ts';
import type { Database, Stop } from './store/database.ts';
import { deviceAnswerStore } from './store/device-answers.ts';
import { deviceCodeStore } from './store/device-codes.ts';
import { sessionEndStore } from './store/ended-sessions.ts';
import { goneDirectoryStore } from './store/gone-directories.ts';
import { grantStore } from './store/grants.ts';
import { leaverStore } from './store/leavers.ts';
import { loginAttemptStore } from './store/login-attempts.ts';
import { logoutDeliveryStore } from './store/logout-deliveries.ts';
import { passwordChangeStore } from './store/password-changes.ts';
import { presentedTokenStore } from './store/presented-tokens.ts';
import { recheckStore } from './store/rechecks.ts';
import { refreshTokenStore } from './store/refresh-tokens.ts';
import { createRevocationList } from './store/revocation-list.ts';
import { revocationStore } from './store/revocations.ts';
import { sessionStore } from './store/sessions.ts';
import { startSweep } from './store/sweep.ts';
import type { EmitAudit } from './telemetry/audit-log.ts';
import { errorFields, type Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Tracing } from './telemetry/tracing.ts';
import type { IssueFrontChannel } from './tokens/issue.ts';
import type { SessionNames } from './tokens/session-name.ts';
import type { SubjectOf } from './tokens/subject.ts';
import { digestUserCode } from './tokens/user-code.ts';

export interface UserFlowParts {
  /** For requests. */
  readonly database: Database;
  /** For polls and sweeps; the same database, counted apart. */
  readonly background: Database;
  readonly snapshot: SnapshotSource;
  readonly directory: DirectoryPort;
  readonly keys: KeySet;
  readonly signer: Signer;
  readonly outbound: OutboundGate;
  readonly issueFrontChannel: IssueFrontChannel;
  /** What a client is told of a user. */
  readonly subjectOf: SubjectOf;
  /** What a client is told of a session. */
  readonly sessionNames: SessionNames;
  readonly sealer: KeyedSealer;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
  /** `undefined`: nothing is traced. */
  readonly tracing: Tracing | undefined;
  /** `false`: signed-in users are not looked at again by themselves. */
  readonly rechecks: boolean;
}

export interface UserFlows {
  readonly recheck: Pick<Recheck, 'halted' | 'onHalted'>;
  readonly grants: Pick<Grants, 'authorization_code' | 'refresh_token' | typeof deviceCodeGrant>;
  mount(http: FastifyInstance, authenticate: AuthenticateClient): void;
  /** Only what applications call, and no person. */
  mountForClients(http: FastifyInstance, authenticate: AuthenticateClient): void;
  /** Follows revocations, tells applications of logouts and sweeps expired rows, until stopped. */
  start(): Stop;
}

export function createUserFlows(parts: UserFlowParts): UserFlows {
  const { database, snapshot, directory, sealer, clock, audit, metrics, tracing } = parts;
  const log = parts.log.named('flows');
  const codes = authorizationCodeStore(database);
  const grants = grantStore(database, () => logouts.soon());
  const server = (): ServerRegistration => requireServer(snapshot);
  const revocations = createRevocationList({
    store: revocationStore(parts.background),
    monotonic: () => performance.now(),
    onError: (error) => log.warn('revocations could not be read', errorFields(error)),
  });
  const ports = {
    snapshot,
    directory,
    sessions: sessionStore(database, () => logouts.soon()),
    codes,
    attempts: loginAttemptStore(database),
    grants,
    issueFrontChannel: parts.issueFrontChannel,
    keys: parts.keys,
    subjectOf: parts.subjectOf,
    sessionNames: parts.sessionNames,
    audit: auditStore(database),
    sealer,
    formTokens: createFormTokens(sealer.derive('form tokens')),
    clock,
    log,
    emitAudit: audit,
    metrics,
    tracing,
  };
  const logouts = createLogoutWorker({
    store: logoutDeliveryStore(parts.background),
    gate: parts.outbound,
    signer: parts.signer,
    subjectOf: parts.subjectOf,
    sessionNames: parts.sessionNames,
    snapshot,
    clock,
    log: parts.log.named('logout'),
    metrics,
  });
  const recheck = createRecheck({
    rechecks: recheckStore(parts.background),
    leavers: leaverStore(parts.background, () => logouts.soon()),
    gone: goneDirectoryStore(parts.background, () => logouts.soon()),
    grants: grantStore(parts.background),
    directory,
    snapshot,
    clock,
    audit,
    log: parts.log.named('recheck'),
    metrics,
  });
  const sessionEnds = sessionEndStore(database, () => logouts.soon());
  const tokens = refreshTokenStore(database);
  const accessTokens = accessTokenStore(database);
  const devices = deviceCodeStore(database);
  const userCodeKey = sealer.derive('user codes');
  const ofUserCode = (code: string): Buffer => digestUserCode(userCodeKey, code);
  const audiencesOfScope = (scope: string): readonly string[] => snapshot.current.scope(scope)?.value.audiences ?? [];
  const claimsOf = (scope: string): readonly string[] =>
    claimsOfScope(scope, snapshot.current.scope(scope)?.value.claims);
  const presented = presentedTokenStore(database);
  const mountForClients: UserFlows['mountForClients'] = (http, authenticate) => {
    mountDeviceAuthorization(http, {
      authenticate,
      codes: devices,
      digestUserCode: ofUserCode,
      server,
      audiencesOfScope,
      audit,
      metrics,
    });
    const { keys, signer, subjectOf, sessionNames } = parts;
    const tokens = presented;
    mountUserinfo(http, { keys, signer, grants, tokens, revocations, snapshot, subjectOf, sessionNames });
    mountIntrospection(http, {
      authenticate,
      keys,
      tokens: presented,
      revocations,
      snapshot,
      subjectOf,
      sessionNames,
      clock,
      metrics,
    });
    mountRevocation(http, { authenticate, keys, tokens: presented, audit, metrics });
  };
  return {
    recheck,
    mountForClients,
    grants: {
      authorization_code: authorizationCode({ codes, server, audit, metrics }),
      [deviceCodeGrant]: deviceCode({
        codes: devices,
        server,
        audit,
        metrics,
        audiencesOfScope,
        claimsOfScope: claimsOf,
      }),
      refresh_token: refreshToken({
        tokens,
        accessTokens,
        grants,
        directory,
        snapshot,
        server,
        clock,
        audit,
        metrics,
        tracing,
      }),
    },
    mount(http, authenticate) {
      mountAuthorize(http, ports);
      mountLogin(http, ports);
      mountChooseAccount(http, ports);
      mountConsent(http, ports);
      mountContinue(http, ports);
      const logoutPorts = { ...ports, sessionEnds, deliveries: logoutDeliveryStore(database) };
      mountAccount(http, { ...logoutPorts, accounts: accountStore(database) });
      mountPassword(http, {
        ...ports,
        changes: passwordChangeStore(database, () => logouts.soon()),
        handleKey: sealer.derive('handles after a new password'),
      });
      mountLogout(http, logoutPorts);
      mountSignOut(http, logoutPorts);
      mountDevice(http, {
        ...ports,
        devices: deviceAnswerStore(database),
        digestUserCode: ofUserCode,
        tries: createUserCodeTries(() => performance.now()),
      });
      mountLanguage(http, ports);
      mountLogos(http, snapshot);
      mountForClients(http, authenticate);
    },
    start() {
      const stopRevocations = revocations.start();
      const stopLogouts = logouts.start();
      const stopRecheck = parts.rechecks ? recheck.start() : () => Promise.resolve();
      const stopSweep = startSweep({
        database: parts.background,
        onSwept: (table, rows) => metrics.sweptRows.inc({ table }, rows),
        onEnded: (cause, grants) => metrics.grantsEnded.inc({ cause }, grants),
        onError: (error) => log.warn('expired rows could not be removed', errorFields(error)),
      });
      return async () => {
        await Promise.all([stopRevocations(), stopLogouts(), stopRecheck(), stopSweep()]);
      };
    },
  };
}

function requireServer({ current }: SnapshotSource): ServerRegistration {
  const server = current.server?.value;
  if (server === undefined) throw new Error('the server is not declared');
  return server;
}
