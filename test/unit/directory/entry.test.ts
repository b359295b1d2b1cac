import { describe, expect, it } from 'vitest';
import type { RawEntry } from '../../../server/src/directory/ldap/answers.ts';
import { claimsOf, secondsOf } from '../../../server/src/directory/ldap/claims.ts';
import { EntryProblem, entryIdOf, idValue, readEntry } from '../../../server/src/directory/ldap/entry.ts';
import { vendors } from '../../../server/src/directory/ldap/vendor.ts';
import { foldCase, foldPrepared } from '../../../server/src/protocol/distinguished-name.ts';

type Values = Readonly<Record<string, readonly (string | Buffer)[]>>;

const raw = (values: Values, dn = 'uid=ada,dc=x'): RawEntry => ({
  dn,
  attributes: Object.entries(values).map(([type, list]) => ({ type, values: list.map((value) => Buffer.from(value)) })),
});
const entry = (values: Values, dn?: string) => readEntry(raw(values, dn));

describe('the reader of entries', () => {
  it('tells absent, one and several apart', () => {
    const read = entry({ uid: ['ada'], mail: ['a', 'b'], none: [] });
    expect([read.texts('uid'), read.texts('mail'), read.texts('none'), read.texts('cn')]).toEqual([
      ['ada'],
      ['a', 'b'],
      [],
      [],
    ]);
    expect(read.one('uid')).toBe('ada');
    for (const attribute of ['mail', 'none', 'cn']) expect(() => read.one(attribute)).toThrow(EntryProblem);
  });
  it('knows attributes in any case', () => expect(entry({ UID: ['ada'] }).one('uid')).toBe('ada'));
  it('shows no text where there are bytes', () => {
    expect(entry({ uid: [Buffer.from('ff', 'hex')] }).texts('uid')).toEqual([]);
    expect(() => entry({ uid: [Buffer.from('ff', 'hex')] }).one('uid')).toThrow(EntryProblem);
  });
  it('shows no text with NUL, which no database keeps: nobody shuts others out by a name', () => {
    const read = entry({ uid: ['ada'], cn: ['a\0b', 'c'] });
    expect(read.texts('cn')).toEqual(['c']);
    expect(() => entry({ uid: ['a\0b'] }).one('uid')).toThrow(EntryProblem);
    expect(() => entry({ uid: ['ada'] }, 'cn=a\\00b,dc=x')).toThrow(EntryProblem);
  });
  it('keeps every byte, a byte order mark too', () => {
    expect(entry({ id: ['\ufeffx'] }).texts('id')).toEqual(['\ufeffx']);
  });
  it('refuses an entry that shows one attribute twice', () => {
    expect(() => entry({ uid: ['ada'], UID: ['eve'] })).toThrow(EntryProblem);
  });
  it.each(['', 'ada', 'EXTERNAL', 'uid=ada;dc=x', `uid=${'a'.repeat(1024)}`])(
    'refuses an entry with the DN %j',
    (dn) => {
      expect(() => entry({ uid: ['ada'] }, dn)).toThrow(EntryProblem);
    },
  );
  it('is not confused by names that objects have', () => {
    const read = entry({ __proto__: ['x'], constructor: ['y'] } as never);
    expect(read.texts('constructor')).toEqual(['y']);
    expect(read.texts('toString')).toEqual([]);
  });
  it('of several names takes the one that is in the DN, else the same one every time', () => {
    expect(entry({ uid: ['eve', 'ADA'] }).name('uid', foldCase)).toBe('ADA');
    expect(entry({ uid: ['zed', 'eve'] }).name('uid', foldCase)).toBe('eve');
    expect(entry({ uid: ['eve', 'zed'] }).name('uid', foldCase)).toBe('eve');
    expect(entry({}).name('uid', foldCase)).toBeNull();
  });
  it.each([
    [
      'written as in the DN, before one that the directory holds for the same',
      ['backers', 'ｂackers'],
      foldPrepared,
      'ｂackers',
    ],
    ['that the directory holds for the same', ['aces', 'Backers'], foldPrepared, 'Backers'],
    ['and no other that looks alike', ['aces', 'backers'], foldCase, 'aces'],
  ])('F13: of several names takes the one %s', (_title, cn, fold, name) =>
    expect(entry({ cn }, 'cn=ｂackers,dc=x').name('cn', fold)).toBe(name),
  );
});

