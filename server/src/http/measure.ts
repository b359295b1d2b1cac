/** One duration per request, by route and never by path; one line at debug. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { atEnd, routeOf } from './exchange.ts';
import { factsOf } from './request-facts.ts';
import { sourceOf } from './source.ts';

export function measure(
  app: FastifyInstance,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
): void {
  app.addHook('onRequest', (request, reply, done) => {
    const began = performance.now();
    atEnd(reply.raw, ({ statusCode, writableFinished }) => {
      if (writableFinished) tell(request, statusCode, performance.now() - began);
    });
    done();
  });

  const tell = (request: FastifyRequest, statusCode: number, milliseconds: number): void => {
    const route = routeOf(request).url ?? 'none';
    metrics.httpDuration.observe(
      { http_request_method: request.method, http_route: route, http_response_status_code: statusCode },
      milliseconds / 1000,
    );
    if (log.writes('debug')) {
      log.debug('request', {
        'request.id': request.id,
        'http.request.method': request.method,
        'http.route': route,
        'http.response.status_code': statusCode,
        duration_ms: Math.round(milliseconds),
        'client.address': sourceOf(request.raw).address,
        ...factsOf(request),
      });
    }
  };
}
