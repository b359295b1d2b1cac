/** A registry at work: what moves in it, what its replicas report, which of its rows nobody stands behind. */
import type { LiveReport, Registry, Stop } from '@nauthera/server/registry';
import type { ResourceSource } from '../sources/source.ts';
import { Orphans, type OrphanTimes } from './orphans.ts';
import type { Changed, RegistryFindings } from './registry-handle.ts';
import { ServedWatch } from './served-watch.ts';

/** What a registry tells; nothing of it may throw. */
export interface RegistryListener {
  /** Rows moved, whoever did it; `all`: anything may have. */
  onMoved(changed: Changed): void;
  /** `pending`: those that waited for replicas. */
  onReports(pending: readonly string[], before: readonly LiveReport[], after: readonly LiveReport[]): void;
  /** Its database does not answer; told again and again until {@link onRecovery}. */
  onAway(error: unknown): void;
  onRecovery(): void;
  /** {@link RegistryFindings.retirementHeld} changed. */
  onHeld(): void;
  /** Looking for rows without a resource failed; it comes again. */
  onError(error: unknown): void;
}

export class RunningRegistry implements RegistryFindings {
  readonly registry: Registry;
  readonly #listener: RegistryListener;
  readonly #served: ServedWatch;
  readonly #orphans: Orphans;
  #unfollow: Stop | undefined;

  constructor(registry: Registry, source: ResourceSource, listener: RegistryListener, orphans: OrphanTimes = {}) {
    this.registry = registry;
    this.#listener = listener;
    this.#served = new ServedWatch({
      read: () => registry.reports(),
      onChange: (pending, before, after) => listener.onReports(pending, before, after),
      onError: (error) => listener.onAway(error),
      onRecovery: () => listener.onRecovery(),
    });
    this.#orphans = new Orphans({
      ...orphans,
      registry,
      source,
      onError: (error) => listener.onError(error),
      onHeld: () => listener.onHeld(),
    });
  }

  get reports(): readonly LiveReport[] {
    return this.#served.reports;
  }

  get retirementHeld(): number {
    return this.#orphans.held;
  }

  /** Reads the reports. */
  start(): Promise<void> {
    return this.#served.start();
  }

  /** Follows; the first word is that everything may have moved. */
  async follow(): Promise<void> {
    this.#unfollow = await this.registry.follow((changed) => this.#listener.onMoved(changed));
    this.#orphans.start();
  }

  pend(dependent: string, pending: boolean): void {
    this.#served.pend(dependent, pending);
  }

  /** A row moved that no resource is known to have. */
  lookAtStray(row: Exclude<Changed, 'all'>[number]): void {
    this.#orphans.look(row);
  }

  /** Lets a retirement that was held back happen. */
  confirmRetirement(): void {
    this.#orphans.confirm();
  }

  /** Nobody hears of rows any more. */
  async unfollow(): Promise<void> {
    await this.#unfollow?.();
    await this.#orphans.stop();
  }

  /** After {@link unfollow}. */
  stop(): Promise<void> {
    return this.#served.stop();
  }
}
