/**
 * The catalogue of the authorization server: what exists, and in which order it starts and ends. Its long-lived parts are
 * built in `parts.ts`. Nothing here touches the process; `main.ts` does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { mountAssets } from './endpoints/assets.ts';
import { mountDiscovery } from './endpoints/discovery.ts';
import { createErrorPages } from './endpoints/error-page.ts';
import { mountManagement } from './endpoints/health.ts';
import { mountJwks } from './endpoints/jwks.ts';
import { carriesRequest } from './endpoints/pages.ts';
import { createDelivery } from './endpoints/respond.ts';
import { mountToken } from './endpoints/token.ts';
import { clientCredentials } from './grants/client-credentials.ts';
import { type Grants, grantTypesOf } from './grants/index.ts';
import { admit } from './http/admission.ts';
import { createAssertionJudge, createKeyFetcher } from './http/client-assertion.ts';
import { type AuthenticateClient, createClientAuthentication } from './http/client-authentication.ts';
import { createClientKeys } from './http/client-keys.ts';
import { admitOrigins } from './http/cross-origin.ts';
import { type Drain, trackConnections } from './http/drain.ts';
import { createErrorReply } from './http/error-reply.ts';
import { acceptFormsOnly } from './http/form.ts';
import { listen } from './http/listen.ts';
import { createHttp, defaultLimits } from './http/listener.ts';
import { measure } from './http/measure.ts';
import { type Readiness, serveOnlyWhenReady } from './http/readiness.ts';
import { openServingCertificate, type ServingCertificate } from './http/serving-certificate.ts';
import type { RunningServer, ServerOptions } from './options.ts';
import { createParts, type Parts } from './parts.ts';
import { pathOfIssuer, targetWithinIssuer } from './protocol/endpoints.ts';
import { pageError } from './protocol/errors.ts';

export { KeyFileInvalid, readKeyFile, requireOutsideDatabase } from './config/key-file.ts';
export type { Address } from './http/listen.ts';
export { AddressRefused } from './http/listen.ts';
export { TlsFolderInvalid } from './http/serving-certificate.ts';
export type { RunningServer, Seams, ServerOptions } from './options.ts';
export { createLog, type Log } from './telemetry/log.ts';

/** Milliseconds that requests in flight have to finish. */
const drainCap = 20_000;

interface Listener {
  readonly app: FastifyInstance;
  readonly drain: Drain;
}

