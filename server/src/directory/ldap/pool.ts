/**
 * A few connections of one kind to one server. Each is lent to one operation at a time and comes back only if that ended
 * clean; otherwise it is destroyed, and so is one that has grown old.
 */
import type { Connection } from './connection.ts';

/** Nobody is served at the moment: everything is lent, and the queue is full or did not move. */
export class PoolBusy extends Error {
  readonly code = 'pool_busy';
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
  /** @throws PoolBusy, the signal's reason, or what opening throws */
  borrow(signal: AbortSignal): Promise<Loan>;
  /** Idle and lent connections, and those who wait. */
  readonly counts: { readonly idle: number; readonly lent: number; readonly waiting: number };
  /** Destroys what is idle now and what is lent when it comes back; nothing is lent any more. */
  close(): void;
}

export const mostWaiting = 64;
export const longestWait = 500;

interface Waiter {
  go(): void;
  fail(error: Error): void;
}

interface Kept {
  readonly connection: Connection;
  readonly since: number;
}

export function createPool({ size, oldest, open, now }: PoolOptions): Pool {
  let idle: Kept[] = [];
  let lent = 0;
  let closed = false;
  const waiters: Waiter[] = [];

  const drop = (connection: Connection) => {
    idle = idle.filter((kept) => kept.connection !== connection);
  };

  const takeIdle = (): Kept | undefined => {
    for (;;) {
      const kept = idle.pop();
      if (kept === undefined) return undefined;
      if (kept.connection.open && now() - kept.since < oldest) return kept;
      kept.connection.destroy();
    }
  };

  const giveSlot = () => {
    lent -= 1;
    waiters.shift()?.go();
  };

  const takeSlot = (signal: AbortSignal): Promise<void> => {
    if (closed) return Promise.reject(new PoolBusy('the registration changed'));
    if (lent < size) {
      lent += 1;
      return Promise.resolve();
    }
    if (waiters.length >= mostWaiting) return Promise.reject(new PoolBusy('too many wait'));
    return new Promise((resolve, reject) => {
      const leave = (then: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stopped);
        const place = waiters.indexOf(waiter);
        if (place !== -1) waiters.splice(place, 1);
        then();
      };
      const waiter: Waiter = {
        go: () =>
          leave(() => {
            lent += 1;
            resolve();
          }),
        fail: (error) => leave(() => reject(error)),
      };
      const timer = setTimeout(() => waiter.fail(new PoolBusy('no connection came free in time')), longestWait);
      const stopped = () => waiter.fail(new PoolBusy('stopped while waiting for a connection'));
      signal.addEventListener('abort', stopped, { once: true });
      waiters.push(waiter);
    });
  };

  const loan = (kept: Kept, reused: boolean): Loan => {
    let out = true;
    return {
      connection: kept.connection,
      reused,
      release(clean) {
        if (!out) return;
        out = false;
        if (clean && !closed && kept.connection.open && now() - kept.since < oldest) idle.push(kept);
        else kept.connection.destroy();
        giveSlot();
      },
    };
  };

  return {
    async borrow(signal) {
      await takeSlot(signal);
      const kept = takeIdle();
      if (kept !== undefined) return loan(kept, true);
      const opening = open().then(
        (connection) => {
          connection.onEnd(() => drop(connection));
          return loan({ connection, since: now() }, false);
        },
        (error: unknown) => {
          giveSlot();
          throw error;
        },
      );
      return orLeave(opening, signal);
    },
    get counts() {
      return { idle: idle.length, lent, waiting: waiters.length };
    },
    close() {
      closed = true;
      for (const { connection } of idle.splice(0)) connection.destroy();
      for (const waiter of waiters.slice()) waiter.fail(new PoolBusy('the registration changed'));
    },
  };
}

/** Whoever stops waiting leaves the connection, once it is there, to the next one. */
function orLeave(opening: Promise<Loan>, signal: AbortSignal): Promise<Loan> {
  return new Promise((resolve, reject) => {
    let left = false;
    const leave = () => {
      left = true;
      reject(new PoolBusy('stopped while a connection was opened'));
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
