/**
 * One of several processes leads: the one that holds the Lease. It stops writing before others may take over: its time
 * counts from when a renewal was sent, theirs from when they saw it, both on clocks that only go forward.
 *
 * One that had no time to renew (a machine under load, a long answer) writes nothing, and goes on once a renewal comes
 * through: it is made for the very version of the Lease that it had, so nobody else led in between.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ApiError, apiPath, type KubernetesApi } from './kubernetes-api.ts';
import {
  acquiredSpec,
  defaultLeaseTimes,
  freshLease,
  isFree,
  type Lease,
  type LeaseTimes,
  readLease,
  releasedLease,
  renewedLease,
  withSpec,
} from './lease.ts';
import { processTimers, type Timers } from './queue.ts';
import { rest } from './rest.ts';

export interface LeaderOptions {
  /** Without a gate for writes: the Lease is what opens it. */
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Once, when it led and does not any more, unless it was stopped: this process must end. */
  onLost(reason: string): void;
  readonly onProblem?: (error: unknown) => void;
  readonly times?: LeaseTimes;
  /** Only forward, also while the process is frozen. */
  readonly timers?: Timers;
  readonly random?: () => number;
}

/** The pair is larger for every later leader; it fences what the Lease itself cannot. */
export interface Leadership {
  /** Milliseconds since 1970, by the API server's clock. */
  readonly leaseCreated: number;
  readonly leaseTransitions: number;
}

export interface Leader {
  /** Of this start of the process: a frozen process of the same pod is another. */
  readonly identity: string;
  /** Resolves once this process leads; `undefined`: stopped before. Never rejects. */
  acquire(): Promise<Leadership | undefined>;
  /** Whether something may be written now. */
  leading(): boolean;
  /** Who holds the Lease, as far as is known. */
  holder(): string | undefined;
  /** Leads no more, and gives the Lease back, so that another takes over at once. Call it when nothing is written any more. */
  stop(): Promise<void>;
}

const requestTimeout = 5000;

export function createLeader(options: LeaderOptions): Leader {
  return new LeaseLoop(options);
}

