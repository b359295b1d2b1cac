import type * as Crypto from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { isHandle, newHandle } from '../../../server/src/tokens/handle.ts';

const drawn = vi.hoisted((): Uint8Array[] => []);
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof Crypto>();
  const randomFillSync = (bytes: Uint8Array) => {
    drawn.push(bytes);
    return crypto.randomFillSync(bytes);
  };
  return { ...crypto, randomFillSync };
});
afterEach(() => void vi.useRealTimers());

test('however many handles are made, each is new and has the form of one', () => {
  const handles = Array.from({ length: 1000 }, newHandle);
  expect(new Set(handles).size).toBe(1000);
  expect(handles.every(isHandle)).toBe(true);
  // Of wiped bytes nothing is left in one: 22 zeros in a row would be 132 bits.
  expect(handles.filter((handle) => handle.includes('A'.repeat(22)))).toEqual([]);
});

test('none lies in memory long before it is needed', async () => {
  vi.useFakeTimers();
  vi.resetModules();
  const fresh = await import('../../../server/src/tokens/handle.ts');
  drawn.length = 0;
  for (let round = 1; round <= 3; round += 1) {
    expect(isHandle(fresh.newHandle())).toBe(true);
    expect([drawn.length, drawn[0]?.some((byte) => byte !== 0)]).toEqual([round, true]);
    vi.advanceTimersByTime(60_000);
    expect(drawn[0]?.every((byte) => byte === 0)).toBe(true);
  }
});
