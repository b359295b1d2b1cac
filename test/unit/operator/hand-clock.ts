import type { Timers } from '../../../operator/src/runtime/queue.ts';

/** Time that moves only when told to; what becomes due runs in order, also what that makes due. */
export class HandClock implements Timers {
  #now = 0;
  #timers: { due: number; run: () => void }[] = [];
  now = () => this.#now;
  after = (delay: number, run: () => void) => {
    const timer = { due: this.#now + Math.max(0, delay), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };
  /** Milliseconds until the next timer. */
  get next(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map(({ due }) => due)) - this.#now;
  }
  /** Nobody's timer runs: the process is frozen. */
  freeze(by: number) {
    this.#now += by;
  }
  advance(by: number) {
    const end = this.#now + by;
    for (;;) {
      const [first] = this.#timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (first === undefined) break;
      this.#now = Math.max(this.#now, first.due);
      this.#timers = this.#timers.filter((other) => other !== first);
      first.run();
    }
    this.#now = end;
  }
}