class LeaseLoop implements Leader {
  readonly identity = `${hostname().slice(0, 63)}_${randomUUID()}`;
  readonly #options: LeaderOptions;
  readonly #times: LeaseTimes;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #path: string;
  readonly #collection: string;
  readonly #stop = new AbortController();
  readonly #acquired = Promise.withResolvers<Leadership | undefined>();
  #running: Promise<void> | undefined;
  #lease: Lease | undefined;
  /** When the record of the Lease was first seen as it is. */
  #seenAt = 0;
  #state: 'waiting' | 'leading' | 'over' = 'waiting';
  /** When the last renewal that succeeded was sent. */
  #renewedAt = 0;
  #cancelEnd: (() => void) | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#times = options.times ?? defaultLeaseTimes;
    this.#timers = options.timers ?? processTimers;
    this.#random = options.random ?? Math.random;
    this.#collection = apiPath('apis', 'coordination.k8s.io', 'v1', 'namespaces', options.namespace, 'leases');
    this.#path = `${this.#collection}${apiPath(options.name)}`;
  }

  acquire(): Promise<Leadership | undefined> {
    this.#running ??= this.#run().finally(() => this.#acquired.resolve(undefined));
    return this.#acquired.promise;
  }

  leading(): boolean {
    return this.#state === 'leading' && this.#left() > 0;
  }

  holder(): string | undefined {
    const holder = this.#lease?.holder;
    return holder === '' ? undefined : holder;
  }

  async stop(): Promise<void> {
    const held = this.#state === 'leading';
    this.#state = 'over';
    this.#cancelEnd?.();
    this.#stop.abort();
    await this.#running;
    if (held) await this.#release().catch((error: unknown) => this.#options.onProblem?.(error));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#state !== 'over') {
      let failed = false;
      try {
        if (this.#state === 'waiting') await this.#tryToAcquire();
        else await this.#renew();
      } catch (error) {
        failed = true;
        if (!signal.aborted) this.#options.onProblem?.(error);
      }
      await this.#rest(failed);
    }
  }

  async #tryToAcquire(): Promise<void> {
    const lease = await this.#look();
    if (lease === undefined) return this.#create();
    // Held by this process: the answer to its own request was lost.
    if (lease.holder === this.identity) return this.#write(renewedLease(lease, Date.now()));
    if (!isFree(lease, this.#timers.now() - this.#seenAt, this.#times)) return;
    const spec = acquiredSpec(this.identity, lease.transitions + 1, this.#times, Date.now());
    await this.#write(withSpec(lease, spec));
  }

  /** Deleted and created again within a second, it has the same age: the number goes on from the one that was seen. */
  async #create(): Promise<void> {
    const spec = acquiredSpec(this.identity, (this.#lease?.transitions ?? 0) + 1, this.#times, Date.now());
    const sentAt = this.#timers.now();
    const body = freshLease(this.#options.namespace, this.#options.name, spec);
    this.#lead(readLease(await this.#request('POST', this.#collection, body)), sentAt);
  }

  /** Only if nobody else wrote since: the object carries its version. */
  async #write(body: object): Promise<void> {
    const sentAt = this.#timers.now();
    this.#lead(readLease(await this.#request('PUT', this.#path, body)), sentAt);
  }

  #lead(lease: Lease, sentAt: number): void {
    if (this.#state === 'over') return;
    this.#note(lease);
    this.#renewedAt = sentAt;
    this.#cancelEnd?.();
    const left = this.#left();
    if (left <= 0 && this.#state === 'waiting') return;
    const { duration, renewDeadline } = this.#times;
    // Also while a renewal is under way and hangs; from then on others may lead.
    const end = left + duration - renewDeadline;
    this.#cancelEnd = this.#timers.after(end, () => this.#lose('The Lease was not renewed in time'));
    this.#state = 'leading';
    this.#acquired.resolve({ leaseCreated: lease.created, leaseTransitions: lease.transitions });
  }

  async #renew(): Promise<void> {
    const held = this.#lease;
    if (held === undefined) return;
    try {
      await this.#write(renewedLease(held, Date.now()));
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 404) return this.#lose('The Lease was deleted');
      if (status !== 409) throw error;
      await this.#renewChanged(held);
    }
  }

  /** Somebody wrote to it: a label perhaps, or this process itself, whose answer was lost. */
  async #renewChanged(held: Lease): Promise<void> {
    const lease = await this.#look();
    if (lease?.uid !== held.uid) return this.#lose('The Lease was deleted');
    if (lease.holder !== this.identity || lease.transitions !== held.transitions) {
      return this.#lose('The Lease was taken over');
    }
    await this.#write(renewedLease(lease, Date.now()));
  }

  async #look(): Promise<Lease | undefined> {
    try {
      const lease = readLease(await this.#request('GET', this.#path));
      this.#note(lease);
      return lease;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #note(lease: Lease): void {
    if (lease.record !== this.#lease?.record) this.#seenAt = this.#timers.now();
    this.#lease = lease;
  }

  #left(): number {
    return this.#renewedAt + this.#times.renewDeadline - this.#timers.now();
  }

  #lose(reason: string): void {
    if (this.#state !== 'leading') return;
    this.#state = 'over';
    this.#options.onLost(reason);
  }

  #request(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<unknown> {
    return this.#options.api.request({
      method,
      path,
      ...(body === undefined ? {} : { body }),
      signal: this.#stop.signal,
      timeout: Math.min(requestTimeout, this.#times.renewDeadline / 2),
    });
  }

  async #release(): Promise<void> {
    const { api } = this.#options;
    const timeout = this.#times.retry;
    const lease = readLease(await api.request({ method: 'GET', path: this.#path, timeout }));
    if (lease.holder !== this.identity) return;
    await api.request({ method: 'PUT', path: this.#path, body: releasedLease(lease, Date.now()), timeout });
  }

  /** Shorter while it leads and could not renew: there is little time left. */
  #rest(failed: boolean): Promise<void> {
    if (this.#state === 'over') return Promise.resolve();
    const { retry } = this.#times;
    const delay = failed && this.#state === 'leading' ? retry / 4 : retry;
    return rest(this.#timers, delay * (1 + this.#random() / 5), this.#stop.signal);
  }
}
