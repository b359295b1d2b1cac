/**
 * A small directory in this process that speaks real LDAPS: bind, search, unbind, abandon and the root DSE, over the
 * entries of one LDIF text. It is for demos and tests; writes are refused, and nothing outlives the process.
 */
import type { Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { makeCertificate, type ServingCertificate } from './certificate.ts';
import { serveConnection } from './connection.ts';
import { buildEntries, type Entries } from './entries.ts';
import { readLdif } from './ldif.ts';
import { makeRootDse } from './root-dse.ts';
import { type DirectoryEvent, openSession } from './session.ts';

export type { DirectoryEvent } from './session.ts';

export interface SampleDirectoryOptions {
  /** Text of an LDIF file; its first entry is the suffix. */
  readonly ldif: string;
  /** Default 0: any free port, kept over {@link SampleDirectory.restart}. */
  readonly port?: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Further names that its certificate is for. Default: none but those of loopback. */
  readonly names?: readonly string[];
  readonly onEvent?: (event: DirectoryEvent) => void;
}

export interface SampleDirectory {
  /** `ldaps://host:port` */
  readonly url: string;
  readonly port: number;
  /** The authority that signed the serving certificate, for `tls.caBundleRef`. */
  readonly caPem: string;
  readonly suffix: string;
  readonly running: boolean;
  /** Ends every connection and refuses new ones. Repeated: nothing. */
  stop(): Promise<void>;
  /** Listens again on the same port with the same certificate and entries. */
  restart(): Promise<void>;
  /**
   * Replaces all values of an attribute, operational ones included (`pwdAccountLockedTime` locks an account); an empty
   * list removes it. `memberOf` follows from `member` by itself.
   * @throws Error for an unknown entry or attribute type
   */
  setAttribute(dn: string, attribute: string, values: readonly (string | Buffer)[]): void;
  /** The values as text; an unknown entry has none. */
  getAttribute(dn: string, attribute: string): readonly string[];
}

const mostConnections = 256;

/** @throws Error when the LDIF is none, or the port is taken (`EADDRINUSE`). */
export async function startSampleDirectory(options: SampleDirectoryOptions): Promise<SampleDirectory> {
  const host = options.host ?? '127.0.0.1';
  const records = readLdif(options.ldif);
  const suffix = records[0]?.dn ?? '';
  const entries = buildEntries(records, new Date());
  const certificate = await makeCertificate('Nauthera sample directory', new Date(), options.names);
  const listener = makeListener(entries, suffix, certificate, options.onEvent ?? (() => undefined));
  const port = await listener.open(host, options.port ?? 0);
  return {
    url: `ldaps://${host}:${port}`,
    port,
    caPem: certificate.caPem,
    suffix,
    get running() {
      return listener.isOpen();
    },
    stop: () => listener.close(),
    async restart() {
      await listener.close();
      await listener.open(host, port);
    },
    setAttribute(dn, attribute, values) {
      entries.set(
        dn,
        attribute,
        values.map((value) => Buffer.from(value)),
      );
    },
    getAttribute(dn, attribute) {
      return (entries.find(dn)?.attributes.get(attribute)?.values ?? []).map((value) => value.toString('utf8'));
    },
  };
}

interface Listener {
  open(host: string, port: number): Promise<number>;
  close(): Promise<void>;
  isOpen(): boolean;
}

function makeListener(
  entries: Entries,
  suffix: string,
  certificate: ServingCertificate,
  report: (event: DirectoryEvent) => void,
): Listener {
  const rootDse = makeRootDse(suffix);
  const connections = new Set<Socket>();
  let server: Server | undefined;

  return {
    isOpen: () => server !== undefined,
    open(host, port) {
      const opening = createServer(
        {
          cert: certificate.certificatePem,
          key: certificate.privateKeyPem,
          minVersion: 'TLSv1.2',
          handshakeTimeout: 10_000,
        },
        (socket) => {
          // An answer is several small writes: none waits for the peer to acknowledge the one before.
          socket.setNoDelay(true);
          serveConnection(socket, openSession(entries, rootDse, report));
        },
      );
      opening.maxConnections = mostConnections;
      // Sockets below TLS: those that never finish their handshake are to end with the others.
      opening.on('connection', (socket) => {
        connections.add(socket);
        socket.once('close', () => connections.delete(socket));
      });
      // A peer that breaks off the handshake is its own loss.
      opening.on('tlsClientError', (_error, socket) => socket.destroy());
      return new Promise((resolve, reject) => {
        opening.once('error', reject);
        opening.listen(port, host, () => {
          server = opening;
          const address = opening.address();
          resolve(typeof address === 'object' && address !== null ? address.port : port);
        });
      });
    },
    close() {
      const closing = server;
      server = undefined;
      if (closing === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        closing.close(() => resolve());
        for (const socket of connections) socket.destroy();
      });
    },
  };
}
