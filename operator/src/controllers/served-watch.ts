/**
 * The replicas' reports as they change: read every 100 ms while something waits to be served, otherwise every second for
 * what the replicas found out by themselves (directories, keys, refused rows).
 */
import { isDeepStrictEqual } from 'node:util';
import type { LiveReport } from '@nauthera/server/registry';

export interface ServedWatchOptions {
  read(): Promise<readonly LiveReport[]>;
  /** `pending`: those that waited; the rest of the change is told by `before` and `after`. Must not throw. */
  onChange(pending: readonly string[], before: readonly LiveReport[], after: readonly LiveReport[]): void;
  onError(error: unknown): void;
  /** The reports can be read again. */
  onRecovery(): void;
  /** Milliseconds. */
  readonly whilePending?: number;
  readonly otherwise?: number;
}

export class ServedWatch {
  readonly #options: ServedWatchOptions;
  readonly #pending = new Set<string>();
  #reports: readonly LiveReport[] = [];
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #stopped = false;
  #failing = false;
  /** Somebody began to wait since the last look: what it waits for may have come just before. */
  #begun = false;

  constructor(options: ServedWatchOptions) {
    this.#options = options;
  }

  get reports(): readonly LiveReport[] {
    return this.#reports;
  }

  async start(): Promise<void> {
    await this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Something of `key` is not served yet. */
  pend(key: string, pending: boolean): void {
    if (!pending) this.#pending.delete(key);
    else if (!this.#pending.has(key)) {
      this.#pending.add(key);
      this.#begun = true;
      this.#plan();
    }
  }

  #plan(): void {
    if (this.#stopped) return;
    const { whilePending = 100, otherwise = 1000 } = this.#options;
    const delay = this.#pending.size > 0 ? whilePending : otherwise;
    const due = performance.now() + delay;
    if (this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#running = this.#look();
    }, delay);
  }

  async #look(): Promise<void> {
    const begun = this.#begun;
    this.#begun = false;
    try {
      const before = this.#reports;
      const after = await this.#options.read();
      this.#reports = after;
      if (begun || !isDeepStrictEqual(before, after)) this.#options.onChange([...this.#pending], before, after);
      if (this.#failing) this.#options.onRecovery();
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      this.#options.onError(error);
    }
    this.#due = Number.POSITIVE_INFINITY;
    this.#plan();
  }
}
