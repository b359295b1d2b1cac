import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listedNames } from '../../../server/src/directory/ldap/listed-names.ts';
import { foldDn, parseDn, sameDn } from '../../../server/src/protocol/distinguished-name.ts';

const names = [
  { text: 'uid=ada,ou=people,dc=example', isDn: true },
  { text: 'cn=Hopper\\, Grace,dc=example', isDn: true },
  { text: 'alan', isDn: false },
];
const group = (values: readonly string[], type = 'member') => ({
  dn: 'cn=group,dc=example',
  attributes: [{ type, values: values.map((value) => Buffer.from(value)) }],
});
const told = (values: readonly string[], type?: string) => {
  const listed = listedNames(names, ['member', 'memberUid']).in(group(values, type));
  return listed === null ? null : { sure: [...listed.sure], unsure: [...listed.unsure] };
};

describe('whose a group is, by what it lists', () => {
  it.each<[string, string[], string | undefined, unknown]>([
    ['as it is written', ['uid=ada,ou=people,dc=example', 'alan'], undefined, { sure: [0, 2], unsure: [] }],
    ['a name written otherwise', ['UID=Ada, OU=people,dc=EXAMPLE'], undefined, { sure: [0], unsure: [] }],
    ['an escape written otherwise', ['cn=hopper\\2c grace,dc=example'], undefined, { sure: [1], unsure: [] }],
    ['text in other letters', ['ALAN'], undefined, { sure: [], unsure: [2] }],
    ['text in both', ['ALAN', 'alan'], undefined, { sure: [2], unsure: [] }],
    ['a name with an identifier', ["uid=ada,ou=people,dc=example#'01'B"], undefined, { sure: [], unsure: [0] }],
    ['a comma that is no separator', ['cn=Hopper,Grace=,dc=example', 'alan'], undefined, { sure: [2], unsure: [] }],
    ['nobody: something else found it', ['uid=zoe,ou=people,dc=example'], undefined, null],
    ['a list in parts', ['uid=ada,ou=people,dc=example'], 'member;range=0-1499', null],
    ['another attribute', ['uid=ada,ou=people,dc=example'], 'owner', null],
  ])('%s', (_title, values, type, expected) => expect(told(values, type)).toEqual(expected));
});

it('two names fold to the same text exactly when they are the same name', () => {
  const value = fc.oneof(
    fc.constantFrom('a', 'A', 'b', 'a b', 'a  b', '\\2c', '\\,', '\\+', 'a=b', '\\5c', '\\20a', 'é', '#61'),
  );
  const part = fc
    .tuple(fc.constantFrom('cn', 'CN', 'o'), fc.constantFrom('=', ' = ', '= '), value)
    .map((all) => all.join(''));
  const name = fc
    .array(
      fc.array(part, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('+')),
      { minLength: 1, maxLength: 2 },
    )
    .chain((rdns) => fc.constantFrom(',', ', ').map((separator) => rdns.join(separator)));
  fc.assert(
    fc.property(name, name, (one, other) => {
      const [left, right] = [parseDn(one), parseDn(other)];
      if (left === null || right === null) return;
      expect([one, other, foldDn(one) === foldDn(other)]).toEqual([one, other, sameDn(left, right)]);
    }),
    { numRuns: 2000 },
  );
});
