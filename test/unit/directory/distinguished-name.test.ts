import { describe, expect, it } from 'vitest';
import { foldText, isUnder, parseDn, sameDn } from '../../../server/src/protocol/distinguished-name.ts';

const dn = (text: string) => {
  const parsed = parseDn(text);
  if (parsed === null) throw new Error(`not a DN: ${text}`);
  return parsed;
};

describe('RFC 4514: names are read strictly', () => {
  it.each<[string, [string, string][][]]>([
    ['', []],
    ['uid=ada,dc=example', [[['uid', 'ada']], [['dc', 'example']]]],
    ['UID = ada , DC=example', [[['uid', 'ada']], [['dc', 'example']]]],
    [
      'cn=a+sn=b,dc=x',
      [
        [
          ['cn', 'a'],
          ['sn', 'b'],
        ],
        [['dc', 'x']],
      ],
    ],
    ['cn=Lovelace\\, Ada,dc=x', [[['cn', 'Lovelace, Ada']], [['dc', 'x']]]],
    ['cn=\\c3\\a9,dc=x', [[['cn', 'é']], [['dc', 'x']]]],
    ['cn=\\ a\\ ,dc=x', [[['cn', ' a ']], [['dc', 'x']]]],
    ['cn=,dc=x', [[['cn', '']], [['dc', 'x']]]],
    ['cn=a=b', [[['cn', 'a=b']]]],
    ['1.2.840=#0401A0,dc=x', [[['1.2.840', '#0401a0']], [['dc', 'x']]]],
    ['cn=🦊', [[['cn', '🦊']]]],
  ])('%j', (text, expected) => {
    expect(dn(text).map((rdn) => rdn.map(({ type, value }) => [type, value]))).toEqual(expected);
  });

  it.each([
    'ada',
    ',dc=x',
    'uid=ada,',
    'uid=ada,,dc=x',
    '=x',
    '1=x',
    'a b=x',
    'cn=a\\',
    'cn=a\\zz',
    'cn=\\ff',
    'cn="a"',
    'cn=a;b',
    'cn=a\0',
    'cn=#0',
    'cn=#zz',
    'cn=+',
    `cn=${'a'.repeat(1025)}`,
  ])('refused: %j', (text) => expect(parseDn(text)).toBeNull());
});

describe('DNs are compared part by part', () => {
  it.each([
    ['uid=ada,dc=x', 'UID=ADA, DC=X', true],
    ['cn=a+sn=b,dc=x', 'sn=b+cn=a,dc=x', true],
    ['cn=a  b,dc=x', 'cn=A B,dc=x', true],
    ['cn=a\\2cdc=x', 'cn=a\\,dc=x', true],
    ['cn=a\\,dc=x', 'cn=a,dc=x', false],
    ['uid=ada,dc=x', 'uid=ada,dc=y', false],
    ['uid=ada,dc=x', 'dc=x', false],
    ['cn=a+sn=b,dc=x', 'cn=a,dc=x', false],
  ])('%j and %j: %s', (one, other, same) => expect(sameDn(dn(one), dn(other))).toBe(same));

  it.each([
    ['cn=a,ou=g,dc=x', 'ou=G,dc=x', true],
    ['ou=g,dc=x', 'ou=g,dc=x', true],
    ['cn=a,dc=x', '', true],
    ['dc=x', 'ou=g,dc=x', false],
    ['cn=ou\\=g\\,dc\\=x,dc=y', 'ou=g,dc=x', false],
  ])('%j under %j: %s', (name, base, under) => expect(isUnder(dn(name), dn(base))).toBe(under));

  it('spellings of one name fold alike', () => {
    const spellings = ['ada lovelace', 'ADA  Lovelace', ' ada lovelace ', 'ａｄａ lovelace', 'Ada\u00a0Lovelace'];
    expect(new Set(spellings.map(foldText))).toEqual(new Set(['ada lovelace']));
  });
});