/** @throws AddressRefused when an address cannot be listened on, TlsFolderInvalid; a database that is away only keeps it unready */
export async function start(options: ServerOptions): Promise<RunningServer> {
  const parts = createParts(options);
  const { log, readiness } = parts;
  const certificate = await openCertificate(options, parts);
  const open = publicListener(options, parts, certificate);
  const management = managementListener(options, parts);
  await Promise.all([open.app.ready(), management.app.ready()]);
  const managementUrl = await listen(management.app, options.management, '--management');
  const url = await listen(open.app, options.listen, '--listen').catch(async (error: unknown) => {
    certificate?.stop();
    await management.drain.close(0);
    throw error;
  });
  log.info('listening', { 'nauthera.url': url, 'nauthera.replica': parts.replica });
  const stopParts = run(parts);

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    readiness.drain();
    await open.drain.close(drainCap);
    certificate?.stop();
    await stopParts();
    await management.drain.close(0);
    if (options.ownsDatabase === true) await options.database.close();
    log.info('stopped');
    log.flush();
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

/** What listeners with TLS show. */
async function openCertificate({ tls }: ServerOptions, parts: Parts): Promise<ServingCertificate | undefined> {
  if (tls === undefined) return undefined;
  const certificate = await openServingCertificate({ ...tls, log: parts.log.named('http') });
  const measured = (): void =>
    parts.metrics.tlsCertificateExpiry.set({ use: 'serving' }, certificate.current.expiresAt / 1000);
  measured();
  certificate.onChange(measured);
  return certificate;
}

/** Starts what runs beside requests; returns how it ends. */
function run({
  follower,
  keys,
  pairwiseSalt,
  directories,
  heartbeat,
  flows,
  pressure,
  proxies,
  server,
  log,
}: Parts): () => Promise<void> {
  let trusted: string | undefined;
  follower.onSwap(() => {
    const now = JSON.stringify(server()?.trusted_proxies);
    if (now !== trusted) proxies.forget();
    trusted = now;
  });
  // A server that was just declared waits for no interval.
  follower.onSwap((changed) => {
    if (changed === 'all' || changed.some(({ kind }) => kind === 'server')) {
      void keys.refresh().then(() => heartbeat.soon());
    }
  });
  void follower.start();
  keys.start();
  pairwiseSalt.start();
  heartbeat.start();
  directories?.onProbe(() => heartbeat.soon());
  directories?.start();
  const stopFlows = flows.start();
  return async () => {
    pressure.stop();
    directories?.stop();
    await Promise.all([keys.stop(), pairwiseSalt.stop(), follower.stop(), stopFlows()]);
    await heartbeat.stop().catch(() => log.warn('the last report could not be taken back'));
  };
}

function publicListener(options: ServerOptions, parts: Parts, certificate: ServingCertificate | undefined): Listener {
  const { log, metrics, server, readiness, pressure, follower, keys, audit, flows, proxies } = parts;
  const app = createHttp({
    limits: { ...defaultLimits, ...options.limits },
    rewrite: pathWithinIssuer(() => server()?.issuer),
    isSealed: carriesRequest,
    arrivals: {
      trusted: () => server()?.trusted_proxies,
      onArrival: (untrustedProxy) => proxies.count(untrustedProxy),
    },
    ...(certificate === undefined ? {} : { tls: { certificate } }),
  });
  const drain = trackConnections(app);
  measure(app, { metrics, log: log.named('http') });
  admitOrigins(app, { isRegistered: (origin) => follower.current.isAllowedOrigin(origin) });
  const { maxInFlight } = options;
  admit(app, { pressure, metrics, ...(maxInFlight === undefined ? {} : { maxInFlight }) });
  serveOnlyWhenReady(app, readiness);
  acceptFormsOnly(app);
  const renderError = createErrorPages(server);
  const deliver = createDelivery(server);
  app.setErrorHandler(
    createErrorReply({ renderError, deliver, log: log.named('http'), issuer: () => server()?.issuer }),
  );
  app.setNotFoundHandler(() => {
    throw pageError('not_found', 'there is nothing here');
  });

  const audiencesOfScope = (scope: string) => follower.current.scope(scope)?.value.audiences ?? [];
  const { accessTokens, declared } = parts;
  const grants: Grants = {
    ...flows.grants,
    client_credentials: clientCredentials({ audiencesOfScope, accessTokens, server: declared }),
  };
  mountDiscovery(app, { snapshot: () => follower.current, grantTypes: grantTypesOf(grants) });
  mountJwks(app, keys.keySet);
  const authenticate = clientAuthentication(options, parts);
  mountToken(app, {
    authenticate,
    grants,
    issue: parts.tokens.answer,
    audit,
    metrics,
  });
  flows.mount(app, authenticate);
  mountAssets(app);
  return { app, drain };
}

function clientAuthentication({ seams }: ServerOptions, parts: Parts): AuthenticateClient {
  const { follower, metrics, audit, server, clock, assertions, outbound, log, secretUses } = parts;
  const clientKeys = createClientKeys({
    gate: outbound,
    now: () => performance.now(),
    onProblem: (clientId, problem) =>
      log.named('http').warn('the keys of a client', { 'nauthera.client.id': clientId, 'error.detail': problem }),
  });
  const serverNamespace = () => follower.current.server?.owner.namespace ?? '';
  const assertion = { server, serverNamespace, clock, clientKeys, onVerified: seams?.onVerified };
  return createClientAuthentication({
    client: (clientId) => follower.current.client(clientId),
    judgeAssertion: createAssertionJudge(assertion),
    fetchKeys: createKeyFetcher(assertion),
    useAssertion: (assertion) => assertions.use(assertion),
    onOlderSecret: (digest) => secretUses.note(digest),
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
}

function managementListener({ limits, managementRoutes = {} }: ServerOptions, parts: Parts): Listener {
  const { log, metrics, readiness } = parts;
  const app = createHttp({ limits: { ...defaultLimits, ...limits } });
  const drain = trackConnections(app);
  acceptFormsOnly(app);
  const renderError = ({ code }: { readonly code: string }): string => code;
  const deliver = createDelivery(() => undefined);
  app.setErrorHandler(
    createErrorReply({ renderError, deliver, log: log.named('management'), issuer: () => undefined }),
  );
  mountManagement(app, {
    readiness,
    registry: metrics.registry,
    beforeScrape: () => measureRegistry(parts),
    routes: managementRoutes,
  });
  return { app, drain };
}

function measureRegistry({ metrics, directories, follower: { current, confirmedAt, rejected } }: Parts): void {
  metrics.registryRevision.set(current.revision.n);
  if (Number.isFinite(confirmedAt)) metrics.registryConfirmed.set((performance.now() - confirmedAt) / 1000);
  for (const [kind, count] of Object.entries(current.counts())) metrics.registryEntries.set({ kind }, count);
  metrics.registryRejected.set(rejected.length);
  for (const { directory, server, up } of directories?.servers() ?? []) {
    metrics.ldapServerUp.set({ directory, server }, up ? 1 : 0);
  }
}

/** Asked for every request, so the path of the last issuer is remembered. */
function pathWithinIssuer(issuer: () => string | undefined): (target: string) => string {
  let known = { issuer: '', path: '' };
  return (target) => {
    const current = issuer();
    if (current === undefined) return target;
    if (current !== known.issuer) known = { issuer: current, path: pathOfIssuer(current) };
    return targetWithinIssuer(target, known.path);
  };
}

async function becomesReady(readiness: Readiness, isStopping: () => boolean): Promise<void> {
  while (readiness.problems().length > 0) {
    if (isStopping()) throw new Error('stopped before it was ready');
    await sleep(20);
  }
}
