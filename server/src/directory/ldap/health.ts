/**
 * PURE but for the clock it is given. What is known of a server's health: a circuit breaker. A server that failed once is
 * doubted: others are asked before it until it has proven itself. After three failures in a row its circuit is open: it is
 * asked by one attempt at a time, and only one that is answered closes it.
 */
export interface Health {
  readonly state: 'well' | 'doubted' | 'open';
  /** When it failed last; never: minus infinity. */
  readonly failedAt: number;
  /** Milliseconds until it is due to be tried again; 0: now, or there is nothing to find out. */
  readonly dueIn: number;
  /** `null`: its circuit is open, and somebody is trying: see {@link trial}. */
  begin(): Attempt | null;
  /** What the one attempt at an open circuit comes to; `null`: nobody tries. */
  readonly trial: Promise<Outcome> | null;
}

export type Outcome = 'succeeded' | 'doubted' | 'failed' | 'left';

/** One operation on the way. The first of the four that is called counts, and one of them must be. */
export interface Attempt {
  /** Milliseconds since it began. */
  readonly age: number;
  /** Proves the server well, unless it failed since this began: then the answer says nothing of now. */
  succeed(): void;
  /**
   * It answers, if not what was asked: so far from open, and not well. Like {@link succeed} it counts for nothing if the
   * server failed since this began; and it takes nothing from the success of another one that overlaps.
   */
  doubt(): void;
  fail(): void;
  /** Nothing was found out about the server. */
  leave(): void;
}

export const failuresUntilOpen = 3;
const shortestPause = 5000;
const longestPause = 30_000;

/**
 * The circuit is tried again after 5 s, then after twice as long with each trial that fails, up to 30 s.
 *
 * @param now milliseconds, monotonic
 */
export function createHealth(now: () => number): Health {
  return new CircuitBreaker(now);
}

class CircuitBreaker implements Health {
  readonly #now: () => number;
  #failures = 0;
  /** All that were ever noted. */
  #noted = 0;
  #failedTrials = 0;
  #trial: Promise<Outcome> | null = null;
  failedAt = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  get state(): Health['state'] {
    if (this.#failures === 0) return 'well';
    return this.#failures < failuresUntilOpen ? 'doubted' : 'open';
  }

  get dueIn(): number {
    if (this.#failures === 0) return 0;
    const pause = Math.min(longestPause, shortestPause * 2 ** Math.min(this.#failedTrials, 10));
    return Math.max(0, this.failedAt + pause - this.#now());
  }

  get trial(): Promise<Outcome> | null {
    return this.#trial;
  }

  begin(): Attempt | null {
    const isTrial = this.state === 'open';
    if (!isTrial) return this.#attempt((outcome) => this.#note(outcome, false));
    if (this.#trial !== null) return null;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#trial = promise;
    return this.#attempt((outcome) => {
      this.#trial = null;
      this.#note(outcome, true);
      resolve(outcome);
    });
  }

  #attempt(settle: (outcome: Outcome) => void): Attempt {
    const now = this.#now;
    const since = now();
    const notedBefore = this.#noted;
    let settled = false;
    const once = (outcome: Outcome) => {
      if (settled) return;
      settled = true;
      const outdated = this.#noted !== notedBefore && outcome !== 'failed';
      settle(outdated ? 'left' : outcome);
    };
    return {
      get age() {
        return now() - since;
      },
      succeed: () => once('succeeded'),
      doubt: () => once('doubted'),
      fail: () => once('failed'),
      leave: () => once('left'),
    };
  }

  #note(outcome: Outcome, isTrial: boolean): void {
    if (outcome === 'succeeded') {
      this.#failures = 0;
      this.#failedTrials = 0;
    }
    if (outcome === 'doubted') {
      // One after the other must not put off for ever when it is looked at again.
      if (this.state !== 'doubted') this.failedAt = this.#now();
      this.#failures = 1;
      this.#failedTrials = 0;
    }
    if (outcome !== 'failed') return;
    // What began before the circuit opened tells nothing new when it fails too.
    if (this.state === 'open' && !isTrial) return;
    this.#failures += 1;
    this.#noted += 1;
    if (isTrial) this.#failedTrials += 1;
    this.failedAt = this.#now();
  }
}
