/** The reflectors of one kind: one for the whole cluster, or one for each namespace that was named. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '@nauthera/crds';
import { ApiError, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import type { Known, KubernetesObject, Reflector, ReflectorHandler } from '../runtime/reflected.ts';
import { createReflector, type ReflectorProblem, type ReflectorTimes } from '../runtime/reflector.ts';

/** What both sources and stores are given. */
export interface ClusterView {
  readonly api: KubernetesApi;
  /** Left out: all. Nothing outside of these is asked for. */
  readonly namespaces?: readonly string[];
  /** Of its reflectors, where they are not the usual ones. */
  readonly times?: Partial<ReflectorTimes>;
  /**
   * Milliseconds that a named namespace may refuse this process while others wait for it: whoever rules there can take its
   * rights away. Default 1 min.
   */
  readonly patience?: number;
  /** A list or watch failed and is tried again. */
  readonly onProblem?: (problem: ReflectorProblem) => void;
  /** A resource's status was written, or its finalizer taken back. */
  readonly onWrite?: (kind: Kind, what: 'status' | 'released') => void;
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

interface Place {
  readonly reflector: Reflector;
  /** `performance.now()` of the newest 403. */
  refusedAt: number;
}

export class Reflectors<T extends KubernetesObject> {
  readonly #places: ReadonlyMap<string | undefined, Place>;
  readonly #patience: number;

  constructor(view: ClusterView, kind: ReflectedKind, handler: ReflectorHandler<T>) {
    const names: readonly (string | undefined)[] =
      view.namespaces === undefined ? [undefined] : [...new Set(view.namespaces)];
    this.#patience = view.patience ?? 60_000;
    this.#places = new Map(names.map((namespace) => [namespace, makePlace(namespace, view, kind, handler)]));
  }

  /** Resolves when everything is known, but for namespaces that refuse it for too long; these come when they can. */
  async start(): Promise<void> {
    const patience = new AbortController();
    await Promise.all(
      [...this.#places].map(([namespace, place]) => {
        const synced = place.reflector.start();
        return namespace === undefined ? synced : Promise.race([synced, this.#refused(place, patience.signal)]);
      }),
    );
    patience.abort();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#places.values()].map(({ reflector }) => reflector.stop()));
  }

  /** Whether everything there is known. */
  knows(namespace: string): boolean {
    const place = this.#of(namespace);
    return place !== undefined && !isShut(place) && place.reflector.sinceLastSync() !== undefined;
  }

  /** Whether the last word from there was a refusal. */
  isShut(namespace: string): boolean {
    const place = this.#of(namespace);
    return place !== undefined && isShut(place);
  }

  get(namespace: string, name: string): Known | undefined {
    return this.#of(namespace)?.reflector.get(namespace, name);
  }

  *entries(): Generator<Known> {
    for (const { reflector } of this.#places.values()) yield* reflector.entries();
  }

  noteWritten(object: KubernetesObject): void {
    this.#of(object.metadata.namespace ?? '')?.reflector.noteWritten(object);
  }

  noteCreated(object: KubernetesObject): void {
    this.#of(object.metadata.namespace ?? '')?.reflector.noteCreated(object);
  }

  /**
   * Milliseconds since all of them heard from the API server; `undefined`: not everything is known yet. A namespace that
   * refuses this process does not count, unless all do.
   */
  sinceLastSync(): number | undefined {
    const places = [...this.#places.values()];
    const open = places.filter((place) => !isShut(place));
    const times = (open.length === 0 ? places : open).map(({ reflector }) => reflector.sinceLastSync());
    return times.reduce<number | undefined>(
      (longest, time) => (longest === undefined || time === undefined ? undefined : Math.max(longest, time)),
      0,
    );
  }

  #of(namespace: string): Place | undefined {
    return this.#places.get(undefined) ?? this.#places.get(namespace);
  }

  async #refused(place: Place, signal: AbortSignal): Promise<void> {
    do await sleep(this.#patience, undefined, { signal, ref: false }).catch(() => undefined);
    while (!signal.aborted && !isShut(place));
  }
}

function makePlace<T extends KubernetesObject>(
  namespace: string | undefined,
  { api, times, onProblem }: ClusterView,
  { path, query, metadataOnly = false }: ReflectedKind,
  handler: ReflectorHandler<T>,
): Place {
  const place = {
    refusedAt: Number.NEGATIVE_INFINITY,
    reflector: createReflector<T>({
      api,
      path: path(namespace),
      query: query?.(namespace) ?? {},
      metadataOnly,
      handler,
      ...(times === undefined ? {} : { times }),
      onProblem: (problem) => {
        if (problem.error instanceof ApiError && problem.error.status === 403) place.refusedAt = performance.now();
        onProblem?.(problem);
      },
    }),
  };
  return place;
}

/** The last word that came from there was a refusal. */
function isShut({ reflector, refusedAt }: Place): boolean {
  const silent = reflector.sinceLastSync();
  return refusedAt > (silent === undefined ? Number.NEGATIVE_INFINITY : performance.now() - silent);
}
