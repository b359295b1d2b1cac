import { describe, expect, it } from 'vitest';
import { NotServing } from '../../../server/src/http/http-error.ts';
import { createReadiness, type ReadinessParts } from '../../../server/src/http/readiness.ts';

const now = 1_000_000;
const good = {
  registry: { declared: true, confirmedAt: (now - 9_999) as number | undefined },
  keys: {
    state: 'ready' as ReturnType<ReadinessParts['keys']>['state'],
    confirmedAt: now as number | undefined,
    clockSkew: 5,
  },
};
const readiness = (change: { registry?: Partial<typeof good.registry>; keys?: Partial<typeof good.keys> }) =>
  createReadiness({
    registry: () => ({ ...good.registry, ...change.registry }),
    keys: () => ({ ...good.keys, ...change.keys }),
    monotonic: () => now,
  });

describe('old configuration stops issuing', () => {
  it('serves while everything is fresh', () => {
    expect(readiness({}).problems()).toEqual([]);
    expect(() => readiness({}).requireServing()).not.toThrow();
  });

  it.each([
    ['nothing is loaded yet', { registry: { confirmedAt: undefined } }, /registry: not loaded/],
    ['no server is declared', { registry: { declared: false } }, /no AuthorizationServer/],
    ['the registry was not confirmed for 10 s', { registry: { confirmedAt: now - 10_001 } }, /registry: not confirmed/],
    ['there is no key', { keys: { state: 'pending' } }, /keys: not there/],
    ['the key-encryption key is another', { keys: { state: 'key_encryption_key_mismatch' } }, /key-encryption key/],
    ['keys were not confirmed for 10 s', { keys: { confirmedAt: now - 10_001 } }, /keys: not confirmed/],
    ['keys were never read', { keys: { confirmedAt: undefined } }, /keys: not confirmed/],
    ['F46: the clock is ahead', { keys: { clockSkew: 6 } }, /clock/],
    ['F46: the clock is behind', { keys: { clockSkew: -6 } }, /clock/],
  ] as const)('not when %s', (_name, change, problem) => {
    const one = readiness(change);
    expect(one.problems()).toEqual([expect.stringMatching(problem)]);
    expect(() => one.requireServing()).toThrow(NotServing);
  });

  it('is unready first when it ends, and still serves', () => {
    const one = readiness({});
    one.drain();
    expect(one.problems()).toEqual(['shutting down']);
    expect(() => one.requireServing()).not.toThrow();
  });
});
