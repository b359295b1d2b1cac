/** The memory of policies: how long each counts, what a doubt does to it, and which ones it forgets. */
import { expect, it } from 'vitest';
import type { SearchAnswer } from '../../../server/src/directory/ldap/connection.ts';
import { readEntry } from '../../../server/src/directory/ldap/entry.ts';
import { Policies } from '../../../server/src/directory/ldap/policies.ts';
import type { Searcher } from '../../../server/src/directory/ldap/server.ts';

const place = { namedBy: 'policy', shows: 'kind', attributes: ['age'] };
const raw = (dn: string, values: Readonly<Record<string, string>>) => ({
  dn,
  attributes: Object.entries(values).map(([type, value]) => ({ type, values: [Buffer.from(value)] })),
});
const entryOf = (name: string) => raw('uid=ada,dc=x', { policy: `cn=${name},dc=x` });

/** Policies, and a directory of which each answer waits until it is let go. */
function open() {
  const questions: { readonly name: string; readonly answer: (age: string | null) => void }[] = [];
  const clock = { now: 1_800_000_000, unreadable: 0 };
  const searcher: Searcher = {
    search: ({ base }) => {
      const { promise, resolve } = Promise.withResolvers<SearchAnswer>();
      questions.push({
        name: base.replace(/^cn=|,dc=x$/g, ''),
        answer: (age) =>
          resolve({
            code: 0,
            references: 0,
            entries: age === null ? [] : [raw(base, { kind: 'policy', age })],
            cookie: null,
          }),
      });
      return promise;
    },
  };
  const policies = new Policies({
    place,
    byDefault: undefined,
    time: () => clock.now,
    onUnreadable: () => {
      clock.unreadable += 1;
    },
  });
  return {
    policies,
    questions,
    clock,
    read: (...names: string[]) => policies.readFor(searcher, names.map(entryOf)),
    ageBy: (name: string) => policies.of(readEntry(entryOf(name)))?.texts('age')[0],
  };
}

/** Reads one by one, each answered at once; how many were asked for. */
async function readAll(opened: ReturnType<typeof open>, names: readonly string[], age: string | null = '1') {
  const before = opened.questions.length;
  for (const name of names) {
    const asked = opened.questions.length;
    const reading = opened.read(name);
    if (opened.questions.length > asked) opened.questions.at(-1)?.answer(age);
    await reading;
  }
  return opened.questions.length - before;
}

it('each counts for two minutes from when it was asked for, however late the answer comes', async () => {
  const opened = open();
  const reading = opened.read('old');
  opened.clock.now += 60;
  opened.questions[0]?.answer('1');
  await reading;
  opened.clock.now += 59;
  expect(await readAll(opened, ['old'])).toBe(0);
  opened.clock.now += 1;
  expect(await readAll(opened, ['old'], '2')).toBe(1);
  expect(opened.ageBy('old')).toBe('2');
});

it('of two questions at once the later one counts, whichever is answered first', async () => {
  const opened = open();
  const reading = [opened.read('old'), opened.read('old')];
  opened.questions[1]?.answer('new');
  await reading[1];
  opened.questions[0]?.answer('as it was');
  await Promise.all(reading);
  expect(opened.ageBy('old')).toBe('new');
});

it('a doubt holds for what was asked before it and is answered after it', async () => {
  const opened = open();
  await readAll(opened, ['known']);
  const reading = opened.read('asked');
  opened.policies.doubt();
  opened.questions.at(-1)?.answer('as it was');
  await reading;
  // Both count until they are read again, which is at once.
  expect([opened.ageBy('known'), opened.ageBy('asked')]).toEqual(['1', 'as it was']);
  expect(await readAll(opened, ['known', 'asked'], 'new')).toBe(2);
  expect(await readAll(opened, ['known', 'asked'])).toBe(0);
  expect([opened.ageBy('known'), opened.ageBy('asked')]).toEqual(['new', 'new']);
});

it('a thousand are kept; the one that was read longest ago makes room, and is unknown until it is read again', async () => {
  const opened = open();
  const names = Array.from({ length: 1000 }, (_, index) => `policy-${index}`);
  expect(await readAll(opened, names)).toBe(1000);
  expect(await readAll(opened, names)).toBe(0);
  await readAll(opened, ['one-more']);
  expect([opened.ageBy('policy-0'), opened.ageBy('policy-1'), opened.ageBy('one-more')]).toEqual([undefined, '1', '1']);
  expect(await readAll(opened, ['policy-0'], '2')).toBe(1);
  expect(opened.ageBy('policy-0')).toBe('2');
});

it('one that cannot be read is told once, and once more after it could', async () => {
  const opened = open();
  for (const [age, told] of [
    [null, 1],
    [null, 1],
    ['1', 1],
    [null, 2],
  ] as const) {
    await readAll(opened, ['hidden'], age);
    expect(opened.clock.unreadable).toBe(told);
    opened.clock.now += 120;
  }
});
