/** Forms and queries as text: the framework decodes nothing, so that repeats and odd encodings are seen (RFC 6749 §3.2). */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Delivery } from '../protocol/errors.ts';
import { type ParameterReading, type Parameters, readParameters, requireParameters } from '../protocol/parameters.ts';
import { HttpError } from './http-error.ts';

/**
 * The media type in its usual spelling, optionally with the one parameter that clients add. Anything that two parsers could
 * read differently (a tab, a suffix, other case) is none.
 */
const formType =
  /^application\/x-www-form-urlencoded(?:; ?charset=(?:[Uu][Tt][Ff]-8|[Ii][Ss][Oo]-8859-1|[Uu][Ss]-[Aa][Ss][Cc][Ii][Ii]))?$/;

export function isFormContentType(header: string | undefined): boolean {
  return header !== undefined && formType.test(header);
}

/** Every body that this server takes is a form. Checked before the body is read. */
export function acceptFormsOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', (request, _reply, done) => {
    // A POST without a body has no type (userinfo takes its token in the header).
    const { 'content-type': type, 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    const empty = type === undefined && encoding === undefined && (length === undefined || length === '0');
    if (request.method === 'POST' && !request.is404 && !empty && !isFormContentType(type)) {
      done(
        new HttpError(415, 'invalid_request', { description: 'the body must be application/x-www-form-urlencoded' }),
      );
    } else done();
  });
}

/** The body's parameters; endpoints that may answer by redirect look at `problem` themselves. */
export function readForm(request: FastifyRequest): ParameterReading {
  const { body } = request;
  const text = typeof body === 'string' ? body : '';
  // The framework decodes leniently: a replacement character stands for bytes that were no UTF-8.
  if (text.includes('\ufffd')) return { parameters: new Map(), problem: 'malformed' };
  return readParameters(text);
}

/** The query's parameters. */
export function readQuery(request: FastifyRequest): ParameterReading {
  return readParameters(queryText(request));
}

/** @throws ProtocolError `invalid_request` */
export function requireForm(request: FastifyRequest, delivery: Delivery): Parameters {
  return requireParameters(readForm(request), delivery);
}

/** What follows the first `?` of the request target; empty without one. */
export function queryText(request: FastifyRequest): string {
  const target = request.raw.url ?? '';
  const start = target.indexOf('?');
  return start < 0 ? '' : target.slice(start + 1);
}
