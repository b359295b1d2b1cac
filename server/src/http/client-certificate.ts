/**
 * The certificate that a client proved to hold: that of its TLS connection, or what a trusted proxy says of the connection
 * that ended there (RFC 9440) and went on to the listener for mutual TLS. One peer is asked in one way: a trusted proxy that
 * passes certificates on speaks for others, so the certificate of its own connection there is never a client's.
 */
import { hash, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

export interface PresentedCertificate {
  readonly certificate: X509Certificate;
  /** What came along to lead to an authority; nothing of it is believed. */
  readonly intermediates: readonly X509Certificate[];
  /** SHA-256 of its DER in base64url, as in `x5t#S256` (RFC 8705 §3.1). */
  readonly thumbprint: string;
}

/** Requests of proxies that are believed about certificates. */
const proxied = new WeakSet<IncomingMessage>();

/** Asked once for each request, by whoever knows its peer. */
export function believeCertificateHeader(request: IncomingMessage): void {
  proxied.add(request);
}

const ofConnection = new WeakMap<TLSSocket, PresentedCertificate | null>();

/** `undefined`: none, or one that cannot be read. */
export function certificateOf(request: IncomingMessage): PresentedCertificate | undefined {
  if (proxied.has(request)) return certificateInHeader(request) ?? undefined;
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return undefined;
  let known = ofConnection.get(socket);
  // Nothing is agreed anew within a connection, so its certificate stays.
  if (known === undefined) {
    known = certificateOfPeer(socket);
    ofConnection.set(socket, known);
  }
  return known ?? undefined;
}

function certificateOfPeer(socket: TLSSocket): PresentedCertificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  const intermediates: X509Certificate[] = [];
  for (let next = certificate.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (intermediates.length === mostIntermediates) break;
    intermediates.push(next);
  }
  return { certificate, intermediates, thumbprint: thumbprintOf(certificate) };
}

const mostIntermediates = 8;
/** Characters of one certificate in base64. */
const longest = 16_384;

/** A byte sequence of RFC 8941 §3.3.5. */
const byteSequence = /^:([A-Za-z0-9+/]+={0,2}):$/;

/** RFC 9440 §2.2, §2.3. A header that is there twice, or that cannot be read, is no certificate. */
function certificateInHeader({ headersDistinct }: IncomingMessage): PresentedCertificate | null {
  const [value, ...more] = headersDistinct['client-cert'] ?? [];
  const certificate = value === undefined || more.length > 0 ? null : readBytes(value.trim());
  if (certificate === null) return null;
  const chain = (headersDistinct['client-cert-chain'] ?? []).flatMap((line) => line.split(','));
  const intermediates = chain.slice(0, mostIntermediates).flatMap((one) => readBytes(one.trim()) ?? []);
  return { certificate, intermediates, thumbprint: thumbprintOf(certificate) };
}

function readBytes(text: string): X509Certificate | null {
  const encoded = text.length > longest ? undefined : byteSequence.exec(text)?.[1];
  if (encoded === undefined) return null;
  try {
    return new X509Certificate(Buffer.from(encoded, 'base64'));
  } catch {
    return null;
  }
}

function thumbprintOf({ raw }: X509Certificate): string {
  return hash('sha256', raw, 'base64url');
}
