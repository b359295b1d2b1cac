/** The long-lived parts of a server, built in the order in which they need each other. Nothing runs yet. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { createDirectories, type Directories } from './directory/directories.ts';
import type { DirectoryPort } from './directory/directory.ts';
import { type Pressure, watchPressure } from './http/pressure.ts';
import { createProxyWatch, type ProxyWatch } from './http/proxy-watch.ts';
import { createReadiness, type Readiness } from './http/readiness.ts';
import { createKeys, type Keys, type KeysState, systemClock } from './keys/key-set.ts';
import { createPairwiseSalt, type PairwiseSalt } from './keys/pairwise-salt.ts';
import { createSealer, type KeyedSealer } from './keys/sealer.ts';
import type { ServerOptions } from './options.ts';
import type { OutboundGate } from './outbound/gate.ts';
import { createOutboundGate } from './outbound/open-gate.ts';
import type { Clock } from './protocol/time.ts';
import { createFollower, type Follower } from './registry/follow.ts';
import { createHeartbeat, type Heartbeat } from './registry/heartbeat.ts';
import type { ServerRegistration } from './registry/registration.ts';
import type { DirectoryProbe, SweepReport } from './registry/report.ts';
import { createSecretUses, type SecretUses } from './registry/secret-uses.ts';
import { type AccessTokenStore, accessTokenStore } from './store/access-tokens.ts';
import type { Database } from './store/database.ts';
import { observed } from './store/observed.ts';
import { sealedSecretStore } from './store/sealed-secrets.ts';
import { serviceBindStore } from './store/service-binds.ts';
import { signingKeyStore } from './store/signing-keys.ts';
import { type UsedAssertionStore, usedAssertionStore } from './store/used-assertions.ts';
import { createAuditLog, type EmitAudit } from './telemetry/audit-log.ts';
import { type Log, silentLog } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { logWithin, type Tracing } from './telemetry/tracing.ts';
import { createTokenIssuer, type TokenIssuer } from './tokens/issue.ts';
import { type SessionNames, sessionNames } from './tokens/session-name.ts';
import { type SubjectOf, subjectFor } from './tokens/subject.ts';
import { recordLoad, tracedDatabase, tracedDirectory, tracedSigner } from './traced.ts';
import { createUserFlows, type UserFlows } from './user-flows.ts';

export interface Parts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly replica: string;
  readonly audit: EmitAudit;
  readonly follower: Follower;
  /** `undefined` until the operator has declared the server. */
  readonly server: () => ServerRegistration | undefined;
  /** @throws Error until then */
  readonly declared: () => ServerRegistration;
  readonly keys: Keys;
  readonly pairwiseSalt: PairwiseSalt;
  /** The one way from a user's own subject to what a client is told. */
  readonly subjectOf: SubjectOf;
  readonly sessionNames: SessionNames;
  /** `undefined`: another port is asked in their place. */
  readonly directories: Directories | undefined;
  readonly directory: DirectoryPort;
  readonly assertions: UsedAssertionStore;
  readonly accessTokens: AccessTokenStore;
  readonly outbound: OutboundGate;
  readonly secretUses: SecretUses;
  readonly proxies: ProxyWatch;
  /** Everything that is signed for a client. */
  readonly tokens: TokenIssuer;
  readonly flows: UserFlows;
  readonly readiness: Readiness;
  readonly heartbeat: Heartbeat;
  readonly pressure: Pressure;
}

