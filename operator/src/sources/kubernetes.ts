/**
 * Resources from a Kubernetes API. What is known is an index; content is handed over as it arrives, or read by name. Own
 * writes wake nobody. A resource that vanished stands like one that is deleting until it is released, and so does one whose
 * namespace ends: Kubernetes lets some seconds pass before it deletes what is in there, our rights perhaps first of all.
 */
import { type Kind, kindNames, type ResourceByKind } from '@nauthera/crds';
import { apiPath, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import type { KubernetesObject } from '../runtime/reflected.ts';
import { ClusterKind } from './kubernetes-kind.ts';
import { isEqual, originOf } from './kubernetes-objects.ts';
import { type ClusterView, metadataAccept, Reflectors } from './kubernetes-reflectors.ts';
import type { Change, Glance, Observed, ResourceKey, ResourceSource } from './source.ts';

export type { ClusterView } from './kubernetes-reflectors.ts';
export { ResourceMoved } from './kubernetes-writer.ts';

export interface KubernetesSourceOptions extends ClusterView {
  /** See {@link sourceName}. */
  readonly name: string;
}

/** A cluster's name for everything that is registered from it: it outlives each of its namespaces and names. */
export async function sourceName(api: KubernetesApi): Promise<string> {
  const path = apiPath('api', 'v1', 'namespaces', 'kube-system');
  const { metadata } = await api.request<KubernetesObject>({ method: 'GET', path, accept: metadataAccept });
  return metadata.uid;
}

type Kinds = { readonly [K in Kind]: ClusterKind<K> };

export class KubernetesSource implements ResourceSource {
  readonly name: string;
  readonly #kinds: Kinds;
  readonly #namespaces: Reflectors<KubernetesObject>;
  readonly #labels = new Map<string, Readonly<Record<string, string>>>();
  /** Namespaces that end: since when, RFC 3339. */
  readonly #ending = new Map<string, string>();
  readonly #isLimited: boolean;
  readonly #listeners: ((change: Change) => void)[] = [];

  constructor(options: KubernetesSourceOptions) {
    this.name = options.name;
    this.#isLimited = options.namespaces !== undefined;
    const kind = <K extends Kind>(name: K) =>
      new ClusterKind(name, options, (namespace, one) => this.#tell({ kind: name, namespace, name: one }));
    this.#kinds = {
      AuthorizationServer: kind('AuthorizationServer'),
      Client: kind('Client'),
      Scope: kind('Scope'),
      LdapBinding: kind('LdapBinding'),
    };
    this.#namespaces = new Reflectors<KubernetesObject>(
      options,
      {
        path: () => apiPath('api', 'v1', 'namespaces'),
        // A right to named namespaces is enough for this.
        query: (namespace) => (namespace === undefined ? {} : { fieldSelector: `metadata.name=${namespace}` }),
        metadataOnly: true,
      },
      {
        onUpsert: ({ metadata }) => {
          this.#takeEnd(metadata.name, metadata.deletionTimestamp);
          this.#takeLabels(metadata.name, metadata.labels ?? {});
        },
        onGone: ({ name }) => {
          this.#takeEnd(name, undefined);
          this.#takeLabels(name, undefined);
        },
      },
    );
  }

  /** Resolves when every resource and namespace is known, but for {@link ClusterView.patience}; goes on trying until then. */
  async start(): Promise<void> {
    await Promise.all([this.#namespaces.start(), ...kindNames.map((kind) => this.#kinds[kind].start())]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#namespaces.stop(), ...kindNames.map((kind) => this.#kinds[kind].stop())]);
  }

  async get<K extends Kind>(kind: K, namespace: string, name: string): Promise<Observed<K> | undefined> {
    // Nobody answers for what was last heard of there.
    if (this.#isGone(namespace) && this.#of(kind).glance(namespace, name) !== undefined) return undefined;
    const found = await this.#of(kind).get(namespace, name);
    return found === undefined ? undefined : this.#withEnd(found);
  }

  async list<K extends Exclude<Kind, 'Client'>>(kind: K): Promise<readonly Observed<K>[]> {
    const heard = await this.#of(kind).list();
    const all = this.#isLimited ? heard.filter(({ namespace }) => !this.#isGone(namespace)) : heard;
    return this.#ending.size === 0 ? all : all.map((one) => this.#withEnd(one));
  }

  #withEnd<K extends Kind>(resource: Observed<K>): Observed<K> {
    const since = this.#ending.get(resource.namespace);
    if (since === undefined) return resource;
    return {
      ...resource,
      deleting: true,
      deletingSince: resource.deletingSince ?? since,
      deletingWhole: true,
      ...(this.#isLimited ? { rightsEnd: true as const } : {}),
    };
  }

  async keys(kind: Kind): Promise<readonly (ResourceKey & { readonly uid: string })[]> {
    const all = this.#kinds[kind].keys();
    return this.#isLimited ? all.filter(({ namespace }) => !this.#isGone(namespace)) : all;
  }

  knows(namespace: string): boolean {
    return this.#isGone(namespace) || kindNames.every((kind) => this.#kinds[kind].knows(namespace));
  }

  isShut(kind: Kind, namespace: string): boolean {
    return this.#isLimited && this.#labels.has(namespace) && this.#kinds[kind].isShut(namespace);
  }

  /** A named namespace that there is no more: with it went our rights, so nobody tells what went too. */
  #isGone(namespace: string): boolean {
    return this.#isLimited && this.#namespaces.knows(namespace) && !this.#labels.has(namespace);
  }

  namespaceLabels(namespace: string): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({ ...this.#labels.get(namespace), 'kubernetes.io/metadata.name': namespace });
  }

  /** @throws ResourceMoved it went meanwhile: whoever holds it is woken again */
  hold(resource: Observed): Promise<void> {
    return this.#of(resource.kind).hold(resource);
  }

  release(resource: Observed): Promise<void> {
    return this.#of(resource.kind).release(resource);
  }

  /** Writes nothing where the resource is gone, or another took its name. */
  writeStatus<K extends Kind>(resource: Observed<K>, status: ResourceByKind[K]['status']): Promise<void> {
    return this.#of(resource.kind).writeStatus(resource, status);
  }

  glance(kind: Kind, namespace: string, name: string): Glance | undefined {
    return this.#ending.has(namespace) ? undefined : this.#kinds[kind].glance(namespace, name);
  }

  versionOf(resource: Observed): string | undefined {
    const origin = originOf(resource);
    return origin?.exact === true ? origin.resourceVersion : undefined;
  }

  passOver(kind: Kind, namespace: string, name: string): void {
    this.#kinds[kind].passOver(namespace, name);
  }

  watch(listener: (change: Change) => void): void {
    this.#listeners.push(listener);
  }

  /** Milliseconds since everything of a kind was heard of last; `undefined`: not known yet. */
  sinceLastSync(): Readonly<Record<Kind | 'Namespace', number | undefined>> {
    const { AuthorizationServer, Client, Scope, LdapBinding } = this.#kinds;
    return {
      AuthorizationServer: AuthorizationServer.sinceLastSync(),
      Client: Client.sinceLastSync(),
      Scope: Scope.sinceLastSync(),
      LdapBinding: LdapBinding.sinceLastSync(),
      Namespace: this.#namespaces.sinceLastSync(),
    };
  }

  #of<K extends Kind>(kind: K): ClusterKind<K> {
    const kinds: { readonly [P in Kind]: ClusterKind<P> } = this.#kinds;
    return kinds[kind];
  }

  #takeLabels(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    const before = this.#labels.get(name);
    if (labels === undefined) this.#labels.delete(name);
    else this.#labels.set(name, labels);
    if (before === undefined || labels === undefined ? before !== labels : !isEqual(before, labels))
      this.#tell({ kind: 'Namespace', namespace: '', name });
  }

  /** Another one of that name does not end: its resources are looked at again, whatever was told of the former one. */
  #takeEnd(name: string, since: string | undefined): void {
    const did = this.#ending.has(name);
    if (since === undefined) this.#ending.delete(name);
    else this.#ending.set(name, since);
    if (did === (since !== undefined)) return;
    for (const kind of kindNames)
      for (const one of this.#kinds[kind].keys()) if (one.namespace === name) this.#tell(one);
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
