import { describe, expect, it } from 'vitest';
import { gathered } from '../../../server/src/store/gathered.ts';

describe('what one turn of the event loop asks for', () => {
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
