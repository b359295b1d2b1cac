/** What every controller is given. */
import type { ConfigMapReader, ResourceSource, SecretStore } from '../sources/source.ts';
import type { ServerResource } from './attachment.ts';
import type { RegistryHandle } from './registry-handle.ts';
import type { ServedWatch } from './served-watch.ts';

export interface World {
  readonly source: ResourceSource;
  readonly secrets: SecretStore;
  readonly configMaps: ConfigMapReader;
  /** The registry of an AuthorizationServer, by `<namespace>/<name>`; `undefined`: not reachable yet. */
  registryOf(server: string): RegistryHandle | undefined;
  registries(): Iterable<RegistryHandle>;
  readonly served: ServedWatch;
  /** Rows without a resource that are kept, because they are suspiciously many. */
  retirementHeld(): number;
  /** The issuer in force; `problem`: there is none, and what to do. */
  issuerOf(server: ServerResource): { readonly issuer: string } | { readonly problem: string };
  /** How servers run here. */
  readonly deployment: Deployment;
  /** Epoch milliseconds. */
  now(): number;
  /** 256 random bits, base64url. */
  freshSecret(): string;
}

export interface Deployment {
  /** Reason of a True `Deployed`. */
  readonly reason: 'Deployed' | 'Standalone';
  readonly version: string;
  /** One database role owns, writes and serves. */
  readonly singleRole: boolean;
  /** `secretRef`: the connection stands in `spec.database.secretRef`; `given`: it was given to this program. */
  readonly database: 'secretRef' | 'given';
}
