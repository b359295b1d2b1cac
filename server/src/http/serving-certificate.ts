/**
 * The certificate that a TLS listener shows, from a folder that may change at any time. Connections that are open keep what
 * they were made with; new ones get the newest pair that can be used.
 */
import { constants, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import type { Log } from '../telemetry/log.ts';

/** The message says what to do, and is all that anybody needs to see. */
export class TlsFolderInvalid extends Error {
  readonly code = 'tls_folder_invalid';
}

/** A certificate chain, leaf first, and the key of the leaf: PEM. */
export interface ServingPair {
  readonly cert: string;
  readonly key: string;
  /** Milliseconds since 1970: when the first certificate of the chain expires. */
  readonly expiresAt: number;
}

/** What a listener wants beside certificate and key, e.g. `ca`. Asked each time the listener is set anew. */
export type MoreContext = () => SecureContextOptions;

export interface ServingCertificate {
  /** The newest pair that can be used. */
  readonly current: ServingPair;
  /** Runs after each change of {@link current}. */
  onChange(listener: () => void): void;
  /**
   * Keeps a TLS server on the newest pair. Open connections and handshakes under way go on with theirs.
   *
   * @returns sets the server anew when what `more` answers has changed
   */
  attach(server: Server, more?: MoreContext): () => void;
  stop(): void;
}

export interface ServingCertificateOptions {
  /** Holds `tls.crt` and `tls.key`, as a `kubernetes.io/tls` Secret is mounted. */
  readonly folder: string;
  readonly log: Log;
  /** Milliseconds between looks; default 2000. Hints of the file system are not waited for: mounts lose them. */
  readonly interval?: number;
}

/** RFC 9325: TLS 1.2 and newer (§3.1.1), nothing agreed anew in the middle of a connection (§3.5). */
const terms = {
  minVersion: 'TLSv1.2',
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const satisfies SecureContextOptions;

/** @throws TlsFolderInvalid when there is no pair to begin with */
export async function openServingCertificate(options: ServingCertificateOptions): Promise<ServingCertificate> {
  const first = judge(await read(options.folder));
  if (typeof first === 'string') throw new TlsFolderInvalid(`--tls-folder ${options.folder}: ${first}`);
  if (first.expiresAt <= Date.now()) options.log.warn('the serving certificate has expired: clients will refuse it');
  return follow(first, options);
}

function follow(first: ServingPair, { folder, log, interval = 2000 }: ServingCertificateOptions): ServingCertificate {
  let current = first;
  const changed = new Set<() => void>();
  /** Of the last look, when it found nothing usable; and whether that was said. */
  let unusable: { readonly found: string; readonly said: boolean } | undefined;

  const look = async (): Promise<void> => {
    const files = await read(folder);
    if (files.cert === current.cert && files.key === current.key) {
      unusable = undefined;
      return;
    }
    const next = judge(files);
    const problem = typeof next === 'string' ? next : expiredUnlike(current, next);
    if (typeof next !== 'string' && problem === undefined) {
      unusable = undefined;
      current = next;
      for (const listener of changed) listener();
      log.info('the serving certificate was changed');
      return;
    }
    const found = `${files.cert}\0${files.key}`;
    // Two files are not written at once: what is found twice is meant so.
    const again = unusable?.found === found;
    if (again && unusable?.said === false)
      log.warn('the serving certificate on disk cannot be used, the one before it is kept', {
        'error.detail': problem,
      });
    unusable = { found, said: again };
  };

  let stopped = false;
  let timer = setTimeout(again, interval).unref();
  function again(): void {
    void look().finally(() => {
      if (!stopped) timer = setTimeout(again, interval).unref();
    });
  }

  return {
    get current() {
      return current;
    },
    onChange: (listener) => void changed.add(listener),
    attach(server, more = () => ({})) {
      const set = (): void => {
        const { secureOptions = 0, ...others } = more();
        const { cert, key } = current;
        server.setSecureContext({ ...others, ...terms, secureOptions: terms.secureOptions | secureOptions, cert, key });
      };
      set();
      changed.add(set);
      server.once('close', () => changed.delete(set));
      return set;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

interface Files {
  /** `undefined`: cannot be read. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

async function read(folder: string): Promise<Files> {
  const text = (name: string) => readFile(join(folder, name), 'utf8').catch(() => undefined);
  const [cert, key] = await Promise.all([text('tls.crt'), text('tls.key')]);
  return { cert, key };
}

/** The pair, or what is wrong with it. The words of the library may quote a file, so they are ours. */
function judge({ cert, key }: Files): ServingPair | string {
  if (cert === undefined) return 'tls.crt cannot be read: put the certificate chain there, leaf first';
  if (key === undefined) return 'tls.key cannot be read: put the private key of the certificate there';
  const chain = chainOf(cert);
  if (chain === undefined) return 'tls.crt holds no certificates in PEM, leaf first';
  try {
    // The library takes no key for no wish to have one.
    if (key.trim() === '') throw new RangeError('empty');
    createSecureContext({ ...terms, cert, key });
  } catch {
    return 'tls.key is not the private key (PEM, without a passphrase) of the first certificate in tls.crt, or one of them is too weak';
  }
  return { cert, key, expiresAt: Math.min(...chain.map(({ validToDate }) => validToDate.getTime())) };
}

function chainOf(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const chain = blocks.map((block) => new X509Certificate(block));
    return chain.length === 0 ? undefined : chain;
  } catch {
    return undefined;
  }
}

/** An old certificate that comes back (a restored backup, a clock gone wrong) must not end what works. */
function expiredUnlike(current: ServingPair, next: ServingPair): string | undefined {
  if (next.expiresAt > Date.now() || next.expiresAt >= current.expiresAt) return undefined;
  return 'tls.crt has expired: renew it';
}
