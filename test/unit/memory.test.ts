import { execFile } from 'node:child_process';
import { memoryUsage } from 'node:process';
import { promisify } from 'node:util';
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

/** In a process of its own: that of the test has forgotten and learned its shapes already. */
const afterCollection = `
const { keepShapeOfTicks } = await import(process.env.MEMORY);
const kept = new WeakRef(keepShapeOfTicks());
await new Promise(setImmediate);
for (let count = 0; count < 3; count++) gc();
await new Promise(setImmediate);
const { executionAsyncResource } = await import('node:async_hooks');
process.nextTick(() => {
  console.log(kept.deref() !== undefined && %HaveSameMap(kept.deref(), executionAsyncResource()));
});
`;

it('what process.nextTick queues has after a collection of garbage the shape that it had before', async () => {
  const flags = ['--expose-gc', '--allow-natives-syntax', '--input-type=module', '-e', afterCollection];
  const MEMORY = new URL('../../server/src/memory.ts', import.meta.url).href;
  const { stdout } = await promisify(execFile)(process.execPath, flags, { env: { ...process.env, MEMORY } });
  expect(stdout).toBe('true\n');
});
