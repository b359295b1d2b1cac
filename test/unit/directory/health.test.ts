import { beforeEach, describe, expect, it } from 'vitest';
import { type Attempt, createHealth, type Health } from '../../../server/src/directory/ldap/health.ts';

let now = 0;
let health: Health;
beforeEach(() => {
  now = 0;
  health = createHealth(() => now);
});

const begin = (): Attempt => {
  const attempt = health.begin();
  if (attempt === null) throw new Error('somebody else is trying');
  return attempt;
};
const fails = (times: number) => {
  for (let time = 0; time < times; time += 1) begin().fail();
};

it('one failure is a doubt, three in a row open the circuit, a success closes it', () => {
  const states = [health.state];
  for (let failure = 0; failure < 3; failure += 1) {
    fails(1);
    states.push(health.state);
  }
  begin().succeed();
  states.push(health.state);
  fails(2);
  begin().succeed();
  fails(2);
  states.push(health.state);
  expect(states).toEqual(['well', 'doubted', 'doubted', 'open', 'well', 'doubted']);
});

it('it is due to be tried 5 s after a failure, later with each trial that fails, after 30 s at the latest', () => {
  expect(health.dueIn).toBe(0);
  fails(1);
  expect(health.dueIn).toBe(5000);
  fails(2);
  const pauses = [health.dueIn];
  for (let trial = 0; trial < 5; trial += 1) {
    now += health.dueIn;
    expect(health.dueIn).toBe(0);
    fails(1);
    pauses.push(health.dueIn);
  }
  expect(pauses).toEqual([5000, 10_000, 20_000, 30_000, 30_000, 30_000]);
  begin().succeed();
  expect(health.dueIn).toBe(0);
  fails(3);
  expect(health.dueIn).toBe(5000);
});

describe('an open circuit', () => {
  beforeEach(() => fails(3));

  it.each(['succeeded', 'doubted', 'failed', 'left'] as const)(
    'has one trial at a time, whose end others hear: %s',
    async (end) => {
      const trial = begin();
      const heard = health.trial;
      expect([health.begin(), health.begin()]).toEqual([null, null]);
      if (end === 'succeeded') trial.succeed();
      else if (end === 'doubted') trial.doubt();
      else if (end === 'failed') trial.fail();
      else trial.leave();
      expect(await heard).toBe(end);
      expect(health.trial).toBeNull();
      expect(health.state).toBe({ succeeded: 'well', doubted: 'doubted', failed: 'open', left: 'open' }[end]);
      expect(health.begin()).not.toBeNull();
    },
  );

  it('is not opened further by what began before', () => {
    now += 1000;
    const due = health.dueIn;
    health = createHealth(() => now);
    const all = [1, 2, 3, 4, 5].map(begin);
    for (const one of all) one.fail();
    expect(health.dueIn).toBe(due + 1000);
  });
});

it('an answer to what was asked before the last failure proves nothing', () => {
  const early = begin();
  fails(1);
  early.succeed();
  expect(health.state).toBe('doubted');
  begin().succeed();
  expect(health.state).toBe('well');
});

describe('an answer that is not what was asked', () => {
  const doubts = (times: number) => {
    for (let time = 0; time < times; time += 1) begin().doubt();
  };

  it('opens no circuit, however often it comes, and ends a row of failures', () => {
    doubts(20);
    expect(health.state).toBe('doubted');
    fails(1);
    doubts(1);
    fails(1);
    expect(health.state).toBe('doubted');
  });

  it('takes nothing from a success that overlaps', () => {
    const good = begin();
    doubts(1);
    good.succeed();
    expect(health.state).toBe('well');
  });

  it('proves nothing to a server that failed since it was asked', () => {
    const early = begin();
    fails(3);
    early.doubt();
    expect(health.state).toBe('open');
  });

  it('does not put off when the server is tried again', () => {
    doubts(1);
    now += 4000;
    doubts(1);
    expect(health.dueIn).toBe(1000);
  });
});

it('only the first end of an attempt counts', () => {
  const attempt = begin();
  attempt.succeed();
  attempt.fail();
  attempt.leave();
  expect(health.state).toBe('well');
  const other = begin();
  now += 7;
  expect(other.age).toBe(7);
  other.leave();
  other.fail();
  expect(health.state).toBe('well');
});
