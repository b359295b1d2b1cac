import { describe, expect, it } from 'vitest';
import { comparePlaces, placeOfDevice } from '../../../server/src/endpoints/device-place.ts';
import { createUserCodeTries } from '../../../server/src/endpoints/user-code-tries.ts';
import { userCodeAlphabet, userCodeLength } from '../../../server/src/tokens/user-code.ts';

describe('A51: the place of a device', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['unknown', undefined],
  ])('%s is in %s', (address, network) =>
    expect(placeOfDevice({ address, limitFactor: 1, trustworthy: true })).toBe(network),
  );

  it('is never told of an address that nobody vouches for', () => {
    expect(placeOfDevice({ address: '192.0.2.77', limitFactor: 1 })).toBeUndefined();
    expect(placeOfDevice({ address: '192.0.2.77', limitFactor: 20 })).toBeUndefined();
  });

  it.each([
    ['192.0.2.0/24', '192.0.2.0/24', { place: 'same' }],
    ['192.0.2.0/24', '198.51.100.0/24', { place: 'other', network: '192.0.2.0/24' }],
    [undefined, '198.51.100.0/24', { place: 'unknown' }],
    ['192.0.2.0/24', undefined, { place: 'unknown' }],
  ])('%s seen from %s', (asked, mine, place) => expect(comparePlaces(asked, mine)).toEqual(place));
});

describe('F25, A52: guesses from everywhere', () => {
  const miss = () => Promise.resolve(null);

  it('ten replicas, each asked 200 times a second while one code lives: hit less than once in a million lives', async () => {
    let now = 0;
    const replicas = Array.from({ length: 10 }, () => createUserCodeTries(() => now));
    let looks = 0;
    for (; now < 600_000; now += 1000) {
      for (const replica of replicas) {
        for (let guess = 0; guess < 200; guess++) {
          if ((await replica.attempt(miss)) === 'throttled') break;
          looks += 1;
        }
      }
    }
    expect(looks).toBeGreaterThan(10_000);
    expect(looks / userCodeAlphabet.length ** userCodeLength).toBeLessThan(1e-6);
  });

  it('counts what is under way, and what failed to look not at all', async () => {
    const tries = createUserCodeTries(() => 0, 3);
    const results = await Promise.all(Array.from({ length: 10 }, () => tries.attempt(miss)));
    expect(results.filter((result) => result === 'throttled')).toHaveLength(7);
    const broken = createUserCodeTries(() => 0, 3);
    const failing = () => Promise.reject(new Error('no database'));
    for (let at = 0; at < 5; at++) await expect(broken.attempt(failing)).rejects.toThrow('no database');
    expect(await broken.attempt(miss)).toBeNull();
  });

  it('right codes are no guesses', async () => {
    const tries = createUserCodeTries(() => 0, 3);
    for (let at = 0; at < 10; at++) expect(await tries.attempt(() => Promise.resolve('found'))).toBe('found');
  });
});
