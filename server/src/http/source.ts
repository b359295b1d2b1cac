import { randomFillSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type BlockList, isIPv6 } from 'node:net';
import { familyOf, networksOf, plainAddress } from '../protocol/networks.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { believeCertificateHeader } from './client-certificate.ts';
import { forwardedFor } from './forwarded.ts';

/** Where a request comes from, for limits and the log. Nothing else is ever taken from a proxy's word. */
export interface Source {
  /** The client's address where a trusted proxy names it; else the peer's. */
  readonly address: string;
  /**
   * 20 when the peer sends forwarded headers without being trusted: it may be a proxy for everybody, so limits per address
   * are 20 times as high, and never off, because a stranger can send the header too.
   */
  readonly limitFactor: 1 | 20;
  /** Whether the address is surely the client's own: a trusted proxy named it. Left out: no. */
  readonly trustworthy?: boolean;
}

export type TrustedProxies = NonNullable<ServerRegistration['trusted_proxies']>;

const forwardedHeaders = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const;

const found = Symbol('source');

/** Where it comes from, and whether its peer is a proxy that is trusted. */
interface Found {
  readonly source: Source;
  readonly trusted: boolean;
}

declare module 'node:http' {
  interface IncomingMessage {
    [found]?: Found;
  }
}

/** As the listener found it; a request that came through none comes from its peer. */
export function sourceOf(request: IncomingMessage): Source {
  return request[found]?.source ?? sourceOfPeer(request);
}

/** Whether its peer is a proxy that is trusted. */
export function isFromTrustedProxy(request: IncomingMessage): boolean {
  return request[found]?.trusted === true;
}

function sourceOfPeer(request: IncomingMessage): Source {
  return { address: request.socket.remoteAddress ?? 'unknown', limitFactor: isForwarded(request) ? 20 : 1 };
}

function isForwarded({ headers }: IncomingMessage): boolean {
  return forwardedHeaders.some((name) => headers[name] !== undefined);
}

/** What is known of a request before anything else of it is looked at. */
export interface Arrival {
  readonly source: Source;
  /** 32 hexadecimal digits of ours, or what a trusted proxy sent as `X-Request-Id`. */
  readonly requestId: string;
}

export interface ArrivalOptions {
  readonly trusted?: (() => TrustedProxies | undefined) | undefined;
  /**
   * Whether a trusted proxy may name the certificate of a client in a header. Where anybody may come through the same proxies
   * they need not remove what a stranger wrote into it, so only a listener that asks for certificates does. Default: no.
   */
  readonly certificates?: boolean;
  /** Told of every request, and whether its peer forwards it without being trusted. */
  readonly onArrival?: ((untrustedProxy: boolean) => void) | undefined;
}

/** Reads where a request comes from and remembers it for {@link sourceOf}. */
export function createArrivals({
  trusted,
  certificates = false,
  onArrival,
}: ArrivalOptions): (request: IncomingMessage) => Arrival {
  const networks = remembered();
  return (request) => {
    const proxies = trusted?.();
    const peer = plainAddress(request.socket.remoteAddress ?? 'unknown');
    const known = proxies === undefined ? undefined : networks(proxies);
    const isTrusted = known?.has(peer) === true;
    onArrival?.(!isTrusted && isForwarded(request));
    if (proxies === undefined || known === undefined || !isTrusted) {
      const source = sourceOfPeer(request);
      request[found] = { source, trusted: false };
      return { source, requestId: newRequestId() };
    }
    if (certificates && proxies.certificate_header !== undefined) believeCertificateHeader(request);
    const source = sourceBehind(request, { proxies, networks: known, peer });
    request[found] = { source, trusted: true };
    return { source, requestId: sentRequestId(request) ?? newRequestId() };
  };
}

interface TrustedPeer {
  readonly proxies: TrustedProxies;
  readonly networks: Networks;
  readonly peer: string;
}

/**
 * The nearest address that is no proxy of ours: what stands before it, the client itself may have written. Only proxies in
 * the list: the farthest of them asked. Where the list cannot be read, the proxy stands for everybody behind it.
 */
function sourceBehind(request: IncomingMessage, { proxies, networks, peer }: TrustedPeer): Source {
  const value = request.headers[proxies.header];
  if (value === undefined) return { address: peer, limitFactor: 20 };
  const chain = typeof value === 'string' ? forwardedFor(proxies.header, value) : [];
  const nearest = chain.findLastIndex((address) => address === null || !networks.has(address));
  const client = chain[Math.max(nearest, 0)];
  if (client === null || client === undefined) return { address: peer, limitFactor: 20 };
  return { address: plainAddress(client), limitFactor: 1, trustworthy: true };
}

const poolOfRequestIds = Buffer.alloc(4096);
let used = poolOfRequestIds.length;

/** Random bytes come from the system in larger pieces: a call for each id would cost more than the id. */
function newRequestId(): string {
  if (used === poolOfRequestIds.length) {
    randomFillSync(poolOfRequestIds);
    used = 0;
  }
  used += 16;
  return poolOfRequestIds.toString('hex', used - 16, used);
}

function sentRequestId({ headers }: IncomingMessage): string | undefined {
  const sent = headers['x-request-id'];
  return typeof sent === 'string' && /^[A-Za-z0-9._-]{8,128}$/.test(sent) ? sent : undefined;
}

interface Networks {
  has(address: string): boolean;
}

/** Addresses that are remembered: a few proxies ask again and again, and strangers must not fill the memory. */
const maxRemembered = 256;

/** Reads the networks again only when they are others, and judges an address once. */
function remembered(): (proxies: TrustedProxies) => Networks {
  let last: TrustedProxies | undefined;
  let networks: Networks | undefined;
  return (proxies) => {
    if (networks === undefined || proxies !== last) networks = judged(networksOf(proxies.cidrs));
    last = proxies;
    return networks;
  };
}

function judged(list: BlockList): Networks {
  const verdicts = new Map<string, boolean>();
  return {
    has(address) {
      const known = verdicts.get(address);
      if (known !== undefined) return known;
      const plain = plainAddress(address);
      const family = familyOf(plain);
      const verdict = family !== null && list.check(plain, family);
      if (verdicts.size === maxRemembered) verdicts.clear();
      verdicts.set(address, verdict);
      return verdict;
    },
  };
}

/**
 * What limits per address count: of an IPv6 address the first 64 bits, since whoever has one of them has all others of that
 * network, and an address of IPv4 however it is written.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [bare = ''] = plain.split('%');
  const [front = [], back = []] = bare.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const left = bare.includes('::') ? Array.from({ length: 8 - front.length - back.length }, () => '0') : [];
  return [...front, ...left, ...back].slice(0, 4).join(':');
}
