/** Work that is done at intervals and sooner when somebody hints at it; never twice at a time, never given up. */
export interface RepeatingOptions {
  readonly work: () => Promise<void>;
  /** Milliseconds from the end of one run to the next; asked after each. */
  readonly every: () => number;
  /** One line, once for a row of failures and once when it works again. */
  readonly onProblem: (problem: string) => void;
  /** What is repeated, for that line. */
  readonly name: string;
}

export class Repeating {
  readonly #options: RepeatingOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #hinted: number | undefined;
  #failing = false;
  #stopped = false;

  constructor(options: RepeatingOptions) {
    this.#options = options;
  }

  /** Runs within `delay` milliseconds; a hint during a run makes another one follow it. */
  soon(delay: number): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#hinted = Math.min(this.#hinted ?? delay, delay);
      return;
    }
    const dueAt = performance.now() + delay;
    if (dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#run(), delay);
  }

  #run(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#running = this.#work().then(() => {
      this.#running = undefined;
      const hinted = this.#hinted;
      this.#hinted = undefined;
      this.soon(hinted ?? this.#options.every());
    });
  }

  async #work(): Promise<void> {
    const { work, onProblem, name } = this.#options;
    try {
      await work();
      if (this.#failing) onProblem(`${name} works again`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) onProblem(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
      this.#failing = true;
    }
  }

  /** Resolves when the run that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
