/**
 * The catalogue of the authorization server: what exists, what it is made of, in which order it starts and ends. Nothing
 * here touches the process; `main.ts` does.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { type DirectoryPort, DirectoryUnavailable } from './directory/directory.ts';
import { mountAssets } from './endpoints/assets.ts';
import { mountDiscovery } from './endpoints/discovery.ts';
import { createErrorPages } from './endpoints/error-page.ts';
import { mountManagement } from './endpoints/health.ts';
import { mountJwks } from './endpoints/jwks.ts';
import { mountToken } from './endpoints/token.ts';
import { clientCredentials } from './grants/client-credentials.ts';
import { type Grants, grantTypesOf } from './grants/index.ts';
import { admit } from './http/admission.ts';
import { createClientAuthentication } from './http/client-authentication.ts';
import { type Drain, trackConnections } from './http/drain.ts';
import { createErrorReply } from './http/error-reply.ts';
import { acceptFormsOnly } from './http/form.ts';
import { createHttp, defaultLimits, type HttpLimits } from './http/listener.ts';
import { measure } from './http/measure.ts';
import { type PressureOptions, watchPressure } from './http/pressure.ts';
import { createReadiness, type Readiness, serveOnlyWhenReady } from './http/readiness.ts';
import { createKeys, type Keys, systemClock } from './keys/key-set.ts';
import type { Signer } from './keys/keys.ts';
import { createSealer } from './keys/sealer.ts';
import { pathOfIssuer, targetWithinIssuer } from './protocol/endpoints.ts';
import { pageError } from './protocol/errors.ts';
import type { Clock } from './protocol/time.ts';
import { createFollower, type Follower } from './registry/follow.ts';
import { createHeartbeat } from './registry/heartbeat.ts';
import type { Database } from './store/database.ts';
import { signingKeyStore } from './store/signing-keys.ts';
import { createAuditLog, type EmitAudit } from './telemetry/audit-log.ts';
import { type Log, silentLog } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createTokenIssuer } from './tokens/issue.ts';
import { createUserFlows, type UserFlows } from './user-flows.ts';

export interface Address {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface ServerOptions {
  /** Migrated already. */
  readonly database: Database;
  /** Closes the database at the end. Default `false`. */
  readonly ownsDatabase?: boolean;
  readonly listen: Address;
  /** Health, metrics and {@link managementRoutes}. */
  readonly management: Address;
  /** 32 bytes each; the first one seals, the second one (the older key) is accepted while it is being replaced. */
  readonly keyEncryptionKeys: readonly Uint8Array[];
  readonly clock?: Clock;
  readonly log?: Log;
  /** Default: a registry of its own. */
  readonly metrics?: Registry;
  /** More documents on the management address, by path: what the function returns is answered as JSON. */
  readonly managementRoutes?: Readonly<Record<string, () => unknown>>;
  /** Name of this replica; default: the host name and a random end. */
  readonly replica?: string;
  /** What runs, for the metric `nauthera_build_info`. */
  readonly build?: { readonly version: string; readonly revision: string };
  readonly limits?: Partial<HttpLimits>;
  readonly pressure?: PressureOptions;
  /** What tests put between: each is given the real part and returns the one that is used. */
  readonly seams?: Seams;
}

export interface Seams {
  readonly signer?: (signer: Signer) => Signer;
  readonly onVerified?: () => void;
  readonly directory?: DirectoryPort;
}

export interface RunningServer {
  /** Where it listens; not the issuer. */
  readonly url: string;
  readonly managementUrl: string;
  /** Resolves when registry and keys are there and requests are served; rejects when it is stopped before. */
  ready(): Promise<void>;
  /**
   * Unready first; what is in flight finishes (at most 20 s), idle connections are closed at once. May be called twice.
   */
  stop(): Promise<void>;
}

/** Milliseconds that requests in flight have to finish. */
const drainCap = 20_000;

