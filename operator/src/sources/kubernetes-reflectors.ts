/** The reflectors of one kind: one for the whole cluster, or one for each namespace that was named. */
import type { KubernetesApi } from '../runtime/kubernetes-api.ts';
import type { Known, KubernetesObject, Reflector, ReflectorHandler } from '../runtime/reflected.ts';
import { createReflector, type ReflectorProblem, type ReflectorTimes } from '../runtime/reflector.ts';

/** What both sources and stores are given. */
export interface ClusterView {
  readonly api: KubernetesApi;
  /** Left out: all. Nothing outside of these is asked for. */
  readonly namespaces?: readonly string[];
  /** Of its reflectors, where they are not the usual ones. */
  readonly times?: Partial<ReflectorTimes>;
  /** A list or watch failed and is tried again. */
  readonly onProblem?: (problem: ReflectorProblem) => void;
}

/** Asks for the metadata of one object. */
export const metadataAccept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

export interface ReflectedKind {
  /** @param namespace `undefined`: of the whole cluster */
  readonly path: (namespace: string | undefined) => string;
  readonly query?: (namespace: string | undefined) => Readonly<Record<string, string>>;
  /** Only metadata is asked for, and arrives. */
  readonly metadataOnly?: boolean;
}

export class Reflectors<T extends KubernetesObject> {
  readonly #byNamespace: ReadonlyMap<string | undefined, Reflector>;

  constructor({ api, namespaces, times, onProblem }: ClusterView, kind: ReflectedKind, handler: ReflectorHandler<T>) {
    const places: readonly (string | undefined)[] = namespaces === undefined ? [undefined] : [...new Set(namespaces)];
    this.#byNamespace = new Map(
      places.map((namespace) => {
        const reflector = createReflector<T>({
          api,
          path: kind.path(namespace),
          query: kind.query?.(namespace) ?? {},
          metadataOnly: kind.metadataOnly ?? false,
          handler,
          ...(times === undefined ? {} : { times }),
          ...(onProblem === undefined ? {} : { onProblem }),
        });
        return [namespace, reflector];
      }),
    );
  }

  /** Resolves when everything is known. */
  async start(): Promise<void> {
    await Promise.all(this.#each((reflector) => reflector.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#each((reflector) => reflector.stop()));
  }

  get(namespace: string, name: string): Known | undefined {
    return this.#of(namespace)?.get(namespace, name);
  }

  *entries(): Generator<Known> {
    for (const reflector of this.#byNamespace.values()) yield* reflector.entries();
  }

  noteWritten(object: KubernetesObject): void {
    this.#of(object.metadata.namespace ?? '')?.noteWritten(object);
  }

  /** Milliseconds since all of them heard from the API server; `undefined`: not everything is known yet. */
  sinceLastSync(): number | undefined {
    const times = this.#each((reflector) => reflector.sinceLastSync());
    return times.reduce<number | undefined>(
      (longest, time) => (longest === undefined || time === undefined ? undefined : Math.max(longest, time)),
      0,
    );
  }

  #of(namespace: string): Reflector | undefined {
    return this.#byNamespace.get(undefined) ?? this.#byNamespace.get(namespace);
  }

  #each<R>(ask: (reflector: Reflector) => R): R[] {
    return [...this.#byNamespace.values()].map(ask);
  }
}
