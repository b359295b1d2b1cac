import { describe, expect, it } from 'vitest';
import { subjectOf } from '../../../server/src/directory/subject.ts';
import { isPassword, isUsername, nameMatches, unknownThrottleKey } from '../../../server/src/directory/typed.ts';

describe('what can be a user name', () => {
  it.each(['a', 'Ada Lovelace', ' ada ', '*', ')(|(uid=*', '\\2a', 'é', '🦊'.repeat(256), 'a'.repeat(256)])(
    '%j',
    (text) => expect(isUsername(text)).toBe(true),
  );
  it.each(['', 'a'.repeat(257), '🦊'.repeat(257), 'a\0b', 'a\nb', '\x7f', '\u0085', '\ud800', 'x'.repeat(65_536)])(
    'not %j',
    (text) => expect(isUsername(text)).toBe(false),
  );
});

describe('what can be a password', () => {
  it.each(['a', ' ', 'a'.repeat(128), '🦊'.repeat(128), 'tab\tand\nline'])('%j', (text) =>
    expect(isPassword(text)).toBe(true),
  );
  it.each(['', 'a'.repeat(129), '\0', 'a\0b', 'x'.repeat(65_536)])('not %j', (text) =>
    expect(isPassword(text)).toBe(false),
  );
});

describe('matches', () => {
  it.each<[string[], string[], string, boolean]>([
    [[], [], 'anybody', true],
    [['@example.org'], [], 'ada@example.org', true],
    [['@EXAMPLE.org'], [], 'Ada@Example.ORG', true],
    [['@example.org'], [], 'ada@example.com', false],
    [[], ['ada'], ' ADA ', true],
    [[], ['ada'], 'adam', false],
    [['@example.org'], ['ada'], 'ada', true],
    [['.*'], [], 'ada', false],
  ])('suffixes %j, names %j: %j is %s', (suffixes, names, name, matches) =>
    expect(nameMatches({ suffixes, names }, name)).toBe(matches),
  );
});

describe('A43: spellings of a name that nobody has', () => {
  const spellings = ['bob', 'BOB', ' bob', 'bob ', 'Bob', 'ｂｏｂ', 'bo\u200bb'.replace('\u200b', '')];
  it('share one key', () => expect(new Set(spellings.map(unknownThrottleKey)).size).toBe(1));
  it('other names have others, and none shows in its key', () => {
    expect(unknownThrottleKey('bob')).not.toBe(unknownThrottleKey('bobby'));
    expect(unknownThrottleKey('bob')).not.toContain('bob');
  });
});

describe('subjects', () => {
  it('are SHA-256 of namespace, NUL and id, base64url, after u_', () => {
    // printf 'shop/people\0id-1' | sha256sum | xxd -r -p | base64
    expect(subjectOf('shop/people', 'id-1')).toMatch(/^u_[A-Za-z0-9_-]{43}$/);
    expect(subjectOf('shop/people', 'id-1')).toBe(subjectOf('shop/people', 'id-1'));
  });
  it('differ between namespaces, and the border between the parts cannot move', () => {
    const all = [subjectOf('a', 'b\0c'), subjectOf('a', 'b'), subjectOf('b', 'a'), subjectOf('ab', '')];
    expect(new Set(all).size).toBe(all.length);
    expect(() => subjectOf('a\0b', 'c')).toThrow(RangeError);
  });
});
