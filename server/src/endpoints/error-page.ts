/** Error pages: the catalogue's words for a code, in the reader's language. */
import type { FastifyRequest } from 'fastify';
import type { RenderError } from '../http/error-reply.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { errorPage } from '../views/index.ts';
import { frameOf } from './frame.ts';

export function createErrorPages(server: () => ServerRegistration | undefined): RenderError {
  return ({ code, description, reference }, request: FastifyRequest) => {
    const declared = server();
    return errorPage({
      ...frameOf(declared, request),
      code,
      description,
      reference,
      host: declared === undefined ? undefined : new URL(declared.issuer).host,
    });
  };
}
