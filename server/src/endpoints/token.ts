/**
 * The token endpoint (RFC 6749 §3.2). It owns what all grants share, in this order: the form, who the client is, what is
 * asked, whether the client may; then the grant decides, and what it gave is signed.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GrantContext } from '../grants/grant.ts';
import { type Grants, redeem } from '../grants/index.ts';
import type { AuthenticateClient } from '../http/client-authentication.ts';
import { type ClientRequest, readClientRequest } from '../http/client-request.ts';
import { departureOf } from '../http/departure.ts';
import { answeredCode } from '../http/error-reply.ts';
import { noStore } from '../http/headers.ts';
import { HttpError } from '../http/http-error.ts';
import { noteFacts } from '../http/request-facts.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { jsonError } from '../protocol/errors.ts';
import { parseTokenRequest, type TokenGrantType, type TokenRequest } from '../protocol/token-request.ts';
import { auditedClient } from '../telemetry/audit.ts';
import type { EmitAudit } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Issuance, IssueTokens, TokenResponseWire } from '../tokens/issue.ts';

export interface TokenEndpointParts {
  readonly authenticate: AuthenticateClient;
  readonly grants: Grants;
  readonly issue: IssueTokens;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
}

/** What is known of a request so far, for its metric. */
interface Progress {
  client: AuthenticatedClient | undefined;
  grantType: TokenGrantType | undefined;
}

export function mountToken(app: FastifyInstance, parts: TokenEndpointParts): void {
  const config = { errors: 'json', admission: 'token' } as const;
  app.post(endpointPaths.token, { config }, (request, reply) => serve(parts, request, reply));
  app.route({
    method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: endpointPaths.token,
    config,
    handler: () => {
      throw new HttpError(405, 'invalid_request', { description: 'use POST', headers: { allow: 'POST' } });
    },
  });
}

async function serve(parts: TokenEndpointParts, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const progress: Progress = { client: undefined, grantType: undefined };
  try {
    // What is there at once is not waited for: each turn of the microtask queue costs every request some microseconds.
    const admitted = admit(parts, request, reply, progress);
    const { client, asked, context } = admitted instanceof Promise ? await admitted : admitted;
    const redeemed = redeem(parts.grants, asked, client, context);
    const issuance = redeemed instanceof Promise ? await redeemed : redeemed;
    const response = await parts.issue(issuance);
    told(parts, issuance, response, client, asked.grantType, context);
    count(parts.metrics, progress, 'success');
    // Not returned: a reply is a thenable, and would be waited for.
    void reply.headers(noStore).send(JSON.stringify(response));
  } catch (error) {
    count(parts.metrics, progress, answeredCode(error));
    noteFacts(request, {
      'nauthera.client.id': progress.client?.registration.client_id,
      'nauthera.grant_type': progress.grantType,
    });
    throw error;
  }
}

interface Admitted {
  readonly client: AuthenticatedClient;
  readonly asked: TokenRequest;
  readonly context: GrantContext;
}

/** Who asks for what. */
function admit(
  parts: TokenEndpointParts,
  request: FastifyRequest,
  reply: FastifyReply,
  progress: Progress,
): Admitted | Promise<Admitted> {
  const asked = readClientRequest(parts.authenticate, request);
  return asked instanceof Promise
    ? asked.then((one) => admitClient(request, reply, progress, one))
    : admitClient(request, reply, progress, asked);
}

function admitClient(
  request: FastifyRequest,
  reply: FastifyReply,
  progress: Progress,
  { client, parameters, source, certificate }: ClientRequest,
): Admitted {
  progress.client = client;
  const asked = parseTokenRequest(parameters);
  progress.grantType = asked.grantType;
  if (!client.registration.grant_types.includes(asked.grantType)) {
    throw jsonError('unauthorized_client', 'the client may not use this grant type');
  }
  // RFC 8705 §3.4 leaves it to us: a token that is not bound would be worth more than the client wanted.
  if (client.registration.tls_client_certificate_bound_access_tokens === true && certificate === undefined) {
    throw jsonError('invalid_request', 'tokens of this client are bound to a certificate: ask over mutual TLS');
  }
  return { client, asked, context: new RequestContext(request.id, source.address, reply) };
}

class RequestContext implements GrantContext {
  readonly requestId: string;
  readonly clientAddress: string;
  readonly #reply: FastifyReply;

  constructor(requestId: string, clientAddress: string, reply: FastifyReply) {
    this.requestId = requestId;
    this.clientAddress = clientAddress;
    this.#reply = reply;
  }

  /** Few grants wait for anything that could be given up: made for each request it would cost more than its form. */
  get signal(): AbortSignal {
    return departureOf(this.#reply);
  }
}

/** What a user's grant gives is an audit row of the statement that gave it; without one it is a line of the log stream. */
function told(
  { audit, metrics }: TokenEndpointParts,
  issuance: Issuance,
  response: TokenResponseWire,
  client: AuthenticatedClient,
  grantType: TokenGrantType,
  request: GrantContext,
): void {
  const format = issuance.opaqueToken === undefined ? 'jwt' : 'opaque';
  metrics.tokensIssued.inc({ kind: 'access', format, grant_type: grantType });
  if (response.id_token !== undefined) metrics.tokensIssued.inc({ kind: 'id', format: 'jwt', grant_type: grantType });
  if (response.refresh_token !== undefined) {
    metrics.tokensIssued.inc({ kind: 'refresh', format: 'opaque', grant_type: grantType });
  }
  if (issuance.user !== null) return;
  const { scopes } = issuance;
  const { requestId, clientAddress } = request;
  const who = auditedClient(client.registration, client.uid, client.allowedBy);
  audit({ event: 'token.issued', outcome: 'success', requestId, clientAddress, ...who, grantType, scopes });
}

function count(metrics: Metrics, { client, grantType }: Progress, outcome: string): void {
  metrics.tokenRequests.inc({
    grant_type: grantType ?? 'unknown',
    client_auth_method: client?.method ?? 'unknown',
    outcome,
  });
}
