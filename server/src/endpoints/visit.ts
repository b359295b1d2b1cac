/** One HTTP request of a browser: its cookies and language, and the ways to answer it. */
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type PageHeaderOptions, setPageHeaders, takesGzip } from '../http/headers.ts';
import { HttpError } from '../http/http-error.ts';
import { defaultLimits } from '../http/listener.ts';
import { type CookieScheme, clearCookie, cookieScheme, readCookie, setCookie } from '../http/session-cookie.ts';
import { type Source, sourceOf } from '../http/source.ts';
import type { SignedInPage } from '../interaction/sealed-request.ts';
import { pageError, statusOf } from '../protocol/errors.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { Snapshot } from '../registry/snapshot.ts';
import { newHandle } from '../tokens/handle.ts';
import { type ErrorInput, errorPage, type Frame, requestedLanguage } from '../views/index.ts';
import type { FlowPorts } from './flow.ts';
import { frameOf } from './frame.ts';

export interface Visit {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** One snapshot for the whole request. */
  readonly snapshot: Snapshot;
  readonly server: ServerRegistration;
  readonly scheme: CookieScheme;
  readonly source: Source;
  /** Plain cookies; `undefined` when absent or malformed. */
  readonly handle: string | undefined;
  readonly browser: string | undefined;
  readonly frame: Frame;
}

/** @throws ProtocolError `temporarily_unavailable` until the operator has declared the server */
export function openVisit(ports: FlowPorts, request: FastifyRequest, reply: FastifyReply): Visit {
  const snapshot = ports.snapshot.current;
  const server = snapshot.server?.value;
  if (server === undefined) throw pageError('temporarily_unavailable', 'the server is not configured yet');
  const scheme = cookieScheme(server.issuer);
  const { cookie } = request.headers;
  return {
    request,
    reply,
    snapshot,
    server,
    scheme,
    source: sourceOf(request.raw),
    handle: readCookie(cookie, scheme.names.session),
    browser: readCookie(cookie, scheme.names.browser),
    frame: frameOf(server, request),
  };
}

/** The same visit in the language that the authorization request asked for (`ui_locales`), if it did. */
export function inLanguageOf(visit: Visit, uiLocales: string | undefined): Visit {
  const language = uiLocales === undefined ? undefined : requestedLanguage(uiLocales);
  return language === undefined ? visit : { ...visit, frame: { ...visit.frame, language, isLanguageAsked: true } };
}

/** Gives the browser a binding cookie if it has none; everything sealed from now on opens beside it alone. */
export function bindBrowser(visit: Visit): string {
  if (visit.browser !== undefined) return visit.browser;
  const browser = newHandle();
  visit.reply.header('set-cookie', setCookie(visit.scheme, 'browser', browser));
  return browser;
}

/** A cookie that opens nothing any more is not kept. */
export function forgetSession(visit: Visit): void {
  if (visit.handle !== undefined) visit.reply.header('set-cookie', clearCookie(visit.scheme, 'session'));
}

/** @throws ProtocolError `cookie_missing` */
export function requireBrowser(visit: Visit): string {
  if (visit.browser === undefined) throw pageError('cookie_missing', 'the browser sent no cookie of ours');
  return visit.browser;
}

export function sendPage(
  visit: Visit,
  html: string | Buffer,
  status = 200,
  policy: Pick<PageHeaderOptions, 'contentSecurityPolicy'> = {},
): FastifyReply {
  setPageHeaders(visit.reply, { https: visit.server.issuer.startsWith('https:'), ...policy });
  return visit.reply.code(status).send(html);
}

/**
 * For a page that holds one long thing twice, and nothing that its length could tell to somebody who tries requests: what the
 * request brought, names of applications, a session that is over. All other pages go out as they are.
 */
export function sendCompressed(
  visit: Visit,
  html: string,
  policy: Pick<PageHeaderOptions, 'contentSecurityPolicy'> = {},
): FastifyReply {
  if (!takesGzip(visit.request.headers['accept-encoding'])) return sendPage(visit, html, 200, policy);
  visit.reply.header('content-encoding', 'gzip');
  return sendPage(visit, gzipSync(html), 200, policy);
}

/** Characters of an address, or of a response, that a page has room for twice. */
export const longText = 4096;

/**
 * For a page that carries a request beside its address: where that is long, no language is offered, which would take the
 * address along.
 */
export function frameOnce({ frame }: Visit): Frame {
  return (frame.here?.length ?? 0) > longText ? { ...frame, here: undefined } : frame;
}

export function sendErrorPage(visit: Visit, input: Omit<ErrorInput, keyof Frame | 'reference'>): FastifyReply {
  const { code } = input;
  const status = statusOf(code);
  if (status === 503) visit.reply.header('retry-after', '2');
  return sendPage(visit, errorPage({ ...frameOnce(visit), reference: visit.request.id, ...input }), status);
}

/** To another page of ours. 303, so that a form is never posted twice by a reload. */
export function goTo(visit: Visit, page: OwnPage, parameters: Readonly<Record<string, string>>): FastifyReply {
  return leave(visit, pathOf(visit, page, parameters));
}

/** A redirect to where nothing was posted from: to a page of ours, or, from a silent request alone, to the client. */
export function leave(visit: Visit, uri: string): FastifyReply {
  setPageHeaders(visit.reply, { https: visit.server.issuer.startsWith('https:') });
  return visit.reply.code(303).header('location', uri).send('');
}

/**
 * What was posted, asked as a GET. Bytes that no URL may hold are escaped; nothing else is touched.
 * @throws HttpError 414 where nobody would take that GET
 */
export function goAsGet(visit: Visit, page: 'authorize' | 'logout', query: string): FastifyReply {
  const uri = `${pathOf(visit, page)}?${query.replaceAll(/[^\x21-\x7e]|#/gu, encodeURIComponent)}`;
  if (uri.length > defaultLimits.target) {
    throw new HttpError(414, 'invalid_request', { description: 'the request is too long' });
  }
  return leave(visit, uri);
}

export type OwnPage =
  | 'authorize'
  | 'logout'
  | 'sign-out'
  | 'signed-out'
  | 'login'
  | 'choose-account'
  | 'consent'
  | 'continue'
  | SignedInPage;

export function pathOf(visit: Visit, page: OwnPage, parameters: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(parameters).toString();
  return `${visit.frame.basePath}/${page}${query === '' ? '' : `?${query}`}`;
}
