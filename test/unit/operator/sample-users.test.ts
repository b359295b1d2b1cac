import { kinds, type LdapBindingStatus } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { Problems } from '../../../crds/src/problem.ts';
import { walk } from '../../../crds/src/walk.ts';
import { sampleUsersInStatus } from '../../../operator/src/controllers/ldap-binding/samples.ts';
import { sampleOf } from '../../../server/src/directory/samples.ts';
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

  it('the same answer again changes nothing', () => {
    const found = { r1: [ada(), nobody('grace')], r2: [nobody('grace'), ada()] };
    const names = ['ada', 'grace'];
    const shown = [...inStatus(found, { names })];
    expect(inStatus(found, { names, shown })).toEqual(shown);
  });

  it('the largest report fits into what the schema of the status allows', () => {
    const many = (count: number, word: string) => Array.from({ length: count }, (_, at) => `${word}${at}`);
    const long = 'ü'.repeat(300);
    const user = {
      directory: 'shop/people',
      server: 'ldaps://a',
      subject: `u_${'s'.repeat(43)}`,
      entryId: 'id',
      username: 'ada',
      name: 'Ada',
      account: 'active',
      groups: [...many(300, long), '', 'a'].map((name) => ({ name, dn: 'cn=a' })),
      claims: Object.fromEntries(many(90, 'claim').map((name) => [name, 1])),
      rulesMatchedByFilter: [],
    } as const;
    const rules = {
      unlisted_scopes: 'allow' as const,
      vendor: 'openldap' as const,
      consent_rules: many(50, 'rule').map((name) => ({
        name,
        scopes: ['shared', ...many(49, `scope-of-${name}-`)],
        groups: many(50, long),
      })),
    };
    const names = many(5, 'n'.repeat(255));
    const found = new Map([['r1', names.map((name) => sampleOf(name, user, rules))]]);
    const status = { sampleUsers: sampleUsersInStatus({ names, found, shown: undefined }) };
    const problems = new Problems();
    const schema = kinds.LdapBinding.schema.properties?.['status'];
    if (schema === undefined) throw new Error('no schema of the status');
    walk(schema, { ...status, observedGeneration: 1, conditions: [] }, { path: 'status', problems });
    expect(problems.list).toEqual([]);
    expect(status.sampleUsers).toHaveLength(5);
    expect(JSON.stringify(status).length).toBeLessThan(200_000);
  });
});
