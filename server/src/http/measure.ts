/** One duration per request, by route and never by path; one line at debug. */
import type { FastifyInstance } from 'fastify';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { sourceOf } from './source.ts';

export function measure(
  app: FastifyInstance,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.httpDuration.observe(
      {
        http_request_method: request.method,
        http_route: route,
        http_response_status_code: reply.statusCode,
      },
      reply.elapsedTime / 1000,
    );
    if (log.writes('debug')) {
      log.debug('request', {
        'request.id': request.id,
        'http.request.method': request.method,
        'http.route': route,
        'http.response.status_code': reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime),
        'client.address': sourceOf(request.raw).address,
      });
    }
    done();
  });
}
