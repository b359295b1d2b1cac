/**
 * The only place that turns errors into replies. What strangers read is a registered code and constant text; what was found
 * goes to the log under the request's id, which the stranger is shown as a reference.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, type PageError, ProtocolError, statusOf } from '../protocol/errors.ts';
import { type AuthorizationResponse, errorResponse } from '../protocol/redirect-uri.ts';
import { errorFields, type Log } from '../telemetry/log.ts';
import { noStore, setPageHeaders } from './headers.ts';
import { HttpError, TokenMissing } from './http-error.ts';
import { factsOf } from './request-facts.ts';
import { sourceOf } from './source.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who reads the errors of this route: programs (`json`, the default) or people (`page`). */
    readonly errors?: 'json' | 'page';
  }
}

/** What an error page says; texts come from the catalogue by `code`. */
export interface ErrorPage {
  readonly code: ErrorCode | PageError;
  readonly status: number;
  /** Constant text for developers. */
  readonly description: string;
  /** The request's id, as in the log. */
  readonly reference: string;
}

export type RenderError = (page: ErrorPage, request: FastifyRequest) => string;

/** Sends an error to the client of an authorization request, in the way that its request would be answered in. */
export type DeliverResponse = (response: AuthorizationResponse, request: FastifyRequest, reply: FastifyReply) => void;

export interface ErrorReplyOptions {
  readonly renderError: RenderError;
  readonly deliver: DeliverResponse;
  readonly log: Log;
  /** The issuer, for challenges and HSTS; `undefined` until the operator has declared the server. */
  readonly issuer: () => string | undefined;
  /** A request was refused because the database did not answer, or too many wait for it. */
  readonly onShed?: (reason: 'database') => void;
}

export type ReplyWithError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

