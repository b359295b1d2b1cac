import type { FastifyReply } from 'fastify';

const signals = new WeakMap<FastifyReply['raw'], AbortSignal>();

/**
 * Aborts when the peer goes away before its answer was sent. The framework's own `request.signal` will not do: it follows
 * the `close` of the request, which comes as soon as the body of a POST was read.
 */
export function departureOf(reply: FastifyReply): AbortSignal {
  const known = signals.get(reply.raw);
  if (known !== undefined) return known;
  const controller = new AbortController();
  const left = (): void => {
    if (!reply.raw.writableFinished) controller.abort();
  };
  // Asked for late, the peer may have gone already.
  if (reply.raw.destroyed) left();
  else reply.raw.once('close', left);
  signals.set(reply.raw, controller.signal);
  return controller.signal;
}