export function createParts(options: ServerOptions): Parts {
  const { seams = {}, clock = systemClock, tracing } = options;
  const log = tracing === undefined ? (options.log ?? silentLog) : logWithin(options.log ?? silentLog, tracing);
  const metrics = createMetrics(options.metrics ?? new Registry());
  metrics.buildInfo.set({ component: 'server', version: 'unknown', revision: 'unknown', ...options.build }, 1);
  const replica = options.replica ?? `${hostname()}-${randomBytes(4).toString('hex')}`;
  const audit = createAuditLog(log, (event) => metrics.countAudit(event));
  const sealer = createSealer(options.keyEncryptionKeys);
  const timed = observed(options.database, {
    done: (statement, seconds) => metrics.databaseDuration.observe({ statement }, seconds),
    failed: (errorClass) => metrics.databaseErrors.inc({ class: errorClass }),
    auditFailed: () => metrics.auditWriteFailures.inc(),
  });
  const counted = seams.database?.(timed, 'request') ?? timed;
  const database = tracing === undefined ? counted : tracedDatabase(counted, tracing);
  const background = seams.database?.(timed, 'background') ?? timed;

  const follower = followRegistry({ database: background, sealer, log: log.named('registry'), audit, tracing });
  const server = () => follower.current.server?.value;
  const monotonic = () => performance.now();
  const keys = createKeys({
    store: signingKeyStore(background),
    sealer,
    settings: () => server()?.signing,
    issuer: () => server()?.issuer,
    clock,
    monotonic,
    log: log.named('keys'),
    metrics,
    ...(seams.onVerified === undefined ? {} : { onVerified: seams.onVerified }),
  });
  const pairwiseSalt = createPairwiseSalt({
    store: sealedSecretStore(background),
    sealer,
    log: log.named('keys'),
  });
  const subjectOf: SubjectOf = (client, subject) => subjectFor(client, subject, () => pairwiseSalt.current());
  const names = sessionNames(() => pairwiseSalt.current());
  const keysState = (): KeysState => worst(keys.state(), pairwiseSalt.state());
  const reportedKeys = () => {
    const state = keysState();
    return state === 'ready' && keys.isRotationOverdue() ? 'rotation_overdue' : state;
  };
  const directories = createDirectories({
    snapshots: follower,
    serviceBinds: serviceBindStore(background),
    fingerprintKey: sealer.derive('service account passwords'),
    clock,
    log: log.named('directory'),
    observe: (operation) => {
      const { directory, server, operation: verb, outcome, milliseconds, references } = operation;
      metrics.ldapDuration.observe({ directory, server, operation: verb, outcome }, milliseconds / 1000);
      if (references !== undefined) metrics.ldapReferences.inc({ directory }, references);
      seams.onLdapOperation?.(operation);
    },
  });
  const declared = (): ServerRegistration => {
    const registration = server();
    if (registration === undefined) throw new Error('the server is not declared');
    return registration;
  };
  const asked = seams.directory ?? directories;
  const directory = tracing === undefined ? asked : tracedDirectory(asked, tracing);
  const ownSigner = seams.signer?.(keys.signer) ?? keys.signer;
  const signer = tracing === undefined ? ownSigner : tracedSigner(ownSigner, tracing);
  const tokens = createTokenIssuer({
    signer,
    clock,
    server: declared,
    audiencesOfScope: (scope) => follower.current.scope(scope)?.value.audiences ?? [],
    subjectOf,
    sessionNames: names,
  });
  const outbound = createOutboundGate({ allowed: () => server()?.outbound_allowed, ...seams.outbound });
  const flows = createUserFlows({
    database,
    background,
    snapshot: follower,
    directory,
    keys: keys.keySet,
    signer,
    outbound,
    issueFrontChannel: tokens.frontChannel,
    subjectOf,
    sessionNames: names,
    sealer,
    clock,
    log,
    audit,
    metrics,
    tracing,
    rechecks: seams.recheck !== 'off',
  });
  const readiness = createReadiness({
    registry: () => ({ declared: server() !== undefined, confirmedAt: finite(follower.confirmedAt) }),
    keys: () => ({ state: keysState(), confirmedAt: keys.confirmedAt(), clockSkew: keys.clockSkew() }),
    monotonic,
  });
  const proxies = createProxyWatch(monotonic);
  const secretUses = createSecretUses();
  const heartbeat = createHeartbeat({
    database: background,
    replica,
    follower,
    details: () => ({
      directories: withSweeps(directories.probes(), flows.recheck.halted()),
      keys: reportedKeys(),
      untrustedProxy: proxies.isUntrusted(),
    }),
    secretUses,
    onProblem: (problem) => log.named('registry').warn('the report of this replica', { 'error.detail': problem }),
  });
  const pressure = watchPressure(options.pressure);
  return {
    log,
    metrics,
    clock,
    replica,
    audit,
    follower,
    server,
    declared,
    keys,
    pairwiseSalt,
    subjectOf,
    sessionNames: names,
    directories: seams.directory === undefined ? directories : undefined,
    directory,
    assertions: usedAssertionStore(database),
    accessTokens: accessTokenStore(database),
    secretUses,
    proxies,
    outbound,
    tokens,
    flows,
    readiness,
    heartbeat,
    pressure,
  };
}

interface FollowParts {
  readonly database: Database;
  readonly sealer: KeyedSealer;
  readonly log: Log;
  readonly audit: EmitAudit;
  readonly tracing: Tracing | undefined;
}

function followRegistry({ database, sealer, log, audit, tracing }: FollowParts): Follower {
  return createFollower({
    database,
    sealer,
    ...(tracing === undefined ? {} : { onLoaded: (loaded) => recordLoad(tracing, loaded) }),
    onProblem: (problem) => log.warn('the registry', { 'error.detail': problem }),
    onRejected: ({ kind, id, problem }) => {
      log.warn('a registration is left out', { 'nauthera.kind': kind, 'nauthera.id': id, 'error.detail': problem });
      audit({ event: 'registration.rejected', outcome: 'refused', reason: problem, registrations: [`${kind}/${id}`] });
    },
  });
}

function withSweeps(
  probes: readonly DirectoryProbe[],
  halted: ReadonlyMap<string, SweepReport>,
): readonly DirectoryProbe[] {
  return probes.map((probe) => {
    const sweepHalted = halted.get(probe.directory);
    return sweepHalted === undefined ? probe : { ...probe, sweepHalted };
  });
}

/** A replica is as far as the last of its secrets. */
function worst(...states: readonly KeysState[]): KeysState {
  const order: readonly KeysState[] = ['key_encryption_key_mismatch', 'pending'];
  return order.find((state) => states.includes(state)) ?? 'ready';
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
