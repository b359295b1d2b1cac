/** Error pages: the catalogue's words for a code, in the reader's language. */
import type { FastifyRequest } from 'fastify';
import type { RenderError } from '../http/error-reply.ts';
import { pathOfIssuer } from '../protocol/endpoints.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { type ErrorInput, errorPage, negotiateLanguage } from '../views/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a flow knows that its error page should show: the application, the way back, what to try. */
    errorPage: Partial<Omit<ErrorInput, 'code' | 'reference' | 'language' | 'displayName' | 'basePath'>> | null;
  }
}

export function createErrorPages(server: () => ServerRegistration | undefined): RenderError {
  return ({ code, description, reference }, request: FastifyRequest) =>
    errorPage({
      code,
      description,
      reference,
      language: negotiateLanguage({ acceptLanguage: request.headers['accept-language'] }),
      displayName: server()?.display_name ?? 'Nauthera',
      basePath: pathOfIssuer(server()?.issuer ?? 'http://localhost'),
      ...request.errorPage,
    });
}
