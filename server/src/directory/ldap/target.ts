/** Where a directory's servers are, and connections to them: TLS 1.2 or newer, certificate and name checked, or nothing. */
import { X509Certificate } from 'node:crypto';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';

export interface ServerTarget {
  /** As registered. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly context: SecureContext;
}

/** What a connection is for: `search` ones are bound as the service account, `bind` ones only ever bind as users. */
export type Purpose = 'search' | 'bind' | 'probe';

/**
 * Opens a connection whose certificate was verified; the caller owns it.
 *
 * @throws Error of `node:tls` or `node:net`, or the signal's reason
 */
export type Connect = (target: ServerTarget, purpose: Purpose, signal: AbortSignal) => Promise<Socket>;

/** The URL or the certificates of a registration cannot be used. One sentence for its author. */
export class TargetProblem extends Error {
  readonly code = 'target_problem';
  readonly part: 'servers' | 'certificates';
  constructor(part: 'servers' | 'certificates', message: string, options?: ErrorOptions) {
    super(message, options);
    this.part = part;
  }
}

/**
 * @param caBundle PEM; `undefined`: the authorities that this installation of Node trusts
 * @throws TargetProblem
 */
export function targetsOf(urls: readonly string[], caBundle: string | undefined): readonly ServerTarget[] {
  const context = contextOf(caBundle);
  return urls.map((url) => ({ url, ...addressOf(url), context }));
}

function addressOf(url: string): { readonly host: string; readonly port: number } {
  const parsed = URL.parse(url);
  const plain = parsed !== null && parsed.protocol === 'ldaps:' && parsed.hostname !== '' && parsed.username === '';
  if (
    !plain ||
    parsed.password !== '' ||
    !/^\/?$/.test(parsed.pathname) ||
    parsed.search !== '' ||
    parsed.hash !== ''
  ) {
    throw new TargetProblem('servers', 'spec.servers: write ldaps://host or ldaps://host:port and nothing more');
  }
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: parsed.port === '' ? 636 : Number(parsed.port) };
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

function contextOf(caBundle: string | undefined): SecureContext {
  if (caBundle === undefined) return createSecureContext({ minVersion: 'TLSv1.2' });
  const certificates = caBundle.match(pemCertificate) ?? [];
  if (certificates.length === 0)
    throw new TargetProblem('certificates', 'spec.tls.caBundleRef: the bundle holds no PEM certificate');
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    return createSecureContext({ ca: [...certificates], minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new TargetProblem(
      'certificates',
      'spec.tls.caBundleRef: the bundle holds a certificate that cannot be read',
      {
        cause: error,
      },
    );
  }
}

export const connectTls: Connect = tlsConnector();

/** @param lookup how names become addresses; default: as this system does it. The certificate is compared with the name. */
export function tlsConnector(lookup?: LookupFunction): Connect {
  return (target, _purpose, signal) => connectWith(lookup, target, signal);
}

const connectWith = (lookup: LookupFunction | undefined, target: ServerTarget, signal: AbortSignal): Promise<Socket> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(asError(signal.reason));
    const socket = connect({
      host: target.host,
      port: target.port,
      // An address is no name for SNI (RFC 6066 §3); the certificate is compared with it all the same.
      servername: isIP(target.host) === 0 ? target.host : '',
      checkServerIdentity: (_name, certificate) => checkServerIdentity(target.host, certificate),
      secureContext: target.context,
      rejectUnauthorized: true,
      ...(lookup === undefined ? {} : { lookup }),
    });
    const fail = (reason: unknown) => {
      signal.removeEventListener('abort', aborted);
      // Errors of a socket that nobody holds any more are nobody's.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(asError(reason));
    };
    const aborted = () => fail(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('closed before TLS was established')));
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', aborted);
      socket.removeAllListeners('error').removeAllListeners('close');
      if (!socket.authorized) return fail(new Error('the certificate was not verified'));
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 30_000);
      resolve(socket);
    });
  });

/**
 * The issuer of the certificate that a server shows, for people who look for the right authority. Nothing is sent to it.
 * `null` when it shows none in time.
 */
export function issuerShownBy(target: ServerTarget, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const { host, port } = target;
    const options = { host, port, servername: isIP(host) === 0 ? host : '', rejectUnauthorized: false };
    const socket: TLSSocket = connect(options, () => {
      const issuer = socket.getPeerX509Certificate()?.issuer;
      done(issuer === undefined ? null : commonName(issuer));
    });
    const done = (issuer: string | null) => {
      signal.removeEventListener('abort', aborted);
      socket.destroy();
      resolve(issuer);
    };
    const aborted = () => done(null);
    signal.addEventListener('abort', aborted, { once: true });
    socket.on('error', () => done(null));
  });
}

/** `CN=…` of a name as Node writes it, one part a line; without one the whole name. */
function commonName(name: string): string {
  const cn = name.split('\n').find((line) => line.startsWith('CN='));
  return cn === undefined ? name.replaceAll('\n', ', ') : cn.slice(3);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('stopped', { cause: reason });
}
