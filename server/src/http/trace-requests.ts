/** One span per request, named by method and route. Mounted only where there is tracing. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { OpenSpan, Tracing } from '../telemetry/tracing.ts';
import { atEnd } from './exchange.ts';
import { noteFacts } from './request-facts.ts';
import { isFromTrustedProxy, sourceOf } from './source.ts';

/** To be mounted before all other hooks: what they do is part of it. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  const spans = new WeakMap<FastifyRequest, OpenSpan>();
  // Whatever waits in between forgets what it was part of: for its body, and for others that are handled with it.
  const goOn = (request: FastifyRequest, done: () => void): void => {
    const span = spans.get(request);
    if (span === undefined) done();
    else span.within(done);
  };
  app.addHook('onRequest', (request, reply, done) => {
    const span = begin(tracing, request);
    spans.set(request, span);
    // Its own line is written when nothing of it is under way any more.
    noteFacts(request, span.within(() => tracing.current()) ?? {});
    // Also for whoever hung up.
    atEnd(reply.raw, ({ statusCode }) => {
      span.set({ 'http.response.status_code': statusCode });
      if (statusCode >= 500) span.fail(String(statusCode));
      span.end();
    });
    span.within(done);
  });
  app.addHook('preHandler', (request, _reply, done) => goOn(request, done));
}

function begin(tracing: Tracing, request: FastifyRequest): OpenSpan {
  const route = request.routeOptions.url;
  const sent = isFromTrustedProxy(request.raw) ? request.headers.traceparent : undefined;
  return tracing.begin(route === undefined ? request.method : `${request.method} ${route}`, {
    server: true,
    traceparent: typeof sent === 'string' ? sent : undefined,
    fields: {
      'request.id': request.id,
      'http.request.method': request.method,
      ...(route === undefined ? {} : { 'http.route': route }),
      'client.address': sourceOf(request.raw).address,
    },
  });
}
