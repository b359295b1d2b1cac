import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../server/src/directory/ldap/connection.ts';
import { createPool, PoolBusy } from '../../../server/src/directory/ldap/pool.ts';

const never = new AbortController().signal;

/** A pool over connections that do nothing but live and end. */
function poolOf(size: number, oldest = 1000) {
  const made: (Connection & { readonly number: number })[] = [];
  let now = 0;
  let opening: Promise<void> = Promise.resolve();
  const pool = createPool({
    size,
    oldest,
    now: () => now,
    open: async () => {
      await opening;
      let open = true;
      const listeners: (() => void)[] = [];
      const connection = {
        number: made.length,
        get open() {
          return open;
        },
        bind: () => Promise.reject(new Error('not here')),
        search: () => Promise.reject(new Error('not here')),
        changePassword: () => Promise.reject(new Error('not here')),
        destroy() {
          if (!open) return;
          open = false;
          for (const listener of listeners) listener();
        },
        onEnd: (listener: () => void) => void listeners.push(listener),
      };
      made.push(connection);
      return connection;
    },
  });
  return {
    pool,
    made,
    at: (time: number) => {
      now = time;
    },
    openWith: (promise: Promise<void>) => {
      opening = promise;
    },
  };
}

describe('the pool', () => {
  it('lends what came back clean, the newest first, and nothing else', async () => {
    const { pool, made } = poolOf(3);
    const [one, two] = [await pool.borrow(never), await pool.borrow(never)];
    expect([one.reused, two.reused]).toEqual([false, false]);
    one.release(true);
    two.release(false);
    expect(made.map((connection) => connection.open)).toEqual([true, false]);
    const again = await pool.borrow(never);
    expect([again.connection, again.reused]).toEqual([made[0], true]);
  });

  it('never lends more than its size, and serves who waits in order', async () => {
    const { pool, made } = poolOf(2);
    const [one, two] = [await pool.borrow(never), await pool.borrow(never)];
    const order: string[] = [];
    const third = pool.borrow(never).then((loan) => {
      order.push('third');
      return loan;
    });
    const fourth = pool.borrow(never).then((loan) => {
      order.push('fourth');
      return loan;
    });
    expect(pool.counts).toEqual({ idle: 0, lent: 2, waiting: 2 });
    one.release(true);
    (await third).release(true);
    await fourth;
    two.release(true);
    expect(order).toEqual(['third', 'fourth']);
    expect(made).toHaveLength(2);
  });

  it('the 65th who waits is sent away at once', async () => {
    const { pool } = poolOf(1);
    const held = await pool.borrow(never);
    const leave = new AbortController();
    const waiting = Array.from({ length: 64 }, () => pool.borrow(leave.signal).catch((error: unknown) => error));
    await expect(pool.borrow(never)).rejects.toThrow(PoolBusy);
    leave.abort();
    for (const one of await Promise.all(waiting)) expect(one).toBeInstanceOf(PoolBusy);
    expect(pool.counts.waiting).toBe(0);
    held.release(true);
    (await pool.borrow(never)).release(true);
  });

  it('nobody waits for ever', async () => {
    const { pool } = poolOf(1);
    await pool.borrow(never);
    await expect(pool.borrow(never)).rejects.toThrow(/in time/);
  });

  it('a connection that is old is not lent again, nor one that ended', async () => {
    const { pool, made, at } = poolOf(2, 1000);
    (await pool.borrow(never)).release(true);
    at(999);
    const young = await pool.borrow(never);
    expect(young.reused).toBe(true);
    at(1000);
    young.release(true);
    expect(made[0]?.open).toBe(false);
    const next = await pool.borrow(never);
    expect(next.reused).toBe(false);
    next.release(true);
    made[1]?.destroy();
    expect(pool.counts.idle).toBe(0);
    expect((await pool.borrow(never)).reused).toBe(false);
  });

  it('who leaves while a connection is opened leaves it to the next one', async () => {
    const { pool, made, openWith } = poolOf(1);
    const gate = Promise.withResolvers<void>();
    openWith(gate.promise);
    const leave = new AbortController();
    const left = pool.borrow(leave.signal);
    await Promise.resolve();
    leave.abort();
    await expect(left).rejects.toThrow(PoolBusy);
    gate.resolve();
    await expect.poll(() => pool.counts).toEqual({ idle: 1, lent: 0, waiting: 0 });
    expect((await pool.borrow(never)).reused).toBe(true);
    expect(made).toHaveLength(1);
  });

  it('an opening that fails gives its place back', async () => {
    const { pool, openWith } = poolOf(1);
    openWith(Promise.reject(new Error('refused')));
    await expect(pool.borrow(never)).rejects.toThrow('refused');
    openWith(Promise.resolve());
    (await pool.borrow(never)).release(true);
  });

  it('closed: idle ones end now, lent ones when they come back, and nobody waits', async () => {
    const { pool, made } = poolOf(2);
    const [one, two] = [await pool.borrow(never), await pool.borrow(never)];
    one.release(true);
    const idle = pool.counts.idle;
    pool.close();
    expect([idle, made.map((connection) => connection.open)]).toEqual([1, [false, true]]);
    two.release(true);
    expect(made[1]?.open).toBe(false);
    await expect(pool.borrow(never)).rejects.toThrow(PoolBusy);
  });

  it('giving back twice is once', async () => {
    const { pool } = poolOf(1);
    const loan = await pool.borrow(never);
    loan.release(true);
    loan.release(true);
    expect(pool.counts).toEqual({ idle: 1, lent: 0, waiting: 0 });
  });

  it('lends nothing any more that was there when it was told to distrust it', async () => {
    const { pool, made } = poolOf(3);
    const [one, two] = [await pool.borrow(never), await pool.borrow(never)];
    one.release(true);
    pool.distrust();
    two.release(true);
    expect(made.map((connection) => connection.open)).toEqual([false, false]);
    const later = await pool.borrow(never);
    later.release(true);
    expect([made.length, made[2]?.open, pool.counts]).toEqual([3, true, { idle: 1, lent: 0, waiting: 0 }]);
  });
});
