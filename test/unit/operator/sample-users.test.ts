import type { LdapBindingStatus } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { sampleUsersInStatus } from '../../../operator/src/controllers/ldap-binding/samples.ts';
import type { SampleUser } from '../../../server/src/registry/index.ts';

type Shown = NonNullable<LdapBindingStatus['sampleUsers']>;

const nobody = (username: string): SampleUser => ({ username, outcome: 'nobody' });
const notFound = (username: string): Shown[number] => ({ username, outcome: 'NotFound' });

const ada = (more: Partial<Extract<SampleUser, { outcome: 'found' }>> = {}): SampleUser => ({
  username: 'ada',
  outcome: 'found',
  account: 'active',
  subject: 'u_ada',
  groups: ['finance', 'staff'],
  groupCount: 2,
  claims: ['email', 'groups'],
  rules: [{ rule: 'clerks', holds: true, why: 'is in finance' }],
  scopes: [
    { scope: 'orders:read', allowed: true, rules: ['clerks'], why: 'by rule clerks' },
    { scope: 'openid', allowed: true, rules: [], why: 'no rule names it' },
  ],
  ...more,
});

const inStatus = (
  found: Readonly<Record<string, readonly SampleUser[]>>,
  { names = ['ada'], shown = [] }: { names?: readonly string[] | undefined; shown?: Shown } = {},
) => sampleUsersInStatus({ names, shown, found: new Map(Object.entries(found)) });

describe('what replicas found of sample users, in status', () => {
  it('a user who was found', () => {
    expect(inStatus({ r1: [ada()] })).toEqual([
      {
        username: 'ada',
        outcome: 'Found',
        account: 'Active',
        subject: 'u_ada',
        groups: ['finance', 'staff'],
        groupCount: 2,
        claims: ['email', 'groups'],
        rules: [{ name: 'clerks', holds: true, why: 'is in finance' }],
        scopes: [
          { scope: 'orders:read', allowed: true, rules: ['clerks'], why: 'by rule clerks' },
          { scope: 'openid', allowed: true, why: 'no rule names it' },
        ],
      },
    ]);
  });

  it.each([
    ['nobody', 'NotFound'],
    ['several', 'Ambiguous'],
    ['not_asked', 'NotAsked'],
    ['unreadable', 'Unreadable'],
  ] as const)('%s is %s, and nothing more', (outcome, told) => {
    expect(inStatus({ r1: [{ username: 'ada', outcome }] })).toEqual([{ username: 'ada', outcome: told }]);
  });

  it.each([
    ['active', 'Active'],
    ['locked', 'Locked'],
    ['disabled', 'Disabled'],
    ['expired', 'Expired'],
    ['must_change_password', 'MustChangePassword'],
    ['password_expired', 'PasswordExpired'],
    ['outside_hours', 'OutsideHours'],
    ['a state of a newer server', undefined],
  ])('account %s is %s', (account, told) => {
    expect(inStatus({ r1: [ada({ account })] })[0]?.account).toBe(told);
  });

  it('empty lists are left out', () => {
    const [bare] = inStatus({ r1: [ada({ groups: [], groupCount: 0, claims: [], rules: [] })] });
    expect(Object.keys(bare ?? {})).toEqual(['username', 'outcome', 'account', 'subject', 'groupCount', 'scopes']);
  });

  it('names in the order of spec, and none that is not there any more', () => {
    const found = { r1: [nobody('ada'), nobody('grace'), nobody('alan')] };
    expect(inStatus(found, { names: ['grace', 'ada'] })).toEqual([notFound('grace'), notFound('ada')]);
    expect(sampleUsersInStatus({ names: undefined, found: new Map(), shown: [notFound('ada')] })).toEqual([]);
  });

  it('what is shown stays while no replica has an answer, or as long as one still finds it', () => {
    const shown = [notFound('ada')];
    expect(inStatus({}, { shown })).toEqual(shown);
    expect(inStatus({ r1: [] }, { shown })).toEqual(shown);
    expect(inStatus({ r1: [ada()], r2: [nobody('ada')] }, { shown })).toEqual(shown);
    expect(inStatus({ r2: [ada()], r1: [ada()] }, { shown })).toMatchObject([{ outcome: 'Found' }]);
  });

  it('where replicas disagree and none finds what is shown, the first by name decides, in whatever order they report', () => {
    for (const order of [
      ['r1', 'r2'],
      ['r2', 'r1'],
    ])
      expect(
        sampleUsersInStatus({
          names: ['ada'],
          shown: undefined,
          found: new Map(order.map((replica) => [replica, [replica === 'r1' ? nobody('ada') : ada()]])),
        }),
      ).toEqual([notFound('ada')]);
  });
});
