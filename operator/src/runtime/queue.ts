/**
 * The work queue: keys, never events. A key waits once however often it is added, is worked on by one worker at a time,
 * and is marked again when it is added during work. Changes go before resync; namespaces take turns, so that one
 * tenant's thousand changes cost another one turn.
 */

/** Time as the queue sees it; tests pass their own. Milliseconds. */
export interface Timers {
  now(): number;
  /** Runs once after `delay`; the returned function cancels it. */
  after(delay: number, run: () => void): () => void;
}

export const processTimers: Timers = {
  now: () => performance.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
};

/** `change`: something moved. `resync`: looking again although nothing is known to have moved. */
export type Urgency = 'change' | 'resync';

export interface QueueOptions {
  readonly timers?: Timers;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** First delay after a failure, doubled with each further one. Default 1 s. */
  readonly firstDelay?: number;
  /** Default 5 min. */
  readonly longestDelay?: number;
  /**
   * Keys of one namespace that are worked on at once. Fewer than there are workers: a tenant whose database answers slowly
   * cannot keep them all. Default: any number.
   */
  readonly mostPerNamespace?: number;
  /** The part of a key that takes turns. Default: what stands before the first `/`. */
  readonly namespaceOf?: (key: string) => string;
  readonly observer?: QueueObserver;
}

/** Told of what becomes of keys, each in milliseconds. Must not throw. */
export interface QueueObserver {
  /** A key begins to wait. */
  added?(): void;
  taken?(waited: number): void;
  given?(worked: number): void;
  /** A key comes again later. */
  putOff?(): void;
}

interface Entry {
  /** Waiting for a worker. */
  waiting: Urgency | undefined;
  active: boolean;
  /** Added during work. */
  again: Urgency | undefined;
  failures: number;
  delayed: { readonly due: number; readonly cancel: () => void } | undefined;
  /** When it began to wait for the worker that it waits for, or that has it. */
  since: number;
}

/** Namespaces in turn, each with its keys in order of arrival. */
class Turns {
  readonly #namespaces = new Map<string, Set<string>>();

  add(namespace: string, key: string): void {
    const keys = this.#namespaces.get(namespace);
    if (keys === undefined) this.#namespaces.set(namespace, new Set([key]));
    else keys.add(key);
  }

  delete(namespace: string, key: string): void {
    const keys = this.#namespaces.get(namespace);
    if (keys?.delete(key) === true && keys.size === 0) this.#namespaces.delete(namespace);
  }

  get size(): number {
    let size = 0;
    for (const keys of this.#namespaces.values()) size += keys.size;
    return size;
  }

  /** @param mayRun whether a namespace may have one more */
  take(mayRun: (namespace: string) => boolean): string | undefined {
    for (const [namespace, keys] of this.#namespaces) {
      if (!mayRun(namespace)) continue;
      const [key] = keys;
      this.#namespaces.delete(namespace);
      if (key === undefined) continue;
      keys.delete(key);
      if (keys.size > 0) this.#namespaces.set(namespace, keys);
      return key;
    }
    return undefined;
  }
}

export class WorkQueue {
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #firstDelay: number;
  readonly #longestDelay: number;
  readonly #namespaceOf: (key: string) => string;
  readonly #mostPerNamespace: number;
  readonly #observer: QueueObserver;
  readonly #activeIn = new Map<string, number>();
  readonly #entries = new Map<string, Entry>();
  readonly #turns: Record<Urgency, Turns> = { change: new Turns(), resync: new Turns() };
  readonly #takers: ((key: string | null) => void)[] = [];
  readonly #idle: (() => void)[] = [];
  /** When a worker took each. */
  readonly #active = new Map<string, number>();
  #stopped = false;

  constructor(options: QueueOptions = {}) {
    this.#timers = options.timers ?? processTimers;
    this.#random = options.random ?? Math.random;
    this.#firstDelay = options.firstDelay ?? 1000;
    this.#longestDelay = options.longestDelay ?? 300_000;
    this.#mostPerNamespace = options.mostPerNamespace ?? Number.POSITIVE_INFINITY;
    this.#observer = options.observer ?? {};
    this.#namespaceOf = options.namespaceOf ?? ((key) => key.slice(0, Math.max(0, key.indexOf('/'))));
  }

  /** Keys that are waiting, delayed or worked on. */
  get size(): number {
    return this.#entries.size;
  }

  /** Keys that could be worked on now. */
  get waiting(): number {
    return this.#turns.change.size + this.#turns.resync.size;
  }

