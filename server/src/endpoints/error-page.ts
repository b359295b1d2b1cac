/** Error pages: the catalogue's words for a code, in the reader's language. */
import type { FastifyRequest } from 'fastify';
import type { RenderError } from '../http/error-reply.ts';
import { pathOfIssuer } from '../protocol/endpoints.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { errorPage, negotiateLanguage } from '../views/index.ts';

export function createErrorPages(server: () => ServerRegistration | undefined): RenderError {
  return ({ code, description, reference }, request: FastifyRequest) => {
    const { issuer, display_name } = server() ?? {};
    return errorPage({
      code,
      description,
      reference,
      language: negotiateLanguage({ acceptLanguage: request.headers['accept-language'] }),
      displayName: display_name ?? 'Nauthera',
      basePath: issuer === undefined ? '' : pathOfIssuer(issuer),
      host: issuer === undefined ? undefined : new URL(issuer).host,
    });
  };
}