describe('immutable ids', () => {
  it.each<[string, string | Buffer, string]>([
    ['entryUUID', '8BD2720E-7D3A-1041-83A3-BB91E64E8F7D', '8bd2720e-7d3a-1041-83a3-bb91e64e8f7d'],
    ['employeeNumber', 'A-17', 'A-17'],
    ['objectGUID', Buffer.from('00ff10'), Buffer.from('00ff10').toString('hex')],
    ['objectguid', 'abcdefghijklmnop', '6162636465666768696a6b6c6d6e6f70'],
    ['x;binary', Buffer.from('efbbbf61', 'hex'), 'efbbbf61'],
  ])('%s', (attribute, value, id) => {
    expect(entryIdOf(entry({ [attribute]: [value] }), attribute)).toBe(id);
    const back = idValue(attribute, id);
    expect(back === null ? null : Buffer.from(back).toString('hex').toLowerCase()).toBe(
      (attribute === 'entryUUID' ? Buffer.from(String(value).toLowerCase()) : Buffer.from(value)).toString('hex'),
    );
  });
  it.each([[{}], [{ entryUUID: [] }], [{ entryUUID: ['a', 'b'] }], [{ entryUUID: [''] }]])(
    'none or several is nobody: %j',
    (values) => {
      expect(() => entryIdOf(entry(values), 'entryUUID')).toThrow(EntryProblem);
    },
  );
  it('what is no id of that kind is not asked for', () => {
    expect([idValue('entryUUID', ''), idValue('objectGUID', 'zz'), idValue('objectGUID', 'abc')]).toEqual([
      null,
      null,
      null,
    ]);
  });
});

const profileTexts =
  'name given_name family_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale'.split(
    ' ',
  );

describe('claims', () => {
  const claims = (
    mapping: Record<string, string>,
    values: Values,
    email_verified: Parameters<typeof claimsOf>[1]['email_verified'] = 'never',
  ) => claimsOf(entry(values), { claims: mapping, email_verified });

  it.each<[string, Record<string, string>, Values, unknown]>([
    ['absent: left out', { name: 'cn' }, {}, {}],
    ['text', { name: 'cn' }, { cn: ['Ada'] }, { name: 'Ada' }],
    ['a standard claim is one value', { nickname: 'cn' }, { cn: ['b', 'a'] }, { nickname: 'b' }],
    ['another claim is a list when there are several', { teams: 'ou' }, { ou: ['b', 'a'] }, { teams: ['b', 'a'] }],
    ['another claim is text when there is one', { teams: 'ou' }, { ou: ['b'] }, { teams: 'b' }],
    [
      'an address is an object',
      { address: 'postalAddress' },
      { postalAddress: ['1 Quay$Port \\24'] },
      { address: { formatted: '1 Quay\nPort $' } },
    ],
    [
      'OIDC Core §5.1.1: an address has members, those that are mapped and known',
      {
        'address.street_address': 'street',
        'address.locality': 'l',
        'address.region': 'st',
        'address.postal_code': 'postalCode',
        'address.country': 'c',
        'address.planet': 'o',
      },
      { street: ['1 Quay', '2 Quay'], l: ['Port'], postalCode: ['1234'], c: ['NZ'], o: ['Earth'] },
      { address: { street_address: '1 Quay', locality: 'Port', postal_code: '1234', country: 'NZ' } },
    ],
    [
      'a whole address and its members are one object',
      { address: 'postalAddress', 'address.locality': 'l' },
      { postalAddress: ['1 Quay$Port'], l: ['Port'] },
      { address: { formatted: '1 Quay\nPort', locality: 'Port' } },
    ],
    ['an address of which nothing is known is none', { 'address.locality': 'l' }, {}, {}],
    ['OIDC Core §5.3.2: an empty value is no claim', { name: 'cn', teams: 'ou' }, { cn: [''], ou: [''] }, {}],
    ['OIDC Core §5.2: a claim in another language', { 'name#de': 'cn' }, { cn: ['b', 'a'] }, { 'name#de': 'b' }],
    [
      'OIDC Core §5.1: fourteen claims of profile, thirteen of them text',
      Object.fromEntries([...profileTexts, 'updated_at'].map((claim) => [claim, claim.replaceAll('_', '-')])),
      {
        ...Object.fromEntries(profileTexts.map((claim) => [claim.replaceAll('_', '-'), [`the ${claim}`]])),
        'updated-at': ['20240102030405Z'],
      },
      {
        ...Object.fromEntries(profileTexts.map((claim) => [claim, `the ${claim}`])),
        updated_at: 1_704_164_645,
      },
    ],
    [
      'a number that is not verified is so',
      { phone_number: 'tel', phone_number_verified: 'v' },
      { tel: ['+64 1'], v: ['FALSE'] },
      { phone_number: '+64 1', phone_number_verified: false },
    ],
    [
      'a time is a number',
      { updated_at: 'modifyTimestamp' },
      { modifyTimestamp: ['20240102030405Z'] },
      { updated_at: 1_704_164_645 },
    ],
    ['what is no time is left out', { updated_at: 'cn' }, { cn: ['x'] }, {}],
    [
      'a verified number is a boolean',
      { phone_number_verified: 'v' },
      { v: ['TRUE'] },
      { phone_number_verified: true },
    ],
    ['email brings email_verified', { email: 'mail' }, { mail: ['a@x'] }, { email: 'a@x', email_verified: false }],
    ['no mail, no email_verified', { email: 'mail' }, {}, {}],
    ['bytes are no claim', { picture: 'photo' }, { photo: [Buffer.from('ffd8', 'hex')] }, {}],
  ])('%s', (_title, mapping, values, expected) => expect(claims(mapping, values)).toEqual(expected));

  it.each<[Parameters<typeof claimsOf>[1]['email_verified'], readonly string[], boolean]>([
    ['never', [], false],
    ['always', [], true],
    [{ attribute: 'v' }, ['TRUE'], true],
    [{ attribute: 'v' }, ['FALSE'], false],
    [{ attribute: 'v' }, ['true'], false],
    [{ attribute: 'v' }, ['TRUE', 'FALSE'], false],
    [{ attribute: 'v' }, [], false],
  ])('emailVerified %j of %j: %s', (rule, v, verified) =>
    expect(claims({ email: 'mail' }, { mail: ['a@x'], v }, rule)).toMatchObject({ email_verified: verified }),
  );

  it.each([
    ['20240102030405Z', 1_704_164_645],
    ['20240102030405.123Z', 1_704_164_645],
    ['000001010000Z', null],
    ['20241302030405Z', null],
    ['2024', null],
    ['20240102030405+0100', null],
  ])('GeneralizedTime %s', (text, seconds) => expect(secondsOf(text)).toBe(seconds));
});

