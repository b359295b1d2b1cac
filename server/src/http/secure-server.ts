/** The TLS side of a listener: what is bounded before the first byte of a request. */
import type { RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { MoreContext, ServingCertificate } from './serving-certificate.ts';

export interface TlsListenerOptions {
  readonly certificate: ServingCertificate;
  /** Beside certificate and key, e.g. `ca`; asked again with each change of the certificate. */
  readonly more?: MoreContext;
  /** Whether clients are asked for a certificate, and what becomes of one that is not verified. Default: not asked. */
  readonly clients?: Pick<ServerOptions, 'requestCert' | 'rejectUnauthorized'>;
}

export interface SecureServerLimits {
  readonly http: Pick<ServerOptions, 'maxHeaderSize' | 'connectionsCheckingInterval'>;
  /** Milliseconds from the connection to the end of the handshake; then it is cut. */
  readonly handshakeTimeout: number;
}

/** HTTP/1.1 over TLS that follows the certificate's changes. */
export function createSecureServer(
  { certificate, more, clients }: TlsListenerOptions,
  { http, handshakeTimeout }: SecureServerLimits,
  handler: RequestListener,
): Server {
  const server = createServer({ ...http, ...clients, handshakeTimeout }, handler);
  certificate.attach(server, more);
  return server;
}
