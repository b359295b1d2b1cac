/** What a user's entry says of the account when more than one thing tells of it. */
import { expect, it } from 'vitest';
import { readEntry } from '../../../server/src/directory/ldap/entry.ts';
import { userReading } from '../../../server/src/directory/ldap/search.ts';
import { aDirectory } from '../../support/world.ts';

const reading = userReading(
  'shop/people',
  aDirectory({
    vendor: 'openldap',
    account_status: {
      attribute: 'employeeType',
      values: [{ value: 'gone', state: 'disabled' }],
      other_values: 'active',
      without_value: 'active',
    },
  }),
);
const from = { server: 'ldaps://ldap', now: 1_800_000_000, policy: null };
const entry = (values: Readonly<Record<string, string>>) =>
  readEntry({
    dn: 'uid=ada,dc=x',
    attributes: Object.entries(values).map(([type, value]) => ({ type, values: [Buffer.from(value)] })),
  });

it('a lock may be over when the password is right; what an attribute tells is not', () => {
  const locked = { pwdAccountLockedTime: '20200101000000Z' };
  expect(reading.mayBeOutlived(entry(locked), from)).toBe(true);
  expect(reading.mayBeOutlived(entry({ ...locked, employeeType: 'gone' }), from)).toBe(false);
});
