import { describe, expect, it } from 'vitest';
import { gathered } from '../../../server/src/store/gathered.ts';

describe('what is gathered', () => {
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

  it('waits while two statements are on their way, and goes with all that waits, in the order in which it came', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const asked: (readonly number[])[] = [];
    const ask = gathered(async (batch: readonly number[]) => {
      asked.push(batch);
      await answered;
      return batch;
    });
    const answers: Promise<number>[] = [];
    for (const one of [1, 2, 3, 4, 5]) {
      answers.push(ask(one));
      await new Promise(setImmediate);
    }
    expect(asked).toEqual([[1], [2]]);
    answer();
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5]);
    expect(asked).toEqual([[1], [2], [3, 4, 5]]);
  });

  it('is asked on after statements that failed', async () => {
    let count = 0;
    const ask = gathered((batch: readonly number[]) => {
      count += 1;
      return count <= 2 ? Promise.reject(new Error('down')) : Promise.resolve(batch);
    });
    const outcomes: Promise<string>[] = [];
    for (const one of [1, 2, 3, 4]) {
      outcomes.push(
        ask(one).then(
          () => 'answered',
          () => 'failed',
        ),
      );
      await new Promise(setImmediate);
    }
    expect(await Promise.all(outcomes)).toEqual(['failed', 'failed', 'answered', 'answered']);
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