/** @throws when an address cannot be listened on; a database that is away only keeps it unready */
export async function start(options: ServerOptions): Promise<RunningServer> {
  const parts = construct(options);
  const { follower, keys, heartbeat, readiness, flows } = parts;
  const { http, httpDrain } = mountPublic(options, parts);
  const { management, managementDrain } = mountManagementServer(options, parts);

  await Promise.all([http.ready(), management.ready()]);
  const managementUrl = await listen(management, options.management);
  const url = await listen(http, options.listen).catch(async (error: unknown) => {
    await managementDrain.close(0);
    throw error;
  });
  parts.log.info('listening', { 'nauthera.url': url, 'nauthera.replica': parts.replica });

  // A server that was just declared waits for no interval.
  follower.onSwap((changed) => {
    if (changed === 'all' || changed.some(({ kind }) => kind === 'server')) {
      void keys.refresh().then(() => heartbeat.soon());
    }
  });
  void follower.start();
  keys.start();
  heartbeat.start();
  const stopFlows = flows.start();

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    readiness.drain();
    await httpDrain.close(drainCap);
    parts.pressure.stop();
    await Promise.all([keys.stop(), follower.stop(), stopFlows()]);
    await heartbeat.stop().catch(() => parts.log.warn('the last report could not be taken back'));
    await managementDrain.close(0);
    if (options.ownsDatabase === true) await options.database.close();
    parts.log.info('stopped');
    parts.log.flush();
  };
  return {
    url,
    managementUrl,
    ready: () => becomesReady(readiness, () => stopping !== undefined),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

interface Parts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly replica: string;
  readonly follower: Follower;
  readonly keys: Keys;
  readonly readiness: Readiness;
  readonly heartbeat: ReturnType<typeof createHeartbeat>;
  readonly pressure: ReturnType<typeof watchPressure>;
  readonly audit: EmitAudit;
  readonly flows: UserFlows;
}

function construct(options: ServerOptions): Parts {
  const { database, clock = systemClock } = options;
  const log = options.log ?? silentLog;
  const metrics = createMetrics(options.metrics ?? new Registry());
  metrics.buildInfo.set({ component: 'server', version: 'unknown', revision: 'unknown', ...options.build }, 1);
  const replica = options.replica ?? `${hostname()}-${randomBytes(4).toString('hex')}`;
  const sealer = createSealer(options.keyEncryptionKeys);
  const registryLog = log.named('registry');
  const onProblem = (problem: string): void => registryLog.warn('registry', { 'error.detail': problem });
  const follower = createFollower({
    database,
    sealer,
    onProblem,
    onRejected: ({ kind, id, problem }) =>
      registryLog.warn('a registration is left out', {
        'nauthera.kind': kind,
        'nauthera.id': id,
        'error.detail': problem,
      }),
  });
  const server = () => follower.current.server?.value;
  const monotonic = () => performance.now();
  const keys = createKeys({
    store: signingKeyStore(database),
    sealer,
    settings: () => server()?.signing,
    issuer: () => server()?.issuer,
    clock,
    monotonic,
    log: log.named('keys'),
    metrics,
    ...(options.seams?.onVerified === undefined ? {} : { onVerified: options.seams.onVerified }),
  });
  const readiness = createReadiness({
    registry: () => ({ declared: server() !== undefined, confirmedAt: finite(follower.confirmedAt) }),
    keys: () => ({ state: keys.state(), confirmedAt: keys.confirmedAt(), clockSkew: keys.clockSkew() }),
    monotonic,
  });
  const heartbeat = createHeartbeat({
    database,
    replica,
    follower,
    details: () => ({ directories: [], keys: keys.state() }),
    onProblem,
  });
  const pressure = watchPressure(options.pressure);
  const audit = createAuditLog(log, (event) => metrics.countAudit(event));
  const flows = createUserFlows({
    database,
    background: database,
    snapshot: follower,
    directory: options.seams?.directory ?? noDirectory,
    keys: keys.keySet,
    sealer,
    clock,
    log,
    audit,
    metrics,
  });
  return { log, metrics, clock, replica, follower, keys, readiness, heartbeat, pressure, audit, flows };
}

