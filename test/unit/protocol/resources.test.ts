import { describe, expect, it } from 'vitest';
import { readParameters } from '../../../server/src/protocol/parameters.ts';
import { readResources, remainingTargets, targets } from '../../../server/src/protocol/resources.ts';

const read = (...values: string[]) =>
  readResources(readParameters(values.map((value) => `resource=${encodeURIComponent(value)}`).join('&')).parameters);

describe('RFC 8707 §2: resource', () => {
  it('may be sent more than once, alone of all parameters', () => {
    const reading = readParameters('resource=https%3A%2F%2Fa&x=1&resource=https%3A%2F%2Fb&resource=https%3A%2F%2Fa');
    expect(reading.problem).toBeUndefined();
    expect(readResources(reading.parameters)).toEqual(['https://a', 'https://b']);
    expect(readParameters('resource=a&x=1&x=2').problem).toBe('repeated');
  });

  it.each<[string[], readonly string[] | undefined | null]>([
    [[], undefined],
    [[''], undefined],
    [['https://api.example/v1?x=1'], ['https://api.example/v1?x=1']],
    [['urn:example:api'], ['urn:example:api']],
    [['https://api.example#frag'], null],
    [['https://api.example#'], null],
    [['api.example'], null],
    [['/path'], null],
    [['https:'], null],
    [['https://a https://b'], null],
    [['https://ä'], null],
    [['https://a', 'nonsense'], null],
    [[`https://a/${'x'.repeat(512)}`], null],
    [Array.from({ length: 17 }, (_, n) => `https://a/${n}`), null],
  ])('%j is %j', (values, expected) => expect(read(...values)).toEqual(expected));

  it('A84: NUL, which stands between values, is in none of them', () =>
    expect(readParameters('resource=https%3A%2F%2Fa%00https%3A%2F%2Fb').problem).toBe('malformed'));
});

describe('what a token is for', () => {
  const audiences = ['https://a', 'https://b', 'not-a-uri'];
  it.each<[readonly string[] | undefined, readonly string[] | null, readonly string[] | null]>([
    [undefined, audiences, audiences],
    [['https://b'], ['https://b'], ['https://b']],
    [['https://b', 'https://c'], null, ['https://b']],
    [['https://c'], null, null],
    [['https://A'], null, null],
    [['https://a/'], null, null],
  ])('%j: at once %j, later %j', (resources, atOnce, later) => {
    expect(targets(audiences, resources)).toEqual(atOnce);
    expect(remainingTargets(audiences, resources)).toEqual(later);
  });
});
