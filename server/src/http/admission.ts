/**
 * Who is let in, decided in the first hook and before the body is read: a queue would only be a slower refusal. Classes are
 * counted apart, so that a flood of one does not stop the other; documents are never refused.
 */
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';
import { noStore } from './headers.ts';
import type { Pressure } from './pressure.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Default `page`; `exempt` for documents and health. */
    readonly admission?: 'token' | 'page' | 'exempt';
  }
}

export interface AdmissionOptions {
  readonly pressure: Pressure;
  readonly metrics: Metrics;
  /** Requests in flight per class; default 256 each, some 60 ms of work for tokens. */
  readonly maxInFlight?: number;
}

const body = JSON.stringify({
  error: 'temporarily_unavailable',
  error_description: 'too many requests, try again in a moment',
});

export function admit(app: FastifyInstance, { pressure, metrics, maxInFlight = 256 }: AdmissionOptions): void {
  const inFlight = { token: 0, page: 0 };
  app.addHook('onRequest', (request, reply, done) => {
    const kind = request.routeOptions.config?.admission ?? 'page';
    if (kind === 'exempt') return done();
    const late = pressure.isHigh();
    if (late || inFlight[kind] >= maxInFlight) {
      metrics.requestsShed.inc({ reason: late ? 'event_loop' : 'in_flight' });
      void reply.code(503).headers(noStore).header('retry-after', '1').send(body);
      return;
    }
    inFlight[kind] += 1;
    // `close` comes once whatever became of the answer; `finish` does not come when the client has gone.
    reply.raw.once('close', () => {
      inFlight[kind] -= 1;
    });
    done();
  });
}
