import { expect, test } from 'vitest';
import { isHandle, newHandle } from '../../../server/src/tokens/handle.ts';

test('however many handles are made, each is new and has the form of one', () => {
  const handles = Array.from({ length: 1000 }, newHandle);
  expect(new Set(handles).size).toBe(1000);
  expect(handles.every(isHandle)).toBe(true);
  // Of wiped bytes nothing is left in one: 22 zeros in a row would be 132 bits.
  expect(handles.filter((handle) => handle.includes('A'.repeat(22)))).toEqual([]);
});
