import { describe, expect, it } from 'vitest';
import { type Timers, WorkQueue } from '../../../operator/src/runtime/queue.ts';

/** Time that moves only when told to. */
class HandClock implements Timers {
  #now = 0;
  #timers: { due: number; run: () => void }[] = [];
  now = () => this.#now;
  after = (delay: number, run: () => void) => {
    const timer = { due: this.#now + delay, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };
  advance(by: number) {
    this.#now += by;
    const due = this.#timers.filter((timer) => timer.due <= this.#now).sort((a, b) => a.due - b.due);
    this.#timers = this.#timers.filter((timer) => timer.due > this.#now);
    for (const timer of due) timer.run();
  }
  get pending() {
    return this.#timers.length;
  }
}

function aQueue(random = 0) {
  const clock = new HandClock();
  const queue = new WorkQueue({ timers: clock, random: () => random });
  let taking: Promise<string | null> | undefined;
  /** What can be taken now, without waiting; a taker that found nothing waits on for the next call. */
  const drain = async () => {
    const keys: string[] = [];
    for (;;) {
      taking ??= queue.take();
      const key = await Promise.race([taking, Promise.resolve().then(() => Promise.resolve(undefined))]);
      if (key === undefined || key === null) return keys;
      taking = undefined;
      keys.push(key);
      queue.done(key);
    }
  };
  return { clock, queue, drain };
}

describe('work queue', () => {
  it('holds a key once however often it was added', async () => {
    const { queue, drain } = aQueue();
    for (let i = 0; i < 5; i += 1) queue.add('a/x');
    expect(await drain()).toEqual(['a/x']);
    expect(queue.size).toBe(0);
  });

  it('gives a key to one worker at a time and marks it again when it changes during work', async () => {
    const { queue } = aQueue();
    queue.add('a/x');
    expect(await queue.take()).toBe('a/x');
    queue.add('a/x');
    queue.add('a/y');
    expect(await queue.take()).toBe('a/y');
    let second: string | null | undefined;
    void queue.take().then((key) => {
      second = key;
    });
    await Promise.resolve();
    expect(second).toBeUndefined();
    queue.done('a/x');
    await Promise.resolve();
    expect(second).toBe('a/x');
  });

  it('works on changes before resync, and a change raises a waiting resync', async () => {
    const { queue, drain } = aQueue();
    queue.add('a/1', 'resync');
    queue.add('a/2', 'resync');
    queue.add('a/3', 'change');
    queue.add('a/2', 'change');
    expect(await drain()).toEqual(['a/3', 'a/2', 'a/1']);
  });

  it('lets namespaces take turns', async () => {
    const { queue, drain } = aQueue();
    for (const name of ['1', '2', '3', '4']) queue.add(`noisy/${name}`);
    queue.add('quiet/1');
    queue.add('other/1');
    expect(await drain()).toEqual(['noisy/1', 'quiet/1', 'other/1', 'noisy/2', 'noisy/3', 'noisy/4']);
  });

  it('backs off from 1 s to 5 min, forgets on success', async () => {
    const { queue, clock } = aQueue(0.999_999);
    const delays: number[] = [];
    queue.add('a/x');
    for (let i = 0; i < 11; i += 1) {
      expect(await queue.take()).toBe('a/x');
      const delay = queue.failed('a/x');
      delays.push(Math.round(delay / 1000));
      clock.advance(delay);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(await queue.take()).toBe('a/x');
    queue.done('a/x');
    queue.add('a/x');
    await queue.take();
    expect(Math.round(queue.failed('a/x') / 1000)).toBe(1);
  });

  it('spreads delays: half of each is random', async () => {
    const { queue } = aQueue(0);
    queue.add('a/x');
    await queue.take();
    expect(queue.failed('a/x')).toBe(500);
  });

  it('ends a back-off at once for a change, not for a resync', async () => {
    const { queue, drain, clock } = aQueue();
    queue.add('a/x');
    await queue.take();
    queue.failed('a/x');
    queue.add('a/x', 'resync');
    expect(await drain()).toEqual([]);
    queue.add('a/x', 'change');
    expect(await drain()).toEqual(['a/x']);
    expect(clock.pending).toBe(0);
  });

  it('a change that arrives during work that fails comes at once', async () => {
    const { queue, drain } = aQueue();
    queue.add('a/x');
    await queue.take();
    queue.add('a/x', 'change');
    queue.failed('a/x');
    expect(await drain()).toEqual(['a/x']);
  });

  it('of several delays the shortest counts', async () => {
    const { queue, drain, clock } = aQueue();
    queue.addAfter('a/x', 5000);
    queue.addAfter('a/x', 1000);
    queue.addAfter('a/x', 9000);
    expect(clock.pending).toBe(1);
    clock.advance(999);
    expect(await drain()).toEqual([]);
    clock.advance(1);
    expect(await drain()).toEqual(['a/x']);
    expect(queue.size).toBe(0);
  });

  it('a delay that ends during work brings the key once more', async () => {
    const { queue, drain, clock } = aQueue();
    queue.addAfter('a/x', 100);
    queue.addAfter('a/y', 100);
    clock.advance(100);
    await queue.take();
    queue.addAfter('a/x', 50);
    clock.advance(50);
    queue.done('a/x');
    expect(await drain()).toEqual(['a/y', 'a/x']);
  });

  it('stops gracefully: hands out nothing more, ends when what was taken came back', async () => {
    const { queue, clock } = aQueue();
    queue.add('a/x');
    queue.add('a/y');
    queue.addAfter('a/z', 10);
    await queue.take();
    let ended = false;
    const end = queue.stop().then(() => {
      ended = true;
    });
    expect(await queue.take()).toBeNull();
    queue.add('a/w');
    expect(clock.pending).toBe(0);
    await Promise.resolve();
    expect(ended).toBe(false);
    queue.done('a/x');
    await end;
    expect(ended).toBe(true);
  });

  it('keeps workers free of a namespace that has many at work, and gives it more as they end', async () => {
    const queue = new WorkQueue({ mostPerNamespace: 2 });
    for (const name of ['1', '2', '3', '4']) queue.add(`slow/${name}`);
    const taken: (string | null)[] = [];
    const take = () => void queue.take().then((key) => taken.push(key));
    for (let worker = 0; worker < 4; worker += 1) take();
    await Promise.resolve();
    expect(taken).toEqual(['slow/1', 'slow/2']);
    queue.add('shop/x');
    await Promise.resolve();
    expect(taken).toEqual(['slow/1', 'slow/2', 'shop/x']);
    queue.done('slow/1');
    queue.failed('slow/2');
    queue.done('shop/x');
    take();
    await Promise.resolve();
    expect(taken).toEqual(['slow/1', 'slow/2', 'shop/x', 'slow/3', 'slow/4']);
    await Promise.all([queue.stop(), ...['slow/3', 'slow/4'].map((key) => Promise.resolve(queue.done(key)))]);
  });
});
