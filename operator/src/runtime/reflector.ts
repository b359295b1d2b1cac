/**
 * Keeps up with a kind of objects: a complete list, then a watch, for ever, whatever goes wrong.
 *
 * Lists ask for the most recent state (no `resourceVersion`): the API server answers from its cache once that has caught
 * up with etcd, page by page. `resourceVersion=0` would be any old state, and ignores `limit`; `NotOlderThan` promises
 * less than the default. An answer that is older than what is known is not believed. A paged list that expired begins
 * anew: the continuation that the API server then offers shows several moments at once.
 */
import { ApiError, ApiUnavailable, ApiUnreadable, type KubernetesApi } from './kubernetes-api.ts';
import { readEvent } from './kubernetes-list.ts';
import { Pages } from './kubernetes-pages.ts';
import { ObjectIndex, type Verdict, versionOf } from './object-index.ts';
import { processTimers, type Timers } from './queue.ts';
import type { Known, KubernetesObject, Reflector, ReflectorHandler } from './reflected.ts';
import { delayAfter, isExpired, type ReflectorProblem, reasonOf, StaleList } from './reflector-problem.ts';
import { rest } from './rest.ts';

export type { ReflectorProblem } from './reflector-problem.ts';

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly api: KubernetesApi;
  /** Of the collection. */
  readonly path: string;
  /** Selectors. */
  readonly query?: Readonly<Record<string, string>>;
  /** Objects come as `PartialObjectMetadata`. */
  readonly metadataOnly?: boolean;
  readonly handler: ReflectorHandler<T>;
  readonly onProblem?: (problem: ReflectorProblem) => void;
  readonly timers?: Timers;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly times?: Partial<ReflectorTimes>;
  /** Bytes of a page with more than one object. Default 4 MiB. */
  readonly largestPage?: number;
}

/** Milliseconds. */
export interface ReflectorTimes {
  /** From one complete list to the next, at most; 80 % of it at least. Default 10 min. */
  readonly relist: number;
  /** A quiet watch carries a bookmark about every 60 s. Default 75 s. */
  readonly silence: number;
  /** Lists are at least this far apart. Default 1 s. */
  readonly gap: number;
  /** Default 30 s. */
  readonly longestDelay: number;
  /** For so long an older state is not believed. After that, etcd has been restored. Default 5 min. */
  readonly disbelief: number;
}

const defaults: ReflectorTimes = {
  relist: 600_000,
  silence: 75_000,
  gap: 1000,
  longestDelay: 30_000,
  disbelief: 300_000,
};
/** Watches that the API server refuses in a row before the version asked for is doubted. */
const mostRefusals = 3;

export function createReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector {
  return new RunningReflector(options);
}

