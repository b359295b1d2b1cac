/** Forms and queries as text: the framework decodes nothing, so that repeats and odd encodings are seen (RFC 6749 §3.2). */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Delivery } from '../protocol/errors.ts';
import { type ParameterReading, type Parameters, readParameters, requireParameters } from '../protocol/parameters.ts';
import { routeOf } from './exchange.ts';
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
  // By its name too: the framework takes a type apart each time that only `*` knows.
  for (const type of ['application/x-www-form-urlencoded', '*']) {
    app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  }
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'POST' && routeOf(request).url !== undefined && !isForm(request)) {
      done(
        new HttpError(415, 'invalid_request', { description: 'the body must be application/x-www-form-urlencoded' }),
      );
    } else done();
  });
}

/** A POST without any body is an empty form, e.g. at userinfo with the token in the header. */
function isForm({ headers }: FastifyRequest): boolean {
  const type = headers['content-type'];
  if (type !== undefined) return isFormContentType(type);
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
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
