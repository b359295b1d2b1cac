import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedName } from '../../../server/src/directory/ldap/groups.ts';
import { listedNames } from '../../../server/src/directory/ldap/listed-names.ts';
import { parseDn, sameDn } from '../../../server/src/protocol/distinguished-name.ts';

const dn = (text: string): ListedName => ({ text, isDn: true });
const names = [
  dn('uid=ada,ou=people,dc=example'),
  dn('cn=Hopper\\, Grace,dc=example'),
  { text: 'alan', isDn: false },
  dn('uid=zoé,ou=people,dc=example'),
];
const group = (values: readonly (string | Buffer)[], type = 'member') => ({
  dn: 'cn=group,dc=example',
  attributes: [
    { type: 'cn;lang-en', values: [Buffer.from('group')] },
    { type, values: values.map((value) => Buffer.from(value)) },
  ],
});
const tell = (asked: readonly ListedName[], entry: ReturnType<typeof group>) => {
  const listed = listedNames(asked, ['member', 'memberUid'], ['cn', 'member', 'memberUid']).in(entry);
  return listed === null ? null : { sure: [...listed.sure], unsure: [...listed.unsure] };
};
const told = (values: readonly (string | Buffer)[], type?: string) => tell(names, group(values, type));

describe('whose a group is, by what it lists', () => {
  it.each<[string, string[], string | undefined, unknown]>([
    ['as it is written', ['uid=ada,ou=people,dc=example', 'alan'], undefined, { sure: [0, 2], unsure: [] }],
    ['a name written otherwise', ['UID=Ada, OU=people,dc=EXAMPLE'], undefined, { sure: [0], unsure: [] }],
    ['an escape written otherwise', ['cn=hopper\\2c grace,dc=example'], undefined, { sure: [1], unsure: [] }],
    ['beyond ASCII, escaped', ['UID=ZO\\c3\\a9,ou=people,dc=example'], undefined, { sure: [3], unsure: [] }],
    ['beyond ASCII, in capitals', ['uid=ZOÉ,ou=people,dc=example'], undefined, { sure: [], unsure: [3] }],
    ['beyond ASCII, in parts', ['uid=zoe\u0301,ou=people,dc=example'], undefined, { sure: [], unsure: [3] }],
    ['text in other letters', ['ALAN'], undefined, { sure: [], unsure: [2] }],
    ['text in both', ['ALAN', 'alan'], undefined, { sure: [2], unsure: [] }],
    ['a name with an identifier', ["uid=ada,ou=people,dc=example#'01'B"], undefined, { sure: [], unsure: [0] }],
    ['another name of a type', ['userid=ada,ou=people,dc=example'], undefined, { sure: [], unsure: [0] }],
    ['what a server may pass over', ['uid=a\u00adda,ou=people,dc=example'], undefined, { sure: [], unsure: [0] }],
    ['a comma that is no separator', ['cn=Hopper,Grace=,dc=example', 'alan'], undefined, { sure: [2], unsure: [] }],
    ['text that is no name', ['ada', '', 'alan'], undefined, { sure: [2], unsure: [] }],
    ['nobody: something else found it', ['uid=zoe,ou=people,dc=example'], undefined, null],
    [
      'a name as long as names get',
      [`cn=${'x'.repeat(8000)},dc=example`, 'alan'],
      undefined,
      { sure: [2], unsure: [] },
    ],
    [
      'a name with much space in it',
      [`uid=ada,${' '.repeat(2000)}ou=people,dc=example`],
      undefined,
      { sure: [0], unsure: [] },
    ],
    ['a list in parts', ['uid=ada,ou=people,dc=example'], 'member;range=0-1499', null],
    ['another attribute', ['uid=ada,ou=people,dc=example'], 'owner', null],
  ])('%s', (_title, values, type, expected) => expect(told(values, type)).toEqual(expected));

  it.each<[string, string | Buffer]>([
    ['a quoted value', 'cn="Hopper, Grace",dc=example'],
    ['semicolons', 'uid=ada;ou=people;dc=example'],
    ['a value in BER', 'uid=#0403616461,ou=people,dc=example'],
    ['NUL', 'uid=ada\0,ou=people,dc=example'],
    ['no UTF-8', Buffer.from('uid=ad\xe1,ou=people,dc=example', 'latin1')],
    ['more than is read', `uid=ada,${' '.repeat(8192)}ou=people,dc=example`],
  ])('nobody can tell whose it is where somebody is listed with %s, whoever else is', (_title, value) => {
    expect(told(['cn=Hopper\\, Grace,dc=example', value])).toBeNull();
  });

  it.each(['member;x-since-2020', 'managerOfGroup'])('nor where it shows %s, which is not read', (type) => {
    const { attributes, ...entry } = group(['uid=ada,ou=people,dc=example']);
    const more = { type, values: [Buffer.from('cn=Hopper\\, Grace,dc=example')] };
    expect(tell(names, { ...entry, attributes: [...attributes, more] })).toBeNull();
  });

  it('names that differ in case alone are those of two, if two are asked about', () => {
    const two = [dn('uid=ada,dc=example'), dn('uid=Ada,dc=example')];
    expect(tell(two, group(['uid=ada,dc=example']))).toEqual({ sure: [0], unsure: [1] });
    expect(tell(two, group(['uid=ADA,dc=example']))).toEqual({ sure: [], unsure: [0, 1] });
  });

  it('a name whose value stands in BER is known by its very text alone', () => {
    const two = [dn('uid=#0403616461,dc=example'), dn('uid=grace,dc=example')];
    expect(tell(two, group(['uid=#0403616461,dc=example']))).toEqual({ sure: [0], unsure: [] });
    expect(tell(two, group(['uid=\\#0403616461,dc=example', 'uid=grace,dc=example']))).toBeNull();
  });
});

