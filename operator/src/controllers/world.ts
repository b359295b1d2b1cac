/** What every controller is given. */
import type { Tracing } from '@nauthera/server/tracing';
import type { Patience } from '../runtime/patience.ts';
import type { ClusterKey } from '../sources/cluster-keys.ts';
import type { ConfigMapReader, ResourceKey, ResourceSource, SecretStore } from '../sources/source.ts';
import type { ServerResource } from './attachment.ts';
import type { PodDeployment } from './authorization-server/deployment/deploy.ts';
import type { RotationRules } from './client/rotation.ts';
import type { SecretCounts } from './client/secret-counts.ts';
import type { ServerDatabases } from './registries.ts';
import type { RegistryHandle } from './registry-handle.ts';
import type { ResourceCounts } from './resource-counts.ts';
import type { TrustBundles } from './trust.ts';

export interface World {
  readonly source: ResourceSource;
  readonly secrets: SecretStore;
  readonly configMaps: ConfigMapReader;
  readonly events: EventSink;
  /**
   * The registry of an AuthorizationServer, by `<namespace>/<name>`. `undefined`: there is no such server, or it never had
   * its database. One whose database is away is there, and throws `DatabaseUnavailable` when used.
   */
  registryOf(server: string): RegistryHandle | undefined;
  /** Those that can be used now. */
  registries(): Iterable<RegistryHandle>;
  /** `dependent` (`<kind>/<namespace>/<name>`) waits for replicas of that registry, and of no other; `undefined`: no more. */
  pend(dependent: string, on: RegistryHandle | undefined): void;
  /** For AuthorizationServers. */
  readonly databases: ServerDatabases;
  /** The issuer in force; `problem`: there is none, and what to do. */
  issuerOf(server: ServerResource): { readonly issuer: string } | { readonly problem: string };
  /** The namespace in which `auth.nauthera.io/is-default` counts; `undefined`: any. */
  readonly defaultServerNamespace: string | undefined;
  /** How servers run here. */
  readonly deployment: Deployment;
  /** `undefined`: servers are started by somebody else. */
  readonly pods: PodDeployment | undefined;
  /** With databases that are away, and migrations that came to nothing. By dependent, or the name of the Job. */
  readonly patience: Patience;
  /** Whom Clients are to trust. */
  readonly trust: TrustBundles;
  /** With which the cluster of these resources signs the tokens of its ServiceAccounts; `undefined`: there is no cluster. */
  clusterKeys(): readonly ClusterKey[] | undefined;
  /** Version of this program, and what it was built from. Left out: nothing that another process found out is believed. */
  readonly program?: string | undefined;
  /** Left out: those of `client/rotation.ts`. */
  readonly rotation?: RotationRules | undefined;
  /** Left out: nobody counts. */
  readonly secretCounts?: SecretCounts | undefined;
  /** Left out: nobody counts. */
  readonly resourceCounts?: ResourceCounts | undefined;
  /** Left out: nothing is traced. */
  readonly tracing?: Tracing | undefined;
  /** Epoch milliseconds. */
  now(): number;
  /** 256 random bits, base64url. */
  freshSecret(): string;
}

export interface EventSink {
  /** Tells people what happened to a resource. Never throws, waits for nothing; may be lost. No secret in the note. */
  record(
    resource: ResourceKey & { readonly uid: string },
    event: {
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly note: string;
      /** Kind of what it happened to, where that is another object than the resource; for metrics. Default: a Secret. */
      readonly object?: string;
    },
  ): void;
}

export interface Deployment {
  /** Reason of a True `Deployed`. */
  readonly reason: 'Deployed' | 'Standalone';
  readonly version: string;
  /** `secretRef`: the connection stands in `spec.database.secretRef`; `given`: it was given to this program. */
  readonly database: 'secretRef' | 'given';
}
