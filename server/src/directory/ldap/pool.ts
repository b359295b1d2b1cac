/**
 * A few connections of one kind to one server. Each is lent to one operation at a time and comes back only if that ended
 * clean; otherwise it is destroyed, and so is one that has grown old.
 */
import type { Connection } from './connection.ts';

/** Nobody is served at the moment: everything is lent, and the queue is full or did not move. */
export class PoolBusy extends Error {
  readonly code = 'pool_busy';
  /** It was being opened when the time was up. */
  readonly opening: boolean;
  constructor(message: string, opening = false) {
    super(message);
    this.opening = opening;
  }
}

export interface PoolOptions {
  readonly size: number;
  /** Milliseconds that a connection is used. */
  readonly oldest: number;
  /** Within limits of its own: a connection is everybody's, whoever waits for it may leave. */
  readonly open: () => Promise<Connection>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export interface Loan {
  readonly connection: Connection;
  /** Whether it had served somebody before: then its peer may have left without a word. */
  readonly reused: boolean;
  /** Gives it back; once. `clean`: it may serve somebody else. */
  release(clean: boolean): void;
}

export interface Pool {
  /** @throws PoolBusy, or what opening throws */
  borrow(signal: AbortSignal): Promise<Loan>;
  /** Idle and lent connections, and those who wait. */
  readonly counts: { readonly idle: number; readonly lent: number; readonly waiting: number };
  /** Every connection there is now is used no more: the server, or the way to it, may have lost them without a word. */
  distrust(): void;
  /** Destroys what is idle now and what is lent when it comes back; nothing is lent any more. */
  close(): void;
}

const mostWaiting = 64;
/** Milliseconds. */
const longestWait = 500;

interface Waiter {
  go(): void;
  fail(error: PoolBusy): void;
}

interface Kept {
  readonly connection: Connection;
  readonly since: number;
  readonly generation: number;
}

export function createPool(options: PoolOptions): Pool {
  return new ConnectionPool(options);
}

class ConnectionPool implements Pool {
  readonly #options: PoolOptions;
  readonly #waiters: Waiter[] = [];
  #idle: Kept[] = [];
  #lent = 0;
  #closed = false;
  #generation = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get counts(): Pool['counts'] {
    return { idle: this.#idle.length, lent: this.#lent, waiting: this.#waiters.length };
  }

  async borrow(signal: AbortSignal): Promise<Loan> {
    await this.#takePlace(signal);
    const kept = this.#takeIdle();
    return kept === undefined ? orLeave(this.#open(), signal) : this.#lend(kept, true);
  }

  distrust(): void {
    this.#generation += 1;
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
  }

  close(): void {
    this.#closed = true;
    this.distrust();
    for (const waiter of this.#waiters.slice()) waiter.fail(new PoolBusy('the registration changed'));
  }

  #takePlace(signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new PoolBusy('the registration changed'));
    if (this.#lent >= this.#options.size) return this.#wait(signal);
    this.#lent += 1;
    return Promise.resolve();
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiters.length >= mostWaiting) return Promise.reject(new PoolBusy('too many wait'));
    return new Promise((resolve, reject) => {
      const leave = (then: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stopped);
        const place = this.#waiters.indexOf(waiter);
        if (place !== -1) this.#waiters.splice(place, 1);
        then();
      };
      const waiter: Waiter = { go: () => leave(resolve), fail: (error) => leave(() => reject(error)) };
      const timer = setTimeout(() => waiter.fail(new PoolBusy('no connection came free in time')), longestWait);
      const stopped = () => waiter.fail(new PoolBusy('stopped while waiting for a connection'));
      signal.addEventListener('abort', stopped, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** To the one who waits longest, so that nobody who comes now overtakes. */
  #givePlace(): void {
    const next = this.#waiters[0];
    if (next === undefined) this.#lent -= 1;
    else next.go();
  }

  #takeIdle(): Kept | undefined {
    for (;;) {
      const kept = this.#idle.pop();
      if (kept === undefined || this.#isUsable(kept)) return kept;
      kept.connection.destroy();
    }
  }

  #isUsable({ connection, since, generation }: Kept): boolean {
    const trusted = !this.#closed && generation === this.#generation;
    return trusted && connection.open && this.#options.now() - since < this.#options.oldest;
  }

  async #open(): Promise<Loan> {
    try {
      const connection = await this.#options.open();
      connection.onEnd(() => {
        this.#idle = this.#idle.filter((kept) => kept.connection !== connection);
      });
      return this.#lend({ connection, since: this.#options.now(), generation: this.#generation }, false);
    } catch (error) {
      this.#givePlace();
      throw error;
    }
  }

  #lend(kept: Kept, reused: boolean): Loan {
    let out = true;
    return {
      connection: kept.connection,
      reused,
      release: (clean) => {
        if (!out) return;
        out = false;
        if (clean && this.#isUsable(kept)) this.#idle.push(kept);
        else kept.connection.destroy();
        this.#givePlace();
      },
    };
  }
}

/** Whoever stops waiting leaves the connection, once it is there, to the next one. */
function orLeave(opening: Promise<Loan>, signal: AbortSignal): Promise<Loan> {
  return new Promise((resolve, reject) => {
    let left = false;
    const leave = () => {
      left = true;
      reject(new PoolBusy('stopped while a connection was opened', true));
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    opening.then(
      (loan) => {
        signal.removeEventListener('abort', leave);
        if (left) loan.release(true);
        else resolve(loan);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', leave);
        reject(error);
      },
    );
  });
}
