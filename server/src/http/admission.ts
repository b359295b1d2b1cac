/**
 * Who is let in, decided in the first hook and before the body is read: a queue would only be a slower refusal. Classes are
 * counted apart, so that a flood of one does not stop the other; documents are never refused.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';
import { atEnd, routeOf } from './exchange.ts';
import { noStore, setPageHeaders } from './headers.ts';
import { HttpError } from './http-error.ts';
import { createLimiter } from './limiter.ts';
import type { Pressure } from './pressure.ts';
import { networkOf, sourceOf } from './source.ts';

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
  /**
   * Pages a minute for one address; default 3000, since a whole office may stand behind one. Pages alone: pods that fetch
   * tokens share addresses.
   */
  readonly pagesPerMinute?: number;
  /** What people read in place of the JSON that programs get; it must cost next to nothing. */
  readonly busyPage: (request: FastifyRequest) => string;
  /** Milliseconds, never going backwards. */
  readonly now?: () => number;
}

const body = JSON.stringify({
  error: 'temporarily_unavailable',
  error_description: 'too many requests, try again in a moment',
});

function tooMany(wait: number): HttpError {
  return new HttpError(429, 'temporarily_unavailable', {
    description: 'too many requests, try again in a moment',
    headers: { 'retry-after': String(wait) },
  });
}

function shed({ busyPage }: AdmissionOptions, request: FastifyRequest, reply: FastifyReply): void {
  reply.code(503).header('retry-after', '1');
  if (routeOf(request).config?.errors !== 'page') {
    void reply.headers(noStore).send(body);
    return;
  }
  // Nothing of it needs to be pinned to https: another answer of ours does that.
  setPageHeaders(reply, { https: false });
  void reply.send(busyPage(request));
}

export function admit(app: FastifyInstance, options: AdmissionOptions): void {
  const { pressure, metrics, maxInFlight = 256, pagesPerMinute = 3000, now = () => performance.now() } = options;
  const inFlight = { token: 0, page: 0 };
  const left = { token: () => void (inFlight.token -= 1), page: () => void (inFlight.page -= 1) };
  const shield = createLimiter({ perMinute: pagesPerMinute, maxKeys: 10_000, now });
  app.addHook('onRequest', (request, reply, done) => {
    const kind = routeOf(request).config?.admission ?? 'page';
    if (kind === 'exempt') return done();
    const late = pressure.isHigh();
    if (late || inFlight[kind] >= maxInFlight) {
      metrics.requestsShed.inc({ reason: late ? 'event_loop' : 'in_flight' });
      return shed(options, request, reply);
    }
    if (kind === 'page') {
      const { address, limitFactor } = sourceOf(request.raw);
      const network = networkOf(address);
      const wait = shield.wait(network, limitFactor);
      if (wait > 0) {
        metrics.rateLimited.inc({ limiter: 'address' });
        return done(tooMany(wait));
      }
      shield.count(network, limitFactor);
    }
    inFlight[kind] += 1;
    atEnd(reply.raw, left[kind]);
    done();
  });
}