describe('account states of OpenLDAP', () => {
  const now = 1_704_164_645;
  it.each<[string, Values, string]>([
    ['nothing set', {}, 'active'],
    ['locked for good', { pwdAccountLockedTime: ['000001010000Z'] }, 'locked'],
    ['locked for a while, or it was', { pwdAccountLockedTime: ['20200101000000Z'] }, 'locked'],
    ['reset', { pwdReset: ['TRUE'] }, 'must_change_password'],
    ['not reset', { pwdReset: ['FALSE'] }, 'active'],
    ['begins later', { pwdStartTime: ['20240102030406Z'] }, 'disabled'],
    ['has begun', { pwdStartTime: ['20240102030405Z'] }, 'active'],
    ['ends later', { pwdEndTime: ['20240102030406Z'] }, 'active'],
    ['has ended', { pwdEndTime: ['20240102030405Z'] }, 'expired'],
    ['an end that cannot be read', { pwdEndTime: ['soon'] }, 'expired'],
    ['a start that cannot be read', { pwdStartTime: ['soon'] }, 'disabled'],
    ['locked and reset', { pwdAccountLockedTime: ['000001010000Z'], pwdReset: ['TRUE'] }, 'locked'],
  ])('%s: %s', (_title, values, state) => expect(vendors.openldap.stateOf(entry(values), now, null)).toBe(state));

  const changed = (seconds: number) => ({
    pwdChangedTime: [`${new Date((now - seconds) * 1000).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`],
  });
  const used = (times: number) => ({
    pwdGraceUseTime: Array.from({ length: times }, (_, index) => `2024010203040${index}Z`),
  });
  it.each<[string, Values, Values, string]>([
    ['as old as it may become', changed(60), { pwdMaxAge: ['60'] }, 'active'],
    ['a second older', changed(61), { pwdMaxAge: ['60'] }, 'password_expired'],
    [
      'older, reset and begun later',
      { ...changed(61), pwdReset: ['TRUE'] },
      { pwdMaxAge: ['60'] },
      'must_change_password',
    ],
    ['of any age, says the policy', changed(61), { pwdMaxAge: ['0'] }, 'active'],
    ['of any age, as the policy does not say', changed(61), {}, 'active'],
    ['of an unknown age', {}, { pwdMaxAge: ['60'] }, 'active'],
    ['of an age that cannot be read', { pwdChangedTime: ['soon'] }, { pwdMaxAge: ['60'] }, 'password_expired'],
    ['older, with grace', { ...changed(61), ...used(1) }, { pwdMaxAge: ['60'], pwdGraceAuthnLimit: ['2'] }, 'active'],
    [
      'older, the grace used up',
      { ...changed(61), ...used(2) },
      { pwdMaxAge: ['60'], pwdGraceAuthnLimit: ['2'] },
      'password_expired',
    ],
    [
      'older, in the time of grace',
      changed(70),
      { pwdMaxAge: ['60'], pwdGraceAuthnLimit: ['2'], pwdGraceExpiry: ['10'] },
      'active',
    ],
    [
      'older, after the time of grace',
      changed(71),
      { pwdMaxAge: ['60'], pwdGraceAuthnLimit: ['2'], pwdGraceExpiry: ['10'] },
      'password_expired',
    ],
  ])('a password %s', (_title, values, policy, state) =>
    expect(vendors.openldap.stateOf(entry(values), now, entry(policy))).toBe(state),
  );
  it('only a lock with a beginning may be over', () => {
    const over = (values: Values) => vendors.openldap.mayBeOutlived(entry(values));
    expect([
      over({}),
      over({ pwdAccountLockedTime: ['000001010000Z'] }),
      over({ pwdAccountLockedTime: ['20200101000000Z'] }),
    ]).toEqual([false, false, true]);
  });
  it('a generic directory says nothing in its entries', () =>
    expect(vendors.generic.stateOf(entry({ pwdReset: ['TRUE'] }), now, null)).toBe('active'));
});
