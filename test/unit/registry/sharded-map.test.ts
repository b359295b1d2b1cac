import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShardedMap } from '../../../server/src/registry/sharded-map.ts';

type Edit = readonly ['set' | 'delete', string, number];
const edits = fc.array(fc.tuple(fc.constantFrom('set', 'delete'), fc.string({ maxLength: 3 }), fc.nat()));

function edited(map: ShardedMap<number>, all: readonly Edit[]): ShardedMap<number> {
  const draft = map.edit();
  for (const [what, key, value] of all) {
    if (what === 'set') draft.set(key, value);
    else draft.delete(key);
  }
  return draft.done();
}

function plain(base: ReadonlyMap<string, number>, all: readonly Edit[]): Map<string, number> {
  const map = new Map(base);
  for (const [what, key, value] of all) {
    if (what === 'set') map.set(key, value);
    else map.delete(key);
  }
  return map;
}

function expectEqual(map: ShardedMap<number>, expected: ReadonlyMap<string, number>): void {
  expect(map.size).toBe(expected.size);
  for (const [key, value] of expected) expect(map.get(key)).toBe(value);
  expect([...map.values()].toSorted((a, b) => a - b)).toEqual([...expected.values()].toSorted((a, b) => a - b));
}

describe('the sharded map', () => {
  it('is a map, and its predecessor stays as it was', () => {
    fc.assert(
      fc.property(edits, edits, (first, second) => {
        const before = edited(ShardedMap.empty(), first);
        const after = edited(before, second);
        const expected = plain(new Map(), first);
        expectEqual(before, expected);
        expectEqual(after, plain(expected, second));
      }),
    );
  });
});
