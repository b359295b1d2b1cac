import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';

/** Where a request comes from, for limits and the log. Forwarded headers are never believed here. */
export interface Source {
  /** The peer's address. */
  readonly address: string;
  /**
   * 20 when the peer sends forwarded headers without being trusted: it may be a proxy for everybody, so limits per address
   * are 20 times as high, and never off, because a stranger can send the header too.
   */
  readonly limitFactor: 1 | 20;
  /** A trusted proxy named the address: it is that of whoever asks, and no proxy's. */
  readonly vouchedFor?: true;
}

const forwardedHeaders = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const;

export function sourceOf(request: IncomingMessage): Source {
  const address = request.socket.remoteAddress ?? 'unknown';
  const forwarded = forwardedHeaders.some((name) => request.headers[name] !== undefined);
  return { address, limitFactor: forwarded ? 20 : 1 };
}

/**
 * What limits per address count: of an IPv6 address the first 64 bits, since whoever has one of them has all others of that
 * network, and an address of IPv4 however it is written.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [bare = ''] = address.split('%');
  const [front = [], back = []] = bare.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const left = bare.includes('::') ? Array.from({ length: 8 - front.length - back.length }, () => '0') : [];
  return [...front, ...left, ...back].slice(0, 4).join(':');
}
