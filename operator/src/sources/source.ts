/**
 * Where resources come from, as the controllers see it. Adapters: a folder of YAML files (`folder.ts`); the Kubernetes API
 * fits the same port. Everything else of a source (files, watches, retries) is its own business.
 */
import type { Kind, ResourceByKind } from '@nauthera/crds';

export type {
  ConfigMap,
  ConfigMapReader,
  NewSecret,
  RetainedSecret,
  Secret,
  SecretOf,
  SecretOwner,
  SecretStore,
} from './secret.ts';
export { isMadeFor, madeForAnnotation } from './secret.ts';

export interface ResourceKey<K extends Kind = Kind> {
  readonly kind: K;
  readonly namespace: string;
  readonly name: string;
}

/** A resource as it stands at the moment. */
export interface Observed<K extends Kind = Kind> extends ResourceKey<K> {
  readonly uid: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Nothing is decided by them, and those of a cluster are not kept. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of a cluster: those that begin with `auth.nauthera.io/`, their first 1,024 characters. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Counts changes of content, refused ones included. */
  readonly generation: number;
  /** Newest content that passed validation, defaults filled in; `undefined`: none ever did. */
  readonly spec: ResourceByKind[K]['spec'] | undefined;
  /** The generation that {@link spec} was. */
  readonly specGeneration: number;
  /** Why newer content does not count, in one line; `undefined`: {@link spec} is the newest. */
  readonly refused: string | undefined;
  /** Of {@link spec}: what the API server took and this version does not know, at most 50; left out: nothing. */
  readonly unknownFields?: readonly string[];
  readonly status: ResourceByKind[K]['status'];
  /** To be cleaned up, then released. One that is gone already stands like this until it is released, without a spec. */
  readonly deleting: boolean;
  /** RFC 3339: since when it is deleting, where the source knows. */
  readonly deletingSince?: string;
  /** Somebody else deletes what belongs to it at the same time: its namespace ends, or it is deleted in the foreground. */
  readonly deletingWhole?: true;
  /** With its namespace ends the right to release it, at any moment: it waits for nothing. */
  readonly rightsEnd?: true;
}

/** Something moved; what, the receiver looks up itself. A Namespace has no namespace. */
export interface Change {
  readonly kind: Kind | 'Secret' | 'ConfigMap' | 'Namespace';
  readonly namespace: string;
  readonly name: string;
}

export interface Glance {
  readonly uid: string;
  /** Of this state and no other one of that uid. */
  readonly version: string;
}

export interface ResourceSource {
  /** The `source` of everything that is registered from here. */
  readonly name: string;
  get<K extends Kind>(kind: K, namespace: string, name: string): Promise<Observed<K> | undefined>;
  /** Every resource of a kind of which there are few. */
  list<K extends Exclude<Kind, 'Client'>>(kind: K): Promise<readonly Observed<K>[]>;
  keys(kind: Kind): Promise<readonly (ResourceKey & { readonly uid: string })[]>;
  /** Whether what {@link keys} does not name there does not exist. `false`: it is not looked at, or cannot be. */
  knows(namespace: string): boolean;
  /** Whether a namespace is there, is to be looked at, and refuses it. Left out: none can. */
  isShut?(kind: Kind, namespace: string): boolean;
  /** Labels of a namespace; `kubernetes.io/metadata.name` is always among them. */
  namespaceLabels(namespace: string): Promise<Readonly<Record<string, string>>>;
  /** Makes sure that the resource is not gone before it is released: called before anything of it is written anywhere. */
  hold(resource: Observed): Promise<void>;
  /** Lets a resource that is deleting go, once nothing of it is left. Releasing again, or what is gone, is fine. */
  release(resource: Observed): Promise<void>;
  writeStatus<K extends Kind>(resource: Observed<K>, status: ResourceByKind[K]['status']): Promise<void>;
  /**
   * What is known of a resource without reading it; `undefined`: it must be looked at. Left out, as what follows: a version
   * does not tell one state from all others here.
   */
  glance?(kind: Kind, namespace: string, name: string): Glance | undefined;
  /**
   * The version at which a resource stands after what was written to it since it was read; `undefined`: somebody else may
   * have written in between.
   */
  versionOf?(resource: Observed): string | undefined;
  /** Nobody is about to look at it: what was kept for that is let go. */
  passOver?(kind: Kind, namespace: string, name: string): void;
  /** Runs for every change from now on. The listener must not throw. */
  watch(listener: (change: Change) => void): void;
}