  /** How long each key that is worked on has been, in milliseconds. */
  get active(): readonly number[] {
    const now = this.#timers.now();
    return [...this.#active.values()].map((began) => now - began);
  }

  /** When a key that is worked on began to wait for that, by {@link Timers.now}. */
  heardAt(key: string): number | undefined {
    return this.#active.has(key) ? this.#entries.get(key)?.since : undefined;
  }

  /** A change ends the back-off of a key that failed; a resync does not. */
  add(key: string, urgency: Urgency = 'change'): void {
    if (this.#stopped) return;
    const entry = this.#entry(key);
    if (entry.active) {
      if (entry.again !== 'change') entry.again = urgency;
      return;
    }
    if (entry.delayed !== undefined) {
      if (urgency === 'resync' && entry.failures > 0) return;
      this.#cancelDelay(entry);
    }
    this.#wait(key, entry, urgency);
  }

  /** Adds later; of several delays for one key the shortest counts. A key that waits already is left alone. */
  addAfter(key: string, delay: number, urgency: Urgency = 'change'): void {
    if (this.#stopped) return;
    const entry = this.#entry(key);
    if (entry.waiting !== undefined) return;
    const due = this.#timers.now() + delay;
    if (entry.delayed !== undefined && entry.delayed.due <= due) return;
    this.#cancelDelay(entry);
    this.#observer.putOff?.();
    const cancel = this.#timers.after(delay, () => {
      entry.delayed = undefined;
      if (entry.active) entry.again ??= urgency;
      else if (entry.waiting === undefined) this.#wait(key, entry, urgency);
    });
    entry.delayed = { due, cancel };
  }

  /** It is known to be as it should: what failed need not be tried again. What waits for a worker already is left alone. */
  settle(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.active || entry.waiting !== undefined || entry.failures === 0) return;
    this.#cancelDelay(entry);
    this.#entries.delete(key);
  }

  /** The next key, as soon as there is one; `null` once the queue has stopped. Each key taken must be given back. */
  take(): Promise<string | null> {
    if (this.#stopped) return Promise.resolve(null);
    const key = this.#next();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Gives a key back after work that ended well: its failures are forgotten. */
  done(key: string): void {
    const entry = this.#release(key);
    if (entry === undefined) return;
    entry.failures = 0;
    this.#settle(key, entry);
  }

  /**
   * Gives a key back after work that failed: it comes again after 1 s, 2 s, 4 s … (half of it at random), unless a change
   * arrived meanwhile. Returns that delay.
   */
  failed(key: string): number {
    const entry = this.#release(key);
    if (entry === undefined) return 0;
    const full = Math.min(this.#longestDelay, this.#firstDelay * 2 ** Math.min(entry.failures, 30));
    entry.failures += 1;
    const delay = full / 2 + (full / 2) * this.#random();
    if (entry.again === 'resync') entry.again = undefined;
    this.#settle(key, entry);
    if (entry.waiting === undefined && !entry.active) this.addAfter(key, delay);
    return delay;
  }

  /** Hands out no further key; resolves when every key that was taken has been given back. */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const entry of this.#entries.values()) this.#cancelDelay(entry);
    for (const taker of this.#takers.splice(0)) taker(null);
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { waiting: undefined, active: false, again: undefined, failures: 0, delayed: undefined, since: 0 };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #mayRun = (namespace: string): boolean => (this.#activeIn.get(namespace) ?? 0) < this.#mostPerNamespace;

  #next(): string | undefined {
    const key = this.#turns.change.take(this.#mayRun) ?? this.#turns.resync.take(this.#mayRun);
    if (key !== undefined) this.#begin(key);
    return key;
  }

  #wait(key: string, entry: Entry, urgency: Urgency): void {
    const namespace = this.#namespaceOf(key);
    if (entry.waiting === urgency || entry.waiting === 'change') return;
    if (entry.waiting === 'resync') this.#turns.resync.delete(namespace, key);
    else {
      entry.since = this.#timers.now();
      this.#observer.added?.();
    }
    entry.waiting = urgency;
    this.#turns[urgency].add(namespace, key);
    this.#handOut();
  }

  /** To workers that have nothing to do. */
  #handOut(): void {
    while (this.#takers.length > 0) {
      const key = this.#next();
      if (key === undefined) return;
      this.#takers.shift()?.(key);
    }
  }

  #begin(key: string): void {
    const entry = this.#entry(key);
    entry.waiting = undefined;
    entry.active = true;
    const now = this.#timers.now();
    this.#active.set(key, now);
    this.#observer.taken?.(now - entry.since);
    const namespace = this.#namespaceOf(key);
    this.#activeIn.set(namespace, (this.#activeIn.get(namespace) ?? 0) + 1);
  }

  #release(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.active !== true) return undefined;
    entry.active = false;
    this.#observer.given?.(this.#timers.now() - (this.#active.get(key) ?? 0));
    this.#active.delete(key);
    const namespace = this.#namespaceOf(key);
    const others = (this.#activeIn.get(namespace) ?? 1) - 1;
    if (others > 0) this.#activeIn.set(namespace, others);
    else this.#activeIn.delete(namespace);
    if (this.#active.size === 0) for (const idle of this.#idle.splice(0)) idle();
    return entry;
  }

  #settle(key: string, entry: Entry): void {
    const again = entry.again;
    entry.again = undefined;
    if (again !== undefined && !this.#stopped) this.#wait(key, entry, again);
    else if (entry.delayed === undefined && entry.failures === 0) this.#entries.delete(key);
    // Another one of its namespace may have waited for it.
    if (!this.#stopped) this.#handOut();
  }

  #cancelDelay(entry: Entry): void {
    entry.delayed?.cancel();
    entry.delayed = undefined;
  }
}
