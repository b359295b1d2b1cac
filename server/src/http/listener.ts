/** An HTTP server of ours with its limits, request ids and graceful end. */
import type { IncomingMessage, RequestListener } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { atEnd } from './exchange.ts';
import { handleTogether } from './handle-together.ts';
import { HandlerTimeout, HttpError } from './http-error.ts';
import { OpenList } from './open-list.ts';
import { createSecureServer, type TlsListenerOptions } from './secure-server.ts';
import { type ArrivalOptions, createArrivals } from './source.ts';

/** Limits of a request; over one of them nothing is asked, hashed or bound. */
export interface HttpLimits {
  /** Bytes; default 32 KiB (413). */
  readonly body: number;
  /** Bytes of the request target; default 16 KiB (414). */
  readonly target: number;
  /** Bytes of a request target that carries what we sealed from one; default 28 KiB (414). */
  readonly sealedTarget: number;
  /** Bytes of all headers; default 32 KiB (431). */
  readonly headers: number;
  /** Milliseconds until the whole request must have arrived; default 10 s. */
  readonly requestTimeout: number;
  /** Milliseconds that a handler may take; default 8 s. */
  readonly handlerTimeout: number;
  /** Milliseconds that an idle connection is kept; default 72 s. */
  readonly keepAliveTimeout: number;
  /** Open sockets; default 10 000. */
  readonly sockets: number;
  /** Milliseconds that a TLS handshake may take; default 5 s. */
  readonly handshakeTimeout: number;
}

export const defaultLimits: HttpLimits = {
  body: 32_768,
  target: 16_384,
  sealedTarget: 28_672,
  headers: 32_768,
  requestTimeout: 10_000,
  handlerTimeout: 8_000,
  keepAliveTimeout: 72_000,
  sockets: 10_000,
  handshakeTimeout: 5_000,
};

export interface HttpOptions {
  readonly limits: HttpLimits;
  /** Maps the request target to a route's path. */
  readonly rewrite?: (target: string) => string;
  /** Whether a target carries what we sealed. Default: none does. */
  readonly isSealed?: (target: string) => boolean;
  /** Default: no proxy is trusted. */
  readonly arrivals?: ArrivalOptions;
  /** Default: plain HTTP. */
  readonly tls?: TlsListenerOptions;
}

const tooLarge = 'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const timedOut = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const malformed = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

const clientErrors: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', tooLarge],
  ['ERR_HTTP_REQUEST_TIMEOUT', timedOut],
]);

/** Where a target over the limit is sent: it is not even decoded. */
const tooLong = '/-/too-long';

export function createHttp({
  limits,
  rewrite,
  isSealed = () => false,
  arrivals = {},
  tls,
}: HttpOptions): FastifyInstance {
  const arrivalOf = createArrivals(arrivals);
  // Without the interval slow requests are looked for every 30 s only.
  const http = { maxHeaderSize: limits.headers, connectionsCheckingInterval: 1000 };
  const app = Fastify({
    logger: false,
    bodyLimit: limits.body,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    // Ids are ours: an incoming one, but for that of a trusted proxy, would let a stranger choose what is searched for.
    requestIdHeader: false,
    genReqId: (request) => arrivalOf(request).requestId,
    // A HEAD that runs the handler of a flow could issue something that nobody reads.
    exposeHeadRoutes: false,
    return503OnClosing: false,
    http,
    ...(tls === undefined
      ? {}
      : { serverFactory: (handler: RequestListener) => createSecureServer(tls, { http, ...limits }, handler) }),
    rewriteUrl: (request: IncomingMessage) => {
      const target = request.url ?? '/';
      if (target.length > limits.target && (target.length > limits.sealedTarget || !isSealed(target))) return tooLong;
      return rewrite === undefined ? target : rewrite(target);
    },
    routerOptions: { maxParamLength: 100, querystringParser: () => ({}) },
    clientErrorHandler(error, socket) {
      const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
      // Before the end of a handshake there is nobody to read an answer.
      const handshaking = code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS');
      if (socket.writable && code !== 'ECONNRESET' && !handshaking) socket.write(clientErrors.get(code) ?? malformed);
      socket.destroy();
    },
  });
  app.server.maxConnections = limits.sockets;
  app.server.headersTimeout = limits.requestTimeout;
  // The framework sets these on servers of its own making alone.
  app.server.requestTimeout = limits.requestTimeout;
  app.server.keepAliveTimeout = limits.keepAliveTimeout;
  app.all(tooLong, { config: { admission: 'exempt' } }, () => {
    throw new HttpError(414, 'invalid_request', { description: 'the request target is too long' });
  });
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  limitTime(app, limits.handlerTimeout);
  handleTogether(app);
  return app;
}

/**
 * Answers 503 when a handler takes too long; what it does is not stopped. The framework's own limit would abort a signal
 * at the end of every request, which costs more than all the rest of it but the signature; one timer stands for all of
 * them, since whoever began first is due first.
 */
function limitTime(app: FastifyInstance, limit: number): void {
  const open = new OpenList<{ readonly reply: FastifyReply; readonly due: number }>();
  let timer: NodeJS.Timeout | undefined;
  const wait = (milliseconds: number): void => {
    timer = setTimeout(refuse, milliseconds).unref();
  };
  const refuse = (): void => {
    timer = undefined;
    const now = performance.now();
    for (const { reply, due } of open) {
      if (due > now) return wait(due - now);
      if (!reply.sent) void reply.send(new HandlerTimeout());
    }
  };
  app.addHook('preHandler', (_request, reply, done) => {
    atEnd(reply.raw, open.add({ reply, due: performance.now() + limit }));
    if (timer === undefined) wait(limit);
    done();
  });
}
