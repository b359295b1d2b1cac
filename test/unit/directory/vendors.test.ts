import { describe, expect, it } from 'vitest';
import { EntryProblem, readEntry } from '../../../server/src/directory/ldap/entry.ts';
import { vendors } from '../../../server/src/directory/ldap/vendor.ts';
import { primaryGroupOf } from '../../../server/src/directory/ldap/vendors/active-directory.ts';

type Values = Readonly<Record<string, readonly (string | Buffer)[]>>;

const entry = (values: Values) =>
  readEntry({
    dn: 'cn=ada,dc=x',
    attributes: Object.entries(values).map(([type, list]) => ({
      type,
      values: list.map((value) => Buffer.from(value)),
    })),
  });

/** Tuesday, 2 January 2024, 03:04:05 in UTC. */
const now = 1_704_164_645;
const fileTime = (seconds: number) => String((BigInt(seconds) + 11_644_473_600n) * 10_000_000n);
const computed = 'msDS-User-Account-Control-Computed';
const usual = { userAccountControl: ['512'], [computed]: ['0'] };

/** 168 hours from Sunday on, in which one is as given. */
const hours = (rest: boolean, hour: number, one: boolean) => {
  const bytes = Buffer.alloc(21, rest ? 0xff : 0);
  const bit = 1 << (hour & 7);
  const before = bytes[hour >> 3] ?? 0;
  bytes[hour >> 3] = one ? before | bit : before & ~bit;
  return bytes;
};
const tuesdayAtThree = 2 * 24 + 3;

describe('account states of Active Directory', () => {
  it.each<[string, Values, string]>([
    ['nothing set', {}, 'active'],
    ['switched off', { userAccountControl: ['514'] }, 'disabled'],
    ['switched off, and all else too', { userAccountControl: ['514'], [computed]: ['8388624'] }, 'disabled'],
    ['never expires', { accountExpires: ['9223372036854775807'] }, 'active'],
    ['never expires, as 0', { accountExpires: ['0'] }, 'active'],
    ['expires now', { accountExpires: [fileTime(now)] }, 'expired'],
    ['expires in a second', { accountExpires: [fileTime(now + 1)] }, 'active'],
    ['an end that cannot be read', { accountExpires: ['soon'] }, 'expired'],
    ['locked', { [computed]: ['16'], lockoutTime: [fileTime(now)] }, 'locked'],
    ['a lock that is over', { [computed]: ['0'], lockoutTime: [fileTime(now)] }, 'active'],
    ['reset', { [computed]: ['8388608'], pwdLastSet: ['0'] }, 'must_change_password'],
    ['too old', { [computed]: ['8388608'], pwdLastSet: [fileTime(now - 9)] }, 'password_expired'],
    ['never set, and never expires', { userAccountControl: ['66048'], pwdLastSet: ['0'] }, 'active'],
    ['in the hours', { logonHours: [hours(false, tuesdayAtThree, true)] }, 'active'],
    ['outside of the hours', { logonHours: [hours(true, tuesdayAtThree, false)] }, 'outside_hours'],
    ['an hour too early', { logonHours: [hours(false, tuesdayAtThree + 1, true)] }, 'outside_hours'],
    ['hours that cannot be read', { logonHours: [Buffer.alloc(20, 0xff)] }, 'outside_hours'],
  ])('%s: %s', (_title, values, state) =>
    expect(vendors.active_directory.stateOf(entry({ ...usual, ...values }), now, null)).toBe(state),
  );

  it.each<[string, Values, string, boolean]>([
    ['nothing set', {}, 'active', false],
    ['locked, and nobody knows for how long', { lockoutTime: [fileTime(now)] }, 'locked', true],
    ['no lock', { lockoutTime: ['0'] }, 'active', false],
    ['reset', { pwdLastSet: ['0'] }, 'must_change_password', false],
    ['reset, and never expires', { userAccountControl: ['66048'], pwdLastSet: ['0'] }, 'active', false],
  ])('without the computed flags, %s: %s', (_title, values, state, outlived) => {
    const read = entry({ userAccountControl: ['512'], ...values });
    expect(vendors.active_directory.stateOf(read, now, null)).toBe(state);
    expect(vendors.active_directory.mayBeOutlived(read)).toBe(outlived);
  });

  it('an entry that hides its flags tells nothing, so nobody is let in', () =>
    expect(() => vendors.active_directory.stateOf(entry({}), now, null)).toThrow(EntryProblem));

  it.each([
    ['533', 'disabled'],
    ['701', 'expired'],
    ['773', 'must_change_password'],
    ['532', 'password_expired'],
    ['530', 'outside_hours'],
    ['52e', null],
    ['525', null],
    // Told without a look at the password.
    ['775', null],
  ])('the word %s confirms %s', (word, state) => {
    const diagnostic = `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data ${word}, v1db1`;
    const answer = { code: 49, policy: null, warning: null, diagnostic };
    expect(vendors.active_directory.confirmedBy(answer)).toBe(state);
    expect(vendors.active_directory.confirmedBy({ ...answer, code: 53 })).toBeNull();
    expect(vendors.generic.confirmedBy(answer)).toBeNull();
  });

  it('the primary group has the SID of the domain and a number of its own', () => {
    const sid = (last: string) => Buffer.from(`010500000000000515000000aabbccddeeff0011223344${'55'}${last}`, 'hex');
    const values = { primaryGroupID: ['513'], objectSid: [sid('f4010000')] };
    expect(primaryGroupOf(entry(values))).toEqual(sid('01020000'));
    expect(primaryGroupOf(entry({ objectSid: values.objectSid }))).toBeNull();
    expect(primaryGroupOf(entry({ primaryGroupID: ['513'] }))).toBeNull();
  });
});

