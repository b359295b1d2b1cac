import type { IncomingMessage } from 'node:http';

/** Where a request comes from, for limits and the log. Forwarded headers are never believed here. */
export interface Source {
  /** The peer's address. */
  readonly address: string;
  /**
   * 20 when the peer sends forwarded headers without being trusted: it may be a proxy for everybody, so limits per address
   * are 20 times as high, and never off, because a stranger can send the header too.
   */
  readonly limitFactor: 1 | 20;
}

const forwardedHeaders = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const;

export function sourceOf(request: IncomingMessage): Source {
  const address = request.socket.remoteAddress ?? 'unknown';
  const forwarded = forwardedHeaders.some((name) => request.headers[name] !== undefined);
  return { address, limitFactor: forwarded ? 20 : 1 };
}
