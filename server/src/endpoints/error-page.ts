/** Error pages: the catalogue's words for a code, in the reader's language. */
import type { FastifyRequest } from 'fastify';
import type { RenderError } from '../http/error-reply.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { errorPage } from '../views/index.ts';
import { frameOf } from './frame.ts';

export function createErrorPages(server: () => ServerRegistration | undefined): RenderError {
  return ({ code, description, reference }, request: FastifyRequest) => {
    const declared = server();
    const frame = frameOf(declared, request);
    // What was asked for and could not be answered now may be asked for again; a form is not sent twice by us.
    const again = code === 'temporarily_unavailable' && frame.here !== undefined ? { retry: { href: frame.here } } : {};
    return errorPage({
      ...frame,
      ...again,
      code,
      description,
      reference,
      host: declared === undefined ? undefined : new URL(declared.issuer).host,
    });
  };
}
