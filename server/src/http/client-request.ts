/** What the endpoints that clients call with their credentials share: the form, and who the client is, in this order. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import type { AuthenticateClient } from './client-authentication.ts';
import { certificateOf, type PresentedCertificate } from './client-certificate.ts';
import { narrowOrigin } from './cross-origin.ts';
import { queryText, requireForm } from './form.ts';
import { HttpError } from './http-error.ts';
import { type Source, sourceOf } from './source.ts';

export interface ClientRequest {
  readonly client: AuthenticatedClient;
  readonly parameters: Parameters;
  readonly source: Source;
  /** What the client proved to hold. */
  readonly certificate: PresentedCertificate | undefined;
}

/**
 * At once, unless who the client is cannot be judged at once.
 *
 * @throws ProtocolError `invalid_request`, `invalid_client`
 * @throws HttpError 429 after too many failures
 */
export function readClientRequest(
  authenticate: AuthenticateClient,
  request: FastifyRequest,
): ClientRequest | Promise<ClientRequest> {
  // Credentials and tokens in a URL end up in logs and histories: whatever stands there is refused with them.
  if (queryText(request) !== '') throw jsonError('invalid_request', 'parameters belong in the body');
  const parameters = requireForm(request, { by: 'json' });
  const source = sourceOf(request.raw);
  const { authorization } = request.headers;
  const certificate = certificateOf(request.raw);
  const asked: Asked = { request, parameters, source, certificate };
  const client = authenticate({ authorization, parameters, source, certificate, requestId: request.id });
  return client instanceof Promise ? client.then((one) => askedBy(asked, one)) : askedBy(asked, client);
}

type Asked = Omit<ClientRequest, 'client'> & { readonly request: FastifyRequest };

function askedBy({ request, parameters, source, certificate }: Asked, client: AuthenticatedClient): ClientRequest {
  narrowOrigin(request.raw, client.registration);
  return { client, parameters, source, certificate };
}

/** Every method but POST is answered with 405. */
export function takePostOnly(app: FastifyInstance, url: string): void {
  app.route({
    method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url,
    config: { errors: 'json', admission: 'token' },
    handler: () => {
      throw new HttpError(405, 'invalid_request', { description: 'use POST', headers: { allow: 'POST' } });
    },
  });
}
