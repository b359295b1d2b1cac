import { describe, expect, it } from 'vitest';
import { type Look, PresenceTracker } from '../../../operator/src/sources/presence.ts';

/** `?` among the ids: a document that does not say which resource it is. */
const look = (files: Record<string, string[] | 'broken' | 'settling'>, complete = true): Look => ({
  complete,
  files: Object.entries(files).map(([path, ids]) =>
    Array.isArray(ids)
      ? { path, state: 'read', ids: ids.filter((id) => id !== '?'), doubtful: ids.includes('?') }
      : { path, state: ids, ids: [] },
  ),
});

/** Looks one after the other at the given times; what was gone at each. */
function gone(known: string[], steps: readonly (readonly [number, Look])[]) {
  const tracker = new PresenceTracker();
  return steps.map(([at, seen]) => tracker.observe(seen, known, at).gone);
}

describe('deleted means absent from two complete looks at least 5 s apart', () => {
  const all = look({ 'a.yaml': ['a'], 'b.yaml': ['b'] });
  const withoutB = look({ 'a.yaml': ['a'] });

  it.each([
    [
      'absent once',
      [
        [0, all],
        [10, withoutB],
      ],
      [[], []],
    ],
    [
      'absent twice, 4.999 s apart',
      [
        [0, all],
        [10, withoutB],
        [5009, withoutB],
      ],
      [[], [], []],
    ],
    [
      'absent twice, 5 s apart',
      [
        [0, all],
        [10, withoutB],
        [5010, withoutB],
      ],
      [[], [], ['b']],
    ],
    [
      'back in between',
      [
        [0, all],
        [10, withoutB],
        [3000, all],
        [5010, withoutB],
      ],
      [[], [], [], []],
    ],
    [
      'renamed',
      [
        [0, all],
        [10, withoutB],
        [5010, look({ 'a.yaml': ['a'], 'c.yaml': ['b'] })],
      ],
      [[], [], []],
    ],
    [
      'the second look is not complete',
      [
        [0, all],
        [10, withoutB],
        [5010, look({ 'a.yaml': ['a'] }, false)],
      ],
      [[], [], []],
    ],
    [
      'the first look is not complete',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a'] }, false)],
        [5010, withoutB],
      ],
      [[], [], []],
    ],
    [
      'its file is broken',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a'], 'b.yaml': 'broken' })],
        [9000, look({ 'a.yaml': ['a'], 'b.yaml': 'broken' })],
      ],
      [[], [], []],
    ],
    [
      'its file is being written',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a'], 'b.yaml': 'settling' })],
        [9000, look({ 'a.yaml': ['a'], 'b.yaml': 'settling' })],
      ],
      [[], [], []],
    ],
    [
      'another file was broken from the start',
      [
        [0, look({ 'a.yaml': ['a'], 'x.yaml': 'broken' })],
        [9000, look({ 'a.yaml': ['a'], 'x.yaml': 'broken' })],
      ],
      [[], []],
    ],
    [
      'another file broke and held something else',
      [
        [0, all],
        [10, look({ 'a.yaml': 'broken' })],
        [9000, look({ 'a.yaml': 'broken' })],
      ],
      [[], [], ['b']],
    ],
    [
      'a document of its file does not say what it is',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a'], 'b.yaml': ['?'] })],
        [9000, look({ 'a.yaml': ['a'], 'b.yaml': ['?'] })],
      ],
      [[], [], []],
    ],
    [
      'its file breaks beside a document that does not say what it is',
      [
        [0, look({ 'a.yaml': ['a'] })],
        [10, look({ 'a.yaml': ['?', 'b'] })],
        [20, look({ 'a.yaml': 'broken' })],
        [9000, look({ 'a.yaml': 'broken' })],
      ],
      [[], [], [], []],
    ],
    [
      'a document of another file does not say what it is',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a', '?'] })],
        [9000, look({ 'a.yaml': ['a', '?'] })],
      ],
      [[], [], ['b']],
    ],
    [
      'a document of another file never said what it is',
      [
        [0, look({ 'a.yaml': ['a'], 'x.yaml': ['?'] })],
        [9000, look({ 'a.yaml': ['a'], 'x.yaml': ['?'] })],
      ],
      [[], []],
    ],
    [
      'the document that did not say what it is was taken out',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a'], 'b.yaml': ['?'] })],
        [20, look({ 'a.yaml': ['a'], 'b.yaml': [] })],
        [5020, look({ 'a.yaml': ['a'], 'b.yaml': [] })],
      ],
      [[], [], [], ['b']],
    ],
    [
      'a broken file was mended without it',
      [
        [0, all],
        [10, look({ 'a.yaml': ['a'], 'b.yaml': 'broken' })],
        [20, look({ 'a.yaml': ['a'], 'b.yaml': [] })],
        [5020, look({ 'a.yaml': ['a'], 'b.yaml': [] })],
      ],
      [[], [], [], ['b']],
    ],
    [
      'an empty folder at the start',
      [
        [0, look({})],
        [9000, look({})],
      ],
      [[], []],
    ],
    [
      'an empty folder later',
      [
        [0, all],
        [10, look({})],
        [5010, look({})],
      ],
      [[], [], ['a', 'b']],
    ],
  ] as const)('%s', (_, steps, expected) => {
    expect(gone(['a', 'b'], steps as never)).toEqual(expected);
  });

  it('says when to look again and what holds deletions back', () => {
    const tracker = new PresenceTracker();
    tracker.observe(all, ['a', 'b'], 0);
    expect(tracker.observe(withoutB, ['a', 'b'], 1000)).toMatchObject({ lookAgainIn: 5000 });
    expect(tracker.observe(withoutB, ['a', 'b'], 4000)).toMatchObject({ lookAgainIn: 2000 });
    const held = tracker.observe(look({ 'a.yaml': ['a'], 'x.yaml': 'broken' }), ['a', 'b'], 7000);
    expect(held).toMatchObject({ gone: [], deletionsHeldBy: 'x.yaml' });
  });
});