describe('a character that some directories take for another gives nobody a group for certain', () => {
  const grace = 'uid=grace,dc=x';
  const pairs: [string, string, string, unknown][] = [
    ['a fullwidth comma', 'uid=ceo，ou=staff,ou=people,dc=x', 'uid=ceo,ou=staff,ou=people,dc=x', []],
    ['a fullwidth plus', 'cn=ceo＋sn=x,dc=x', 'cn=ceo+sn=x,dc=x', []],
    ['a ligature', 'uid=ﬁona,dc=x', 'uid=fiona,dc=x', [0]],
    ['a sharp s', 'uid=straße,dc=x', 'uid=strasse,dc=x', [0]],
    ['an i without its dot', 'uid=ılse,dc=x', 'uid=ilse,dc=x', [0]],
    ['a capital I with a dot', 'uid=İlse,dc=x', 'uid=i\u0307lse,dc=x', [0]],
    ['the Kelvin sign', 'uid=\u212aim,dc=x', 'uid=kim,dc=x', [0]],
    ['a fullwidth letter', 'uid=ｋim,dc=x', 'uid=kim,dc=x', [0]],
    ['a final sigma', 'uid=ΝΙΚΟΣ,dc=x', 'uid=νικοσ,dc=x', [0]],
  ];
  it.each(pairs)('%s', (_title, odd, even, unsure) => {
    for (const [listed, asked] of [
      [odd, even],
      [even, odd],
    ] as const) {
      expect(tell([dn(asked), dn(grace)], group([listed, grace]))).toEqual({ sure: [1], unsure });
      expect(tell([dn(asked), dn(listed)], group([listed]))).toEqual({ sure: [1], unsure });
    }
  });

  it('a fullwidth equals sign', () => {
    expect(tell([dn('uid=ceo,ou=staff,dc=x'), dn(grace)], group(['uid=ceo,ou＝staff,dc=x', grace]))).toBeNull();
  });
});

describe('of names that are written in all kinds of ways', () => {
  const odd = [
    '，',
    '＋',
    '＝',
    'ﬁ',
    'fi',
    'ß',
    'ss',
    'İ',
    'ı',
    'i',
    '\u212a',
    'k',
    '\u00ad',
    'a\u00adb',
    'ab',
    'a，o=b',
  ];
  const even = ['a', 'A', 'b', 'a b', 'a  b', '\\2c', '\\,', '\\+', 'a=b', '\\5c', '\\20a', 'é', 'É', 'e\u0301', '#61'];
  const value = fc.constantFrom(...odd, ...even, '\\#61', 'a,o=b');
  const part = fc
    .tuple(fc.constantFrom('cn', 'CN', 'o'), fc.constantFrom('=', ' = ', '= '), value)
    .map((all) => all.join(''));
  const name = fc
    .array(
      fc.array(part, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('+')),
      { minLength: 1, maxLength: 2 },
    )
    .chain((rdns) => fc.constantFrom(',', ', ').map((separator) => rdns.join(separator)));

  it('only the same is sure, and nothing that is the same is left out', () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        const [left, right] = [parseDn(one), parseDn(other)];
        if (left === null || right === null) return;
        const listed = tell([dn(one), dn('uid=grace')], group([other, 'uid=grace']));
        const isSame = sameDn(left, right);
        if (listed?.sure.includes(0) === true) expect([one, other, isSame]).toEqual([one, other, true]);
        if (!isSame || listed === null) return;
        expect([one, other, [...listed.sure, ...listed.unsure].includes(0)]).toEqual([one, other, true]);
      }),
      { numRuns: 4000 },
    );
  });
});
