import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gathered } from '../../../server/src/store/gathered.ts';

describe('what is gathered', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => vi.useRealTimers());

  function setUp(answer: (one: number) => number = (one) => one * 2) {
    const asked: (readonly number[])[] = [];
    const ask = gathered((batch: readonly number[]) => {
      asked.push(batch);
      return Promise.resolve().then(() => batch.map(answer));
    });
    return { ask, asked };
  }

  it('is asked at once, and each gets the answer to its own question', async () => {
    const { ask, asked } = setUp();
    expect(await Promise.all([1, 2, 3].map(ask))).toEqual([2, 4, 6]);
    expect(asked).toEqual([[1, 2, 3]]);
    expect(await ask(4)).toBe(8);
    expect(asked).toHaveLength(2);
  });

  it('is asked in pieces of 64, so that no statement is without measure', async () => {
    const { ask, asked } = setUp();
    const many = Array.from({ length: 150 }, (_, index) => index);
    expect(await Promise.all(many.map(ask))).toEqual(many.map((one) => one * 2));
    expect(asked.map(({ length }) => length)).toEqual([64, 64, 22]);
  });

  /** Statements that end when told to, and whoever asks in a turn of their own. */
  function held() {
    const asked: (readonly number[])[] = [];
    const ends: ((error?: Error) => void)[] = [];
    const ask = gathered(async (batch: readonly number[]) => {
      asked.push(batch);
      const error = await new Promise<Error | undefined>((resolve) => ends.push(resolve));
      if (error !== undefined) throw error;
      return batch;
    });
    const askInTurn = async (ones: readonly number[]): Promise<Promise<number | string>[]> => {
      const answers: Promise<number | string>[] = [];
      for (const one of ones) {
        answers.push(ask(one).catch(() => 'failed'));
        await new Promise(setImmediate);
      }
      return answers;
    };
    return { asked, ends, askInTurn };
  }

  it('waits while two statements are on their way, and goes with all that waits, in the order in which it came', async () => {
    const { asked, ends, askInTurn } = held();
    const answers = await askInTurn([1, 2, 3, 4, 5]);
    expect(asked).toEqual([[1], [2]]);
    ends[1]?.();
    expect(await answers[1]).toBe(2);
    await new Promise(setImmediate);
    expect(asked).toEqual([[1], [2], [3, 4, 5]]);
    ends[0]?.();
    ends[2]?.();
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5]);
  });

  it('goes on after statements that failed', async () => {
    const { asked, ends, askInTurn } = held();
    const answers = await askInTurn([1, 2, 3]);
    ends[0]?.(new Error('down'));
    expect(await answers[0]).toBe('failed');
    await new Promise(setImmediate);
    expect(asked).toEqual([[1], [2], [3]]);
    for (const end of ends) end();
    expect(await Promise.all(answers)).toEqual(['failed', 2, 3]);
  });

  it('I8: does not wait for statements that never end, nor queues behind them', async () => {
    const { asked, ends, askInTurn } = held();
    const answers = await askInTurn([1, 2, 3, 4]);
    vi.advanceTimersByTime(99);
    await new Promise(setImmediate);
    expect(asked).toEqual([[1], [2]]);
    vi.advanceTimersByTime(1);
    await new Promise(setImmediate);
    expect(asked).toEqual([[1], [2], [3, 4]]);
    const [next] = await askInTurn([5]);
    expect(asked).toHaveLength(4);
    // Late, they free no second place.
    for (const end of ends.slice(0, 2)) end();
    expect(await Promise.all(answers.slice(0, 2))).toEqual([1, 2]);
    const [last] = await askInTurn([6]);
    expect(asked).toHaveLength(4);
    ends[3]?.();
    expect(await next).toBe(5);
    await new Promise(setImmediate);
    ends[4]?.();
    expect(await last).toBe(6);
  });

  it('fails for whoever asks where asking itself throws, and goes on', async () => {
    const ask = gathered((batch: readonly number[]): Promise<readonly number[]> => {
      if (batch[0] === 1) throw new Error('down');
      return Promise.resolve(batch);
    });
    await expect(ask(1)).rejects.toThrow('down');
    expect(await ask(2)).toBe(2);
  });

  it('is asked in the context of who waited first', async () => {
    const who = new AsyncLocalStorage<string>();
    const contexts: (string | undefined)[] = [];
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const ask = gathered(async (batch: readonly number[]) => {
      contexts.push(who.getStore());
      await ended;
      return batch;
    });
    const answers: Promise<number>[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      answers.push(who.run(name, () => ask(1)));
      await new Promise(setImmediate);
    }
    end();
    await Promise.all(answers);
    expect(contexts).toEqual(['a', 'b', 'c']);
  });

  it('fails together, and what comes later is asked anew', async () => {
    let down = true;
    const { ask } = setUp((one) => {
      if (down) throw new Error('down');
      return one;
    });
    const outcomes = await Promise.allSettled([1, 2].map(ask));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    down = false;
    expect(await ask(3)).toBe(3);
  });

  it('never answers one with the answer of another, when there are fewer answers than questions', async () => {
    const ask = gathered((batch: readonly number[]) => Promise.resolve(batch.slice(1)));
    const outcomes = await Promise.allSettled([1, 2].map(ask));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