describe('account states of 389 Directory Server', () => {
  const profile = vendors['389ds'];
  it.each<[string, Values, string, readonly string[]]>([
    ['nothing set', {}, 'active', []],
    ['switched off', { nsAccountLock: ['TRUE'] }, 'disabled', []],
    ['not switched off', { nsAccountLock: ['false'] }, 'active', []],
    ['locked until an administrator comes', { accountUnlockTime: ['19700101000000Z'] }, 'locked', []],
    ['locked for a while', { accountUnlockTime: ['20240102030406Z'] }, 'locked', []],
    ['a lock that is over', { accountUnlockTime: ['20240102030405Z'] }, 'active', []],
    ['a lock that cannot be read', { accountUnlockTime: ['soon'] }, 'locked', []],
    ['to be changed', { passwordExpirationTime: ['19700101000000Z'] }, 'must_change_password', []],
    ['reset', { pwdReset: ['TRUE'] }, 'must_change_password', []],
    ['expired', { passwordExpirationTime: ['20240102030405Z'] }, 'password_expired', []],
    ['expires later', { passwordExpirationTime: ['20240102030406Z'] }, 'active', []],
    [
      'expired, with grace',
      { passwordExpirationTime: ['20240102030405Z'], passwordGraceUserTime: ['1'] },
      'active',
      ['password_grace'],
    ],
    [
      'expired, without grace',
      { passwordExpirationTime: ['20240102030405Z'], passwordGraceUserTime: ['0'] },
      'password_expired',
      [],
    ],
  ])('%s: %s', (_title, values, state, warnings) => {
    expect(profile.stateOf(entry(values), now, null)).toBe(state);
    expect(profile.warningsOf(entry(values))).toEqual(warnings);
  });
});

describe('a list in parts', () => {
  it('is told from a whole one', () => {
    const parts = entry({ 'memberOf;range=0-1499': ['cn=a'], cn: ['ada'] });
    expect([parts.inParts('memberof'), parts.inParts('cn'), parts.inParts('member')]).toEqual([true, false, false]);
    expect(entry({ memberOf: ['cn=a'] }).inParts('memberOf')).toBe(false);
  });
});
