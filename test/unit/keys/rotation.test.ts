import { describe, expect, it } from 'vitest';
import {
  activeKey,
  isOverdue,
  nextRotation,
  planRotation,
  type RotationSettings,
  type ScheduledKey,
  spread,
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
/** In days. */
const margin = spread / day;
const at = (days: number) => epochSeconds(Math.round(1_800_000_000 + days * day));
const key = (generation: number, activeFrom: number, revoked = false): ScheduledKey => ({
  kid: `k${generation}`,
  algorithm: 'ES256',
  generation,
  activeFrom: at(activeFrom),
  revoked,
});

const asked = { ...key(1, 0), rotationAsked: true };

describe('rotation of signing keys', () => {
  it.each([
    ['the first key is used at once', [], 0, [{ generation: 1, activeFrom: at(0) }], []],
    ['nothing is due before publishing', [key(1, 0)], 88.9, [], []],
    ['nothing is due before publishing, to the second', [key(1, 0)], 89 - 1.02 * margin, [], []],
    ['I11: the next one is published ahead', [key(1, 0)], 89 - margin, [{ generation: 2, activeFrom: at(90) }], []],
    ['only once', [key(1, 0), key(2, 90)], 89.5, [], []],
    ['I11: a late one still waits its time', [key(1, 0)], 200, [{ generation: 2, activeFrom: at(201 + margin) }], []],
    ['I11: one that was asked for, too', [asked], 10, [{ generation: 2, activeFrom: at(11 + margin) }], []],
    ['asked for once: its successor is there', [asked, key(2, 11)], 10.5, [], []],
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

  it.each([
    ['is not due', 80, false],
    ['is due', 89 + 1 / 48, false],
    ['is overdue after an hour', 89 + 1 / 20, true],
  ])('the next one %s', (_, now, overdue) => {
    expect(isOverdue([key(1, 0)], settings, at(now))).toBe(overdue);
  });

  it('is not overdue where there is no key yet, or its successor is there', () => {
    expect(isOverdue([], settings, at(1000))).toBe(false);
    expect(isOverdue([key(1, 0), key(2, 90)], settings, at(95))).toBe(false);
  });

  it('says when the next one is due', () => expect(nextRotation([key(1, 0)], settings, 'ES256')).toBe(at(89 - margin)));
});

describe('F45, I11: a relying party with a cached key set', () => {
  /** Seconds that a relying party keeps a key set, and does not look again for a kid that it does not know. */
  const cached = 600;
  const longestToken = 3600;
  const tight: RotationSettings = {
    algorithms: ['ES256'],
    rotate_every: 7200,
    publish_before: cached,
    retire_after: longestToken + 60,
  };

  it.each([
    ['looked at every minute', 60],
    ['looked at every five minutes, so always late', 300],
  ])('never meets a token whose key it does not have; the schedule is %s', (_title, lookEvery) => {
    let keys: ScheduledKey[] = [];
    /** Published kids and the signing one, second by second in steps of a minute. */
    const history: { readonly published: ReadonlySet<string>; readonly signs: string }[] = [];
    const start = 1_800_000_000;
    for (let minute = 0; minute < 3 * 24 * 60; minute += 1) {
      const now = epochSeconds(start + minute * 60);
      if ((minute * 60) % lookEvery === 0) {
        const { create, remove } = planRotation(keys, tight, now);
        keys = [
          ...keys.filter(({ kid }) => !remove.includes(kid)),
          ...create.map((one) => ({ ...one, kid: `k${one.generation}`, revoked: false })),
        ];
      }
      const published = keys.filter((one) => stateOf(one, keys, tight, now) !== null).map(({ kid }) => kid);
      history.push({ published: new Set(published), signs: activeKey(keys, 'ES256', now)?.kid ?? 'nobody' });
    }
    const rotations = new Set(history.map(({ signs }) => signs)).size;
    expect(rotations).toBeGreaterThan(30);
    const failures: string[] = [];
    for (const [signedAt, { signs }] of history.entries()) {
      // From the oldest set that the party may still hold to the newest that it may hold when the token runs out.
      const from = Math.max(0, signedAt - cached / 60);
      const to = Math.min(history.length - 1, signedAt + longestToken / 60);
      for (let fetchedAt = from; fetchedAt <= to; fetchedAt += 1) {
        // The very first key is used at once: nobody can have fetched a set before there was one.
        if (fetchedAt === 0 || history[fetchedAt]?.published.has(signs) === true) continue;
        failures.push(`signed by ${signs} at ${signedAt}, set of ${fetchedAt}`);
      }
    }
    expect(failures).toEqual([]);
  });
});
