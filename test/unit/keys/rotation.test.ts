import { describe, expect, it } from 'vitest';
import {
  activeKey,
  nextRotation,
  planRotation,
  type RotationSettings,
  type ScheduledKey,
  stateOf,
} from '../../../server/src/keys/rotation.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';

const day = 86_400;
const settings: RotationSettings = {
  algorithms: ['ES256'],
  rotate_every: 90 * day,
  publish_before: day,
  retire_after: day,
};
const at = (days: number) => epochSeconds(Math.round(1_800_000_000 + days * day));
const key = (generation: number, activeFrom: number, revoked = false): ScheduledKey => ({
  kid: `k${generation}`,
  algorithm: 'ES256',
  generation,
  activeFrom: at(activeFrom),
  revoked,
});

describe('rotation of signing keys', () => {
  it.each([
    ['the first key is used at once', [], 0, [{ generation: 1, activeFrom: at(0) }], []],
    ['nothing is due before publishing', [key(1, 0)], 88.9, [], []],
    ['I11: the next one is published ahead', [key(1, 0)], 89, [{ generation: 2, activeFrom: at(90) }], []],
    ['only once', [key(1, 0), key(2, 90)], 89.5, [], []],
    ['I11: a late one still waits its time', [key(1, 0)], 200, [{ generation: 2, activeFrom: at(201) }], []],
    ['I11: the old one stays until its tokens have expired', [key(1, 0), key(2, 90)], 90.9, [], []],
    ['then it is removed', [key(1, 0), key(2, 90)], 91, [], ['k1']],
    [
      'a revoked one is followed at once if nobody else can sign',
      [key(1, 0, true)],
      5,
      [{ generation: 2, activeFrom: at(5) }],
      [],
    ],
    ['a revoked one with a published successor is not followed', [key(1, 0, true), key(2, 90)], 89.5, [], []],
    ['generations are never used twice', [key(2, 0, true)], 5, [{ generation: 3, activeFrom: at(5) }], []],
  ])('%s', (_rule, keys, now, create, remove) => {
    const plan = planRotation(keys, settings, at(now));
    expect(plan.create).toEqual(create.map((one) => ({ algorithm: 'ES256', ...one })));
    expect(plan.remove).toEqual(remove);
  });

  it('each algorithm has its own keys', () => {
    const plan = planRotation([key(1, 0)], { ...settings, algorithms: ['ES256', 'RS256'] }, at(1));
    expect(plan.create).toEqual([{ algorithm: 'RS256', generation: 1, activeFrom: at(1) }]);
  });

  it.each([
    ['published', key(2, 90), 89.5, 'published'],
    ['active', key(2, 90), 90, 'active'],
    ['retiring', key(1, 0), 90.5, 'retiring'],
    ['gone', key(1, 0), 91, null],
    ['active until its successor is', key(1, 0), 89.9, 'active'],
  ] as const)('a key is %s', (_state, one, now, expected) =>
    expect(stateOf(one, [key(1, 0), key(2, 90)], settings, at(now))).toBe(expected),
  );

  it('A58: a revoked key is nothing at once', () =>
    expect(stateOf(key(1, 0, true), [key(1, 0, true)], settings, at(1))).toBeNull());

  it.each([
    ['the newest whose time has come', [key(1, 0), key(2, 90)], 90, 'k2'],
    ['not the published one', [key(1, 0), key(2, 90)], 89, 'k1'],
    ['not the revoked one', [key(1, 0), key(2, 90, true)], 91, 'k1'],
    ['the published one rather than nobody', [key(1, 0, true), key(2, 90)], 89, 'k2'],
    ['one whose time is ahead of a slow clock', [key(1, 0)], -0.001, 'k1'],
    ['nobody', [key(1, 0, true)], 1, undefined],
  ])('%s signs', (_rule, keys, now, expected) => expect(activeKey(keys, 'ES256', at(now))?.kid).toBe(expected));

  it('says when the next one is due', () => expect(nextRotation([key(1, 0)], settings, 'ES256')).toBe(at(89)));
});
