import { describe, expect, it } from 'vitest';
import { readParameters } from '../../../server/src/protocol/parameters.ts';

const pairs = (text: string) => [...readParameters(text).parameters];

describe('RFC 6749 §3.1: parameters', () => {
  it.each([
    [
      'a=1&b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['scope=a+b%20c', [['scope', 'a b c']]],
    ['state=%7B%22x%22%3A%22%C3%A4%22%7D', [['state', '{"x":"ä"}']]],
    ['a=1=2', [['a', '1=2']]],
    [
      '__proto__=1&constructor=2',
      [
        ['__proto__', '1'],
        ['constructor', '2'],
      ],
    ],
    ['', []],
    ['&&', []],
  ])('%s is read', (text, expected) => {
    expect(readParameters(text).problem).toBeUndefined();
    expect(pairs(text)).toEqual(expected);
  });

  it('one without a value counts as left out', () => {
    expect(readParameters('state=&nonce&a=1')).toEqual({ parameters: new Map([['a', '1']]), problem: undefined });
  });

  it.each(['a=1&a=1', 'a=1&a=2&b=3', 'a=&a=1', 'a&a', '%61=1&a=2', 'a+b=1&a%20b=2'])(
    'A03: a repeated one is refused, whatever the values: %s',
    (text) => {
      expect(readParameters(text).problem).toBe('repeated');
      expect(readParameters(text).parameters.has('a')).toBe(false);
    },
  );

  it.each(['a=%', 'a=%4', 'a=%zz', 'a=%ff', 'a=%c3%28', 'a=%00', 'a%00b=1', 'a=%ed%a0%80'])(
    'A84: %s is malformed, not guessed',
    (text) => expect(readParameters(text)).toEqual({ parameters: new Map(), problem: 'malformed' }),
  );

  it('more than 64 are refused before any is looked at', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}=1`).join('&');
    expect(readParameters(many(64)).problem).toBeUndefined();
    expect(readParameters(many(65))).toEqual({ parameters: new Map(), problem: 'too_many' });
  });
});