interface Answer {
  readonly code: ErrorCode | PageError;
  readonly status: number;
  readonly description: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function createErrorReply(options: ErrorReplyOptions): ReplyWithError {
  return (error, request, reply) => {
    const realm = options.issuer() ?? 'nauthera';
    const answer = answerTo(error, realm);
    const response = responseOf(error);
    const status = response === null ? statusOnPage(error, answer, request) : statusSent(response);
    logFailure(options.log, error, answer, { request, reply, status });
    if (isOfDatabase(error)) options.onShed?.('database');
    if (response !== null) return options.deliver(response, request, reply);
    if (deliveryOf(error, request) === 'page') {
      const page = forPeople(answer);
      const html = options.renderError({ ...page, reference: request.id }, request);
      setPageHeaders(reply, { https: realm.startsWith('https:') });
      void reply.code(page.status).headers(page.headers).send(html);
    } else {
      reply.code(answer.status);
      // RFC 6750 §3: a request without any token gets a challenge and no error.
      const body = error instanceof TokenMissing ? '' : JSON.stringify(errorWire(answer, request));
      void reply.headers(noStore).headers(answer.headers).send(body);
    }
  };
}

/** The code that an error is answered with, for metrics. */
export function answeredCode(error: unknown): string {
  return error instanceof ProtocolError ? error.code : answerTo(error, '').code;
}

/** `null`: not for a client of the authorization endpoint. */
function responseOf(error: unknown): AuthorizationResponse | null {
  if (!(error instanceof ProtocolError) || error.delivery.by !== 'redirect') return null;
  return errorResponse(error.delivery.to, error.code, error.description);
}

function statusSent({ by }: AuthorizationResponse): number {
  return by === 'uri' ? 303 : 200;
}

function statusOnPage(error: unknown, answer: Answer, request: FastifyRequest): number {
  return deliveryOf(error, request) === 'page' ? forPeople(answer).status : answer.status;
}

/** Challenges are for programs: a browser that meets one asks for a password in a window of its own, for whoever sent it. */
function forPeople(answer: Answer): Answer {
  const { 'www-authenticate': _challenge, ...headers } = answer.headers;
  return { ...answer, status: answer.status === 401 ? 400 : answer.status, headers };
}

/** RFC 6749 §5.2; `error_description` beside an unknown fault is the reference alone. */
function errorWire(answer: Answer, request: FastifyRequest): Record<string, string> {
  const reference = answer.code === 'server_error' ? ` (reference ${request.id})` : '';
  return { error: answer.code, error_description: `${answer.description}${reference}` };
}

function deliveryOf(error: unknown, request: FastifyRequest): 'json' | 'page' {
  if (error instanceof ProtocolError && error.delivery.by !== 'redirect') return error.delivery.by;
  return request.routeOptions.config?.errors ?? 'json';
}

const retrySoon = { 'retry-after': '2' } as const;

function answerTo(error: unknown, realm: string): Answer {
  if (error instanceof ProtocolError) {
    const { code, description } = error;
    // RFC 6749 §5.2: programs are told with 400, whatever a page says.
    const denied = code === 'access_denied' && error.delivery.by === 'json';
    const status = denied ? 400 : statusOf(code);
    return { code, status, description, headers: headersFor(code, description, realm) };
  }
  if (error instanceof HttpError) return error;
  if (error instanceof TokenMissing) {
    const headers = { 'www-authenticate': `Bearer realm="${realm}"` };
    return { code: 'invalid_token', status: 401, description: 'an access token is needed', headers };
  }
  return answerToStranger(error);
}

function headersFor(code: ErrorCode | PageError, description: string, realm: string): Readonly<Record<string, string>> {
  if (code === 'invalid_client') return { 'www-authenticate': `Basic realm="${realm}", charset="UTF-8"` };
  if (code === 'invalid_token' || code === 'insufficient_scope') {
    return { 'www-authenticate': `Bearer realm="${realm}", error="${code}", error_description="${description}"` };
  }
  return code === 'temporarily_unavailable' ? retrySoon : {};
}

/** Errors of the framework, of what we depend on, and surprises. */
function answerToStranger(error: unknown): Answer {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (unavailable.has(code)) {
    return { code: 'temporarily_unavailable', status: 503, description: 'try again in a moment', headers: retrySoon };
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500) {
    const description = requestProblems.get(status) ?? 'the request could not be read';
    return { code: 'invalid_request', status, description, headers: {} };
  }
  return { code: 'server_error', status: 500, description: 'something went wrong on our side', headers: {} };
}

const unavailable: ReadonlySet<string> = new Set([
  'database_unavailable',
  'directory_unavailable',
  'not_serving',
  'handler_timeout',
]);

function isOfDatabase(error: unknown): boolean {
  const found = error instanceof ProtocolError && error.cause !== undefined ? error.cause : error;
  return found instanceof Error && 'code' in found && found.code === 'database_unavailable';
}

const requestProblems: ReadonlyMap<number, string> = new Map([
  [404, 'there is nothing here'],
  [405, 'the method is not allowed here'],
  [408, 'the request took too long'],
  [413, 'the body is too large'],
  [414, 'the request target is too long'],
  [415, 'the body must be application/x-www-form-urlencoded'],
  [431, 'the headers are too large'],
]);

function logFailure(
  log: Log,
  error: unknown,
  answer: Answer,
  {
    request,
    reply,
    status,
  }: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly status: number },
): void {
  const level = answer.status >= 500 && answer.status !== 503 ? 'error' : answer.status === 503 ? 'warn' : 'info';
  log[level]('request failed', {
    'request.id': request.id,
    'http.request.method': request.method,
    'http.route': request.routeOptions.url,
    'http.response.status_code': status,
    duration_ms: Math.round(reply.elapsedTime),
    'client.address': sourceOf(request.raw).address,
    ...factsOf(request),
    ...failureFields(error, answer),
  });
}

/** A refusal is no fault of ours: its stack says nothing. */
function failureFields(error: unknown, answer: Answer): ReturnType<typeof errorFields> {
  const { 'error.detail': detail, 'error.stack': stack, ...fields } = errorFields(error);
  // What the developer of an application was told: constant text, never what was sent.
  const told = error instanceof ProtocolError || error instanceof HttpError ? answer.description : undefined;
  const said = detail ?? told;
  const cause = error instanceof ProtocolError && error.cause !== undefined ? errorFields(error.cause) : {};
  return {
    ...fields,
    'error.type': error instanceof ProtocolError || error instanceof HttpError ? answer.code : fields['error.type'],
    ...(said === undefined ? {} : { 'error.detail': said }),
    ...(stack === undefined || answer.status < 500 ? {} : { 'error.stack': stack }),
    ...(answer.status >= 500 ? cause : {}),
  };
}