class RunningReflector<T extends KubernetesObject> implements Reflector {
  readonly #options: ReflectorOptions<T>;
  readonly #times: ReflectorTimes;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #index = new ObjectIndex();
  readonly #stop = new AbortController();
  readonly #pages: Pages;
  #running: Promise<void> | undefined;
  readonly #synced = Promise.withResolvers<void>();
  /** Everything up to this version is known. */
  #position = -1;
  #heardAt: number | undefined;
  #listBegan = Number.NEGATIVE_INFINITY;
  #staleSince: number | undefined;
  /** In a row, lists and watches alike; news from the API server ends them. */
  #failures = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#times = { ...defaults, ...options.times };
    this.#timers = options.timers ?? processTimers;
    this.#random = options.random ?? Math.random;
    const { api, path, query, largestPage } = options;
    const accept = this.#accept('PartialObjectMetadataList');
    this.#pages = new Pages({
      api,
      path,
      accept,
      ...(query && { query }),
      ...(largestPage && { largest: largestPage }),
    });
  }

  start(): Promise<void> {
    this.#running ??= this.#run(this.#stop.signal).finally(() => this.#synced.resolve());
    return this.#synced.promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  get(namespace: string, name: string): Known | undefined {
    return this.#index.get(namespace, name);
  }

  entries(): Iterable<Known> {
    return this.#index.entries();
  }

  noteWritten({ metadata }: KubernetesObject): void {
    const known = this.#index.get(metadata.namespace ?? '', metadata.name);
    if (known !== undefined && known.uid !== metadata.uid) return;
    if (versionOf(metadata.resourceVersion) > this.#position) this.#index.written(metadata.resourceVersion);
  }

  noteCreated({ metadata }: KubernetesObject): void {
    this.#index.created(metadata);
  }

  sinceLastSync(): number | undefined {
    return this.#heardAt === undefined ? undefined : this.#timers.now() - this.#heardAt;
  }

  async #run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#listUntilComplete(stop);
      if (stop.aborted) return;
      this.#synced.resolve();
      await this.#follow(stop);
    }
  }

  /** Watches, and lists again from time to time beside the watch, so that no change waits for a list. */
  async #follow(stop: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([stop, lost.signal]);
    const relisting = this.#relistFromTimeToTime(signal, () => lost.abort());
    await this.#watchUntilLost(signal);
    lost.abort();
    await relisting;
  }

  async #relistFromTimeToTime(signal: AbortSignal, onBeginAnew: () => void): Promise<void> {
    for (;;) {
      const sinceList = this.#timers.now() - this.#listBegan;
      await rest(this.#timers, this.#times.relist * (0.8 + 0.2 * this.#random()) - sinceList, signal);
      if (signal.aborted) return;
      await this.#listUntilComplete(signal, onBeginAnew);
    }
  }

  async #listUntilComplete(signal: AbortSignal, onBeginAnew?: () => void): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await this.#list(signal);
      } catch (error) {
        if (signal.aborted) return;
        const doubted = this.#noteStale(error);
        const delay = this.#delay(Math.max(failures, this.#failures), error);
        this.#problem('list', error, delay);
        this.#failures = Math.max(this.#failures, failures + 1);
        if (doubted) onBeginAnew?.();
        await rest(this.#timers, delay, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    await rest(this.#timers, this.#listBegan + this.#times.gap - this.#timers.now(), signal);
    if (signal.aborted) return;
    const before = this.#position;
    this.#listBegan = this.#timers.now();
    this.#index.beginList();
    let version = Number.NaN;
    let next = '';
    do {
      const page = await this.#pages.read(next, signal);
      if (Number.isNaN(version)) {
        version = versionOf(page.resourceVersion);
        if (Number.isNaN(version)) throw new ApiUnreadable('The version of the list is no integer');
        if (version < before) throw new StaleList('The list is older than what is known');
      }
      for (const item of page.items) this.#tell(this.#index.listed(item.metadata), item);
      this.#heard();
      ({ next } = page);
    } while (next !== '' && !signal.aborted);
    signal.throwIfAborted();
    for (const gone of this.#index.endList(version)) this.#gone(gone);
    this.#position = Math.max(this.#position, version);
    this.#staleSince = undefined;
  }

  async #watchUntilLost(signal: AbortSignal): Promise<void> {
    let refusals = 0;
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
        refusals = 0;
      } catch (error) {
        if (signal.aborted) return;
        refusals = error instanceof ApiError ? refusals + 1 : 0;
        const lost = isExpired(error) || error instanceof ApiUnreadable || refusals >= mostRefusals;
        // The first time at once: the list keeps its distance by itself.
        const delay = lost && this.#failures === 0 ? 0 : this.#delay(this.#failures, error);
        this.#problem('watch', error, delay);
        this.#failures += 1;
        await rest(this.#timers, delay, signal);
        if (lost) return;
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { api, path, query } = this.#options;
    const began = this.#timers.now();
    let quiet = true;
    const lines = api.watch({
      path,
      query: {
        ...query,
        allowWatchBookmarks: true,
        timeoutSeconds: 240 + Math.floor(241 * this.#random()),
        resourceVersion: this.#position,
      },
      accept: this.#accept('PartialObjectMetadata'),
      signal,
      silence: this.#times.silence,
    });
    for await (const line of lines) {
      this.#take(line);
      quiet = false;
      this.#failures = 0;
      this.#heard();
    }
    if (quiet && this.#timers.now() - began < 1000) throw new ApiUnavailable('The watch ended as soon as it began');
  }

  #take(line: unknown): void {
    const event = readEvent(line);
    if (event === undefined) return;
    const moveTo = (resourceVersion: string): void => {
      const version = versionOf(resourceVersion);
      if (version > this.#position) this.#position = version;
    };
    if (event.type === 'BOOKMARK') return moveTo(event.resourceVersion);
    const { metadata } = event.object;
    if (event.type === 'DELETED') {
      const gone = this.#index.deleted(metadata);
      if (gone !== undefined) this.#gone(gone);
    } else {
      this.#tell(this.#index.changed(metadata), event.object);
    }
    moveTo(metadata.resourceVersion);
  }

  #tell({ news, gone }: Verdict, object: KubernetesObject): void {
    if (gone !== undefined) this.#gone(gone);
    // What was asked for is of this kind.
    if (news) this.#guard(() => this.#options.handler.onUpsert(object as T));
  }

  #gone(known: Known): void {
    this.#guard(() => this.#options.handler.onGone(known));
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#problem('handler', error, 0);
    }
  }

  #heard(): void {
    this.#heardAt = this.#timers.now();
  }

  /** True when the API server has insisted on its older state for so long that it must be the truth. */
  #noteStale(error: unknown): boolean {
    if (!(error instanceof StaleList)) return false;
    this.#staleSince ??= this.#timers.now();
    if (this.#timers.now() - this.#staleSince < this.#times.disbelief) return false;
    this.#index.forgetVersions();
    this.#position = -1;
    this.#staleSince = undefined;
    return true;
  }

  #delay(failures: number, error: unknown): number {
    const { gap, longestDelay } = this.#times;
    return delayAfter(error, failures, { shortest: gap, longest: longestDelay, random: this.#random() });
  }

  #problem(during: ReflectorProblem['during'], error: unknown, retryIn: number): void {
    const reason = during === 'handler' ? 'handler' : reasonOf(error);
    this.#options.onProblem?.({ path: this.#options.path, during, reason, error, retryIn });
  }

  #accept(kind: string): string {
    const { metadataOnly = false } = this.#options;
    return metadataOnly ? `application/json;as=${kind};g=meta.k8s.io;v=v1` : 'application/json';
  }
}
