import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  digestUserCode,
  newUserCode,
  readUserCode,
  shownUserCode,
  userCodeAlphabet,
} from '../../../server/src/tokens/user-code.ts';

describe('A52, RFC 8628 §6.1: user codes', () => {
  it('eight places, each of twenty consonants, none of them more likely than another', () => {
    const codes = Array.from({ length: 5000 }, newUserCode);
    expect(codes.every((code) => /^[BCDFGHJKLMNPQRSTVWXZ]{8}$/.test(code))).toBe(true);
    expect(new Set(codes).size).toBe(codes.length);
    const counts = new Map(userCodeAlphabet.split('').map((letter) => [letter, 0]));
    for (const letter of codes.join('').split('')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    // 2,000 are to be expected of each; a bias of one in ten would show, chance would not.
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(300);
  });

  it.each([
    ['BCDF-GHJK', 'BCDFGHJK'],
    ['bcdfghjk', 'BCDFGHJK'],
    [' bcdf  ghjk\t', 'BCDFGHJK'],
    ['B-C-D-F-G-H-J-K', 'BCDFGHJK'],
    ['bcdf\u2013ghjk', 'BCDFGHJK'],
    ['bcdf\u2212ghjk', 'BCDFGHJK'],
    ['\uff22\uff23\uff24\uff26\u30fc\uff27\uff28\uff2a\uff2b'.replace('\u30fc', '\uff0d'), 'BCDFGHJK'],
    ['', null],
    ['BCDFGHJ', null],
    ['BCDFGHJKL', null],
    ['ABCDFGHJ', null],
    ['BCDF_GHJK', null],
    ['BCDF0HJK', null],
    ['BCDFGHJ\u212a', 'BCDFGHJK'],
    [`${'-'.repeat(60)}BCDFGHJK`, null],
  ])('%j is read as %j', (typed, code) => expect(readUserCode(typed)).toBe(code));

  it('what is shown is read back', () => {
    const code = newUserCode();
    expect(readUserCode(shownUserCode(code))).toBe(code);
  });

  it('the digest tells nothing without the key', () => {
    const [one, other] = ['a', 'b'].map((letter) => createSecretKey(Buffer.from(letter.repeat(32))));
    if (one === undefined || other === undefined) throw new Error('two keys are needed');
    expect(digestUserCode(one, 'BCDFGHJK')).toEqual(digestUserCode(one, 'BCDFGHJK'));
    expect(digestUserCode(one, 'BCDFGHJK')).not.toEqual(digestUserCode(other, 'BCDFGHJK'));
  });
});
