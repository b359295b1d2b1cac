import { memoryUsage } from 'node:process';
import { expect, it } from 'vitest';
import { giveMemoryBack } from '../../server/src/memory.ts';

it('what was needed once is given back, and what is needed stays', () => {
  const kept = Array.from({ length: 1000 }, (_, index) => ({ index }));
  let passing: object[] | undefined = Array.from({ length: 1_000_000 }, (_, index) => ({ index }));
  const before = memoryUsage().heapTotal;
  expect(passing).toHaveLength(1_000_000);
  passing = undefined;
  giveMemoryBack();
  expect(before - memoryUsage().heapTotal).toBeGreaterThan(20 * 1024 * 1024);
  expect(kept[999]).toEqual({ index: 999 });
});
