/** When Clients are reviewed: soon after somebody asks, all that is asked at about the same time together, one after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Urgency } from '../../runtime/queue.ts';
import { nameOf } from '../attachment.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import { trustOf } from './inputs.ts';
import { type ReviewTools, reviewClients } from './review.ts';

export interface ReviewsOptions extends ReviewTools {
  /** A pass over a Client that differs from what is noted, or of which nothing is. */
  look(this: void, key: string, urgency: Urgency): void;
  /** No pass is needed, and none that failed before. */
  settle(this: void, key: string): void;
  /** A review of a registry came to no end. */
  onProblem(this: void, error: unknown): void;
  /** A review has ended: of so many Clients so many are to be looked at. */
  onReviewed(this: void, clients: number, differ: number): void;
  /** Milliseconds by a clock that nobody sets. Default `performance.now`. */
  now?(this: void): number;
}

/** Milliseconds in which others may ask too. */
const together = 20;
/** Milliseconds after the start in which databases may be opened, and servers may tell whom their Clients are to trust. */
const patience = 10_000;
/** Milliseconds until one that failed is tried again. */
const again = 1_000;

export class ClientReviews {
  readonly #options: ReviewsOptions;
  readonly #now: () => number;
  readonly #began: number;
  /** What is asked for: a registry, or everything (`undefined`), and how urgently. */
  #asked = new Map<RegistryHandle | undefined, Urgency>();
  /** Registries that have said once that everything may have moved, as each does when it is followed. */
  readonly #heardOf = new WeakSet<RegistryHandle>();
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(options: ReviewsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#began = this.#now();
  }

  /** @param handle left out: of all registries, and of none */
  ask(urgency: Urgency, handle?: RegistryHandle): void {
    if (this.#stop.signal.aborted) return;
    if (this.#asked.get(handle) !== 'change') this.#asked.set(handle, urgency);
    if (handle !== undefined) this.#heardOf.add(handle);
    this.#start();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Somebody asked when it was about to end.
      if (this.#asked.size > 0 && !this.#stop.signal.aborted) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#asked.size > 0 && !signal.aborted) {
      const asked = this.#asked;
      try {
        await this.#settled(signal);
        if (signal.aborted) return;
        this.#asked = new Map();
        await this.#review(asked);
      } catch (error) {
        // Lists that are read anew, perhaps: what was asked for is asked again.
        this.#options.onProblem(error);
        for (const [handle, urgency] of asked)
          if (this.#asked.get(handle) !== 'change') this.#asked.set(handle, urgency);
        await sleep(again, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /**
   * A server whose database opens in a moment would have all of its Clients looked at for nothing. One whose database does not
   * answer keeps nobody else's waiting.
   */
  async #settled(signal: AbortSignal): Promise<void> {
    do await sleep(together, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && this.#now() - this.#began < patience && (await this.#isBeginning()));
  }

  async #isBeginning(): Promise<boolean> {
    const { world } = this.#options;
    const servers = await world.source.list('AuthorizationServer');
    return servers.some((server) => {
      const name = nameOf(server);
      const handle = world.registryOf(name);
      if (server.spec === undefined || handle === undefined || handle.name === '' || handle.isAway) return false;
      return !handle.isOpen || !this.#heardOf.has(handle) || !trustOf(world, name).known;
    });
  }

  async #review(asked: ReadonlyMap<RegistryHandle | undefined, Urgency>): Promise<void> {
    const { world, references, look, settle, onProblem, onReviewed } = this.#options;
    const wanted = new Map<string, Urgency>();
    const want = (key: string, urgency: Urgency) => {
      if (wanted.get(key) !== 'change') wanted.set(key, urgency);
    };
    for (const [handle, urgency] of asked)
      if (handle === undefined)
        for (const { namespace, name } of await world.source.keys('Client')) want(`${namespace}/${name}`, urgency);
      else
        for (const one of references.dependents(`registry/${handle.name}`))
          if (one.startsWith('Client/')) want(one.slice('Client/'.length), urgency);
    const handles = asked.has(undefined) ? [...world.registries()] : [...asked.keys()];
    const clients = wanted.size;
    const passedOver = new Set<string>();
    // Side by side: the database of one tenant may be slow.
    await Promise.all(
      handles
        .filter((handle) => handle?.isOpen === true)
        .map(async (handle) => {
          // One whose database is away has nothing more to tell: its Clients are looked at.
          if (handle !== undefined) await reviewClients(this.#options, handle, passedOver).catch(onProblem);
        }),
    );
    for (const key of passedOver) {
      wanted.delete(key);
      settle(key);
    }
    if (this.#stop.signal.aborted) return;
    for (const [key, urgency] of wanted) look(key, urgency);
    if (clients > 0) onReviewed(clients, wanted.size);
  }
}
