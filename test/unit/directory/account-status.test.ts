/** What an attribute tells of an account, and what counts when it tells less or more than one thing. */
import { describe, expect, it } from 'vitest';
import { accountStatus, strictest } from '../../../server/src/directory/ldap/account-status.ts';
import { type EntryReader, readEntry } from '../../../server/src/directory/ldap/entry.ts';
import { foldCase } from '../../../server/src/protocol/distinguished-name.ts';

const entry = (values: readonly (string | Buffer)[], type = 'status'): EntryReader =>
  readEntry({
    dn: 'cn=ada,dc=x',
    attributes: values.length === 0 ? [] : [{ type, values: values.map((value) => Buffer.from(value)) }],
  });

const status = accountStatus(
  {
    attribute: 'Status',
    values: [
      { value: 'active', state: 'active' },
      { value: 'by day', state: 'outside_hours' },
      { value: 'shut', state: 'locked' },
      { value: 'SHUT', state: 'disabled' },
    ],
    other_values: 'expired',
    without_value: 'must_change_password',
  },
  foldCase,
);

describe('an attribute that tells the state', () => {
  it.each<[string, readonly (string | Buffer)[], string]>([
    ['a value', ['active'], 'active'],
    ['a value in other letters', ['ACTIVE'], 'active'],
    ['a value that is listed twice: the stricter meaning', ['Shut'], 'disabled'],
    ['several values: the strictest', ['active', 'by day', 'shut'], 'disabled'],
    ['a value that is not listed', ['gone'], 'expired'],
    ['one that is not listed among others', ['active', 'gone'], 'expired'],
    ['an empty value', [''], 'expired'],
    ['a value with a space', ['active '], 'expired'],
    ['a value that is no text', [Buffer.from([0xff, 0xfe])], 'expired'],
    ['a value that is no text among others', ['active', Buffer.from([0xff, 0xfe])], 'expired'],
    ['a value with NUL', ['active\0'], 'expired'],
    ['no value', [], 'must_change_password'],
  ])('%s', (_title, values, state) => expect(status.stateOf(entry(values))).toBe(state));

  it('values that the directory shows in parts count as not listed, and as none', () =>
    expect(status.stateOf(entry(['active'], 'status;range=0-0'))).toBe('expired'));

  it('a value that looks like a listed one may shut, and opens nothing', () => {
    const open = accountStatus(
      {
        attribute: 'status',
        values: [
          { value: 'shut', state: 'disabled' },
          { value: 'active', state: 'active' },
        ],
        other_values: 'active',
        without_value: 'active',
      },
      foldCase,
    );
    expect(['\uff53\uff48\uff55\uff54', 'shut\u00a0', 'gone'].map((value) => open.stateOf(entry([value])))).toEqual([
      'disabled',
      'disabled',
      'active',
    ]);
    expect(status.stateOf(entry(['\uff41ctive']))).toBe('expired');
  });

  it('without one an account is active', () =>
    expect(accountStatus(undefined, foldCase).stateOf(entry(['shut']))).toBe('active'));
});

it('of two states the one counts that lets the user do less', () => {
  expect(strictest(['active', 'outside_hours'])).toBe('outside_hours');
  expect(strictest(['password_expired', 'disabled'])).toBe('disabled');
  expect(strictest([])).toBe('active');
});
