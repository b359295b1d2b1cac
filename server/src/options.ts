/** What a server is started with. */
import type { Registry } from 'prom-client';
import type { DirectoryPort } from './directory/directory.ts';
import type { LdapOperation } from './directory/ldap/operation.ts';
import type { Address } from './http/listen.ts';
import type { HttpLimits } from './http/listener.ts';
import type { PressureOptions } from './http/pressure.ts';
import type { Signer } from './keys/keys.ts';
import type { OutboundPorts } from './outbound/open-gate.ts';
import type { Clock } from './protocol/time.ts';
import type { Database } from './store/database.ts';
import type { Log } from './telemetry/log.ts';
import type { Tracing } from './telemetry/tracing.ts';

export interface ServerOptions {
  /** Migrated already. */
  readonly database: Database;
  /** Closes the database at the end. Default `false`. */
  readonly ownsDatabase?: boolean;
  readonly listen: Address;
  /** The public listener speaks HTTPS. Default: plain HTTP. */
  readonly tls?: {
    /** Holds `tls.crt` and `tls.key`; read anew when they change. */
    readonly folder: string;
    /** Milliseconds between looks at the folder; default 2000. */
    readonly interval?: number;
  };
  /** Where clients are asked for a certificate (RFC 8705), with the certificate of {@link tls}. Default: nowhere. */
  readonly mutualTlsListen?: Address;
  /** Health, metrics and {@link managementRoutes}. */
  readonly management: Address;
  /** 32 bytes each; the first one seals, a second one (the next or the former) only opens, while a key is being replaced. */
  readonly keyEncryptionKeys: readonly Uint8Array[];
  readonly clock?: Clock;
  /** Default: nothing is written. */
  readonly log?: Log;
  /** Default: a registry of its own. */
  readonly metrics?: Registry;
  /** Default: nothing is traced, and nobody asks. Stopped by the caller, after the server. */
  readonly tracing?: Tracing;
  /** More documents on the management address, by path: what the function returns is answered as JSON. */
  readonly managementRoutes?: Readonly<Record<string, () => unknown>>;
  /** Name of this replica; default: the host name and a random end. */
  readonly replica?: string;
  /** What runs, for the metric `nauthera_build_info`. */
  readonly build?: { readonly version: string; readonly revision: string };
  readonly limits?: Partial<HttpLimits>;
  /** Requests in flight per class (tokens, pages) above which 503 is answered. Default 256. */
  readonly maxInFlight?: number;
  readonly pressure?: PressureOptions;
  /** Runs whenever all registrations were read anew, before a request is answered from them. */
  readonly onLoaded?: () => void;
  readonly seams?: Seams;
}

/** What is put between or in place of real parts, by tests that count or need no LDAP. */
export interface Seams {
  /** `request`: statements sent because of a request; `background`: polls, sweeps, reports. */
  readonly database?: (database: Database, use: 'request' | 'background') => Database;
  readonly signer?: (signer: Signer) => Signer;
  /** Told of every signature of a JWT that was checked. */
  readonly onVerified?: () => void;
  /** Told of every LDAP operation when it ended. */
  readonly onLdapOperation?: (operation: LdapOperation) => void;
  /** Names and certificates of calls that are made on a client's word. */
  readonly outbound?: Pick<OutboundPorts, 'resolve' | 'ca'>;
  /** Nobody looks at signed-in users by themselves. */
  readonly recheck?: 'off';
  /** Is asked in place of the registered directories. */
  readonly directory?: DirectoryPort;
}

export interface RunningServer {
  /** Where it listens; not the issuer. */
  readonly url: string;
  readonly managementUrl: string;
  /** Where clients are asked for a certificate. */
  readonly mutualTlsUrl?: string;
  /** Resolves when registry and keys are there and requests are served; rejects when it is stopped before. */
  ready(): Promise<void>;
  /**
   * Unready first; what is in flight finishes (at most 20 s), idle connections are closed at once. May be called twice.
   *
   * @param linger milliseconds before that in which everything is answered as ever, by when whoever gives out work has
   *   noticed and every connection in use was told that it ends. Default 0.
   */
  stop(linger?: number): Promise<void>;
}