/** The public endpoints, in the order of a newcomer's reading. */
function mountPublic(options: ServerOptions, parts: Parts): { http: Http; httpDrain: Drain } {
  const { log, metrics, clock, follower, keys, readiness, audit, flows } = parts;
  const server = () => follower.current.server?.value;
  const signer = options.seams?.signer?.(keys.signer) ?? keys.signer;

  const http = createHttp({
    limits: { ...defaultLimits, ...options.limits },
    rewrite: (target) => targetWithinIssuer(target, issuerPath(server()?.issuer)),
  });
  const httpDrain = trackConnections(http);
  measure(http, { metrics, log: log.named('http') });
  admit(http, { pressure: parts.pressure, metrics });
  serveOnlyWhenReady(http, readiness);
  acceptFormsOnly(http);
  http.setErrorHandler(
    createErrorReply({
      renderError: createErrorPages(server),
      log: log.named('http'),
      issuer: () => server()?.issuer,
    }),
  );
  http.setNotFoundHandler(() => {
    throw pageError('not_found', 'there is nothing here');
  });

  const authenticate = createClientAuthentication({
    client: (clientId) => follower.current.client(clientId),
    onFailure: ({ reason, method, clientId, source }) => {
      metrics.clientAuthenticationFailures.inc({ method, reason });
      if (reason === 'throttled') metrics.rateLimited.inc({ limiter: 'client_auth' });
      audit({
        event: 'client.authentication_failed',
        outcome: 'refused',
        reason,
        clientAddress: source.address,
        ...(clientId === undefined ? {} : { clientId }),
      });
    },
    now: () => performance.now(),
  });
  const issue = createTokenIssuer({
    signer,
    clock,
    server: () => requireServer(server()),
    audiencesOfScope: (scope) => follower.current.scope(scope)?.value.audiences ?? [],
  });
  const grants: Grants = { ...flows.grants, client_credentials: clientCredentials };

  mountDiscovery(http, { snapshot: () => follower.current, grantTypes: grantTypesOf(grants) });
  mountJwks(http, keys.keySet);
  mountToken(http, { authenticate, grants, issue, audit, metrics });
  flows.mount(http);
  mountAssets(http);
  return { http, httpDrain };
}

type Http = ReturnType<typeof createHttp>;

function mountManagementServer(
  { limits, managementRoutes = {} }: ServerOptions,
  { log, metrics, follower, readiness }: Parts,
): { management: Http; managementDrain: Drain } {
  const management = createHttp({ limits: { ...defaultLimits, ...limits } });
  const managementDrain = trackConnections(management);
  acceptFormsOnly(management);
  management.setErrorHandler(
    createErrorReply({ renderError: ({ code }) => code, log: log.named('management'), issuer: () => undefined }),
  );
  mountManagement(management, {
    readiness,
    registry: metrics.registry,
    beforeScrape: () => measureRegistry(metrics, follower),
    routes: managementRoutes,
  });
  return { management, managementDrain };
}

function measureRegistry(metrics: Metrics, { current, confirmedAt, rejected }: Follower): void {
  metrics.registryRevision.set(current.revision.n);
  if (Number.isFinite(confirmedAt)) metrics.registryConfirmed.set((performance.now() - confirmedAt) / 1000);
  for (const [kind, count] of Object.entries(current.counts())) metrics.registryEntries.set({ kind }, count);
  metrics.registryRejected.set(rejected.length);
}

/** No directory can be asked: nobody signs in, and nothing is issued to a user. */
const noDirectory: DirectoryPort = {
  find: () => Promise.reject(new DirectoryUnavailable('', 'there is no directory')),
  authenticate: () => Promise.reject(new DirectoryUnavailable('', 'there is no directory')),
  lookup: ({ directory }) => Promise.reject(new DirectoryUnavailable(directory, 'there is no directory')),
};

/** The issuer changes never; its path is computed once. */
const issuerPaths = new Map<string, string>();

function issuerPath(issuer: string | undefined): string {
  if (issuer === undefined) return '';
  let path = issuerPaths.get(issuer);
  if (path === undefined) {
    path = pathOfIssuer(issuer);
    issuerPaths.set(issuer, path);
  }
  return path;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function requireServer<T>(server: T | undefined): T {
  if (server === undefined) throw new Error('the server is not declared');
  return server;
}

async function listen(app: Http, { host, port }: Address): Promise<string> {
  await app.listen({ host, port });
  const [address] = app.addresses();
  if (address === undefined || typeof address === 'string') throw new Error('no address');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

async function becomesReady(readiness: Readiness, isStopping: () => boolean): Promise<void> {
  while (readiness.problems().length > 0) {
    if (isStopping()) throw new Error('stopped before it was ready');
    await sleep(20);
  }
}
