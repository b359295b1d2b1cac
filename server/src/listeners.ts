/** The listeners for clients and browsers: the same rules in the same order, and what each of them serves. */
import { constants } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { mountAssets } from './endpoints/assets.ts';
import { createBusyPage } from './endpoints/busy-page.ts';
import { mountDiscovery } from './endpoints/discovery.ts';
import { createErrorPages } from './endpoints/error-page.ts';
import { mountJwks } from './endpoints/jwks.ts';
import { carriesRequest } from './endpoints/pages.ts';
import { createDelivery } from './endpoints/respond.ts';
import { mountToken } from './endpoints/token.ts';
import { clientCredentials } from './grants/client-credentials.ts';
import { type Grants, grantTypesOf } from './grants/index.ts';
import { admit } from './http/admission.ts';
import { createCertificateJudge, createCertificateKeyFetcher } from './http/certificate-judge.ts';
import { createAssertionJudge, createKeyFetcher } from './http/client-assertion.ts';
import { type AuthenticateClient, createClientAuthentication } from './http/client-authentication.ts';
import { createClientKeys } from './http/client-keys.ts';
import { admitOrigins } from './http/cross-origin.ts';
import { type Drain, trackConnections } from './http/drain.ts';
import { createErrorReply } from './http/error-reply.ts';
import { acceptFormsOnly } from './http/form.ts';
import { createHttp, defaultLimits } from './http/listener.ts';
import { measure } from './http/measure.ts';
import { serveOnlyWhenReady } from './http/readiness.ts';
import type { TlsListenerOptions } from './http/secure-server.ts';
import type { ServingCertificate } from './http/serving-certificate.ts';
import { traceRequests } from './http/trace-requests.ts';
import type { ServerOptions } from './options.ts';
import type { Parts } from './parts.ts';
import { pathOfIssuer, targetWithinIssuer } from './protocol/endpoints.ts';
import { pageError } from './protocol/errors.ts';
import { auditedClient } from './telemetry/audit.ts';
import { tracedAuthentication } from './traced.ts';

export interface Listener {
  readonly app: FastifyInstance;
  readonly drain: Drain;
}

/** What listeners share, so that a limit counts whichever of them was asked. */
export interface Served {
  readonly grants: Grants;
  readonly authenticate: AuthenticateClient;
}

export function createServed(options: ServerOptions, parts: Parts): Served {
  const { follower, flows, accessTokens, declared } = parts;
  const audiencesOfScope = (scope: string) => follower.current.scope(scope)?.value.audiences ?? [];
  const grants: Grants = {
    ...flows.grants,
    client_credentials: clientCredentials({ audiencesOfScope, accessTokens, server: declared }),
  };
  const authenticate = clientAuthentication(options, parts);
  const { tracing } = options;
  return { grants, authenticate: tracing === undefined ? authenticate : tracedAuthentication(authenticate, tracing) };
}

export function publicListener(
  options: ServerOptions,
  parts: Parts,
  served: Served,
  certificate: ServingCertificate | undefined,
): Listener {
  const { follower, keys, flows } = parts;
  const listener = listenerFor(options, parts, certificate === undefined ? undefined : { certificate });
  const { app } = listener;
  mountDiscovery(app, { snapshot: () => follower.current, grantTypes: grantTypesOf(served.grants) });
  mountJwks(app, keys.keySet);
  mountTokenEndpoint(app, parts, served);
  flows.mount(app, served.authenticate);
  mountAssets(app);
  return listener;
}

/**
 * RFC 8705 §5. It asks for a certificate and takes any: whom it speaks for, if anybody, is judged when a client is known, so
 * that self-signed ones do. No authorities are named either, since clients would then keep those back.
 */
export function mutualTlsListener(
  options: ServerOptions,
  parts: Parts,
  served: Served,
  certificate: ServingCertificate,
): Listener {
  const listener = listenerFor(options, parts, {
    certificate,
    clients: { requestCert: true, rejectUnauthorized: false },
    // A resumed session would bring back the certificate without what leads to its authority.
    more: () => ({ secureOptions: constants.SSL_OP_NO_TICKET }),
  });
  const { app } = listener;
  app.addHook('onRequest', (_request, _reply, done) => {
    if (parts.server()?.mutual_tls === undefined) throw pageError('not_found', 'there is nothing here');
    done();
  });
  mountTokenEndpoint(app, parts, served);
  parts.flows.mountForClients(app, served.authenticate);
  return listener;
}

function mountTokenEndpoint(app: FastifyInstance, parts: Parts, { authenticate, grants }: Served): void {
  const { tokens, audit, metrics } = parts;
  mountToken(app, { authenticate, grants, issue: tokens.answer, audit, metrics });
}

function listenerFor(options: ServerOptions, parts: Parts, tls: TlsListenerOptions | undefined): Listener {
  const { log, metrics, server, readiness, pressure, follower, proxies } = parts;
  const app = createHttp({
    limits: { ...defaultLimits, ...options.limits },
    rewrite: pathWithinIssuer(() => server()?.issuer),
    isSealed: carriesRequest,
    arrivals: {
      trusted: () => server()?.trusted_proxies,
      certificates: tls?.clients !== undefined,
      onArrival: (untrustedProxy) => proxies.count(untrustedProxy),
    },
    ...(tls === undefined ? {} : { tls }),
  });
  const drain = trackConnections(app);
  if (options.tracing !== undefined) traceRequests(app, options.tracing);
  measure(app, { metrics, log: log.named('http') });
  admitOrigins(app, { isRegistered: (origin) => follower.current.isAllowedOrigin(origin) });
  const { maxInFlight } = options;
  const busyPage = createBusyPage(server);
  admit(app, { pressure, metrics, busyPage, ...(maxInFlight === undefined ? {} : { maxInFlight }) });
  serveOnlyWhenReady(app, readiness);
  acceptFormsOnly(app);
  const renderError = createErrorPages(server);
  const deliver = createDelivery(server);
  app.setErrorHandler(
    createErrorReply({
      renderError,
      deliver,
      log: log.named('http'),
      issuer: () => server()?.issuer,
      onShed: (reason) => metrics.requestsShed.inc({ reason }),
    }),
  );
  app.setNotFoundHandler(() => {
    throw pageError('not_found', 'there is nothing here');
  });
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
  const certificate = { server, clock, clientKeys };
  return createClientAuthentication({
    client: (clientId) => follower.current.client(clientId),
    judgeAssertion: createAssertionJudge(assertion),
    fetchKeys: createKeyFetcher(assertion),
    judgeCertificate: createCertificateJudge(certificate),
    fetchCertificateKeys: createCertificateKeyFetcher(certificate),
    useAssertion: (assertion) => assertions.use(assertion),
    onOlderSecret: (digest) => secretUses.note(digest),
    onFailure: ({ reason, method, client, source, requestId }) => {
      metrics.clientAuthenticationFailures.inc({ method, reason });
      if (reason === 'throttled') metrics.rateLimited.inc({ limiter: 'client_auth' });
      audit({
        event: 'client.authentication_failed',
        outcome: 'refused',
        reason,
        ...(requestId === undefined ? {} : { requestId }),
        clientAddress: source.address,
        ...(client === undefined ? {} : auditedClient(client.value, client.owner.uid, client.allowedBy)),
      });
    },
    now: () => performance.now(),
  });
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
