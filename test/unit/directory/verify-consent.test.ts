import { describe, expect, it } from 'vitest';
import type { AccountState, DirectoryUser } from '../../../server/src/directory/directory.ts';
import {
  type ConsentQuestion,
  type ConsentRules,
  VerifiedConsent,
  verifyConsent,
} from '../../../server/src/directory/verify-consent.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';

const group = (name: string) => ({ name, dn: `cn=${name},ou=groups,dc=example` });

function aUser(change: Partial<DirectoryUser> = {}): DirectoryUser {
  return {
    directory: 'identity/people',
    server: 'ldaps://ldap.example',
    subject: 'u_1',
    entryId: '1',
    username: 'ada',
    name: 'Ada',
    account: 'active',
    groups: [group('staff')],
    claims: {},
    rulesMatchedByFilter: [],
    ...change,
  };
}

function aRule(scopes: string[], change: Partial<ConsentRules['consent_rules'][number]> = {}) {
  return { name: scopes.join('+'), scopes, groups: [], ...change };
}

interface Case {
  readonly user?: Partial<DirectoryUser> | null;
  readonly rules?: ConsentRules['consent_rules'];
  readonly unlisted?: 'allow' | 'deny';
  readonly vendor?: ConsentRules['vendor'];
  readonly ask?: Partial<ConsentQuestion>;
}

function verify({ user = {}, rules = [], unlisted = 'allow', vendor = 'openldap', ask = {} }: Case) {
  return verifyConsent(
    user === null ? null : aUser(user),
    { consent_rules: rules, unlisted_scopes: unlisted, vendor },
    {
      grantId: 'g',
      clientId: 'shop.web',
      accessGroups: [],
      onRefusedScope: 'drop',
      scopes: ['openid', 'orders:read'],
      askedAt: epochSeconds(1_700_000_000),
      ...ask,
    },
  );
}

/** What is left of it: confirmed scopes, or the reason. */
function answer(one: Case) {
  const verification = verify(one);
  return verification.outcome === 'verified' ? verification.consent.scopes.join(' ') : verification.reason;
}

describe('the account', () => {
  it.each<AccountState>(['locked', 'disabled', 'expired', 'must_change_password', 'password_expired'])(
    '%s confirms nothing, and is the word for it',
    (account) => expect(answer({ user: { account } })).toBe(account),
  );
  it('outside its hours confirms nothing, and is nobody who left', () =>
    expect(answer({ user: { account: 'outside_hours' } })).toBe('outside_hours'));
  it('that nobody found confirms nothing', () => expect(answer({ user: null })).toBe('gone'));
  it('is looked at before membership and rules', () =>
    expect(answer({ user: { account: 'locked' }, ask: { accessGroups: ['other'], scopes: [] } })).toBe('locked'));
});

describe('access.groups', () => {
  it.each<[string, string[], Partial<DirectoryUser>, boolean]>([
    ['none listed: everybody', [], {}, true],
    ['one of them, by name', ['other', 'staff'], {}, true],
    ['in another case', ['STAFF'], {}, true],
    ['by DN, in another spelling', ['CN=Staff, ou=groups,dc=example'], {}, true],
    ['a group of the same name elsewhere, asked for by DN', ['cn=staff,ou=other,dc=example'], {}, false],
    ['no group at all', ['staff'], { groups: [] }, false],
    ['part of a name', ['sta'], {}, false],
    [
      'a group whose name reads like the DN asked for',
      ['cn=admins,ou=groups,dc=example'],
      { groups: [{ name: 'cn=admins,ou=groups,dc=example', dn: 'cn=cn\\=admins\\,ou\\=groups\\,dc\\=example,dc=x' }] },
      false,
    ],
    ['a name that holds a filter', ['staff'], { groups: [group(')(cn=staff')] }, false],
  ])('%s', (_title, accessGroups, user, member) =>
    expect(answer({ user, ask: { accessGroups } })).toBe(member ? 'openid orders:read' : 'not_a_member'),
  );
});

describe('F13: a group whose name looks like the one asked for', () => {
  const apart = ['active_directory', '389ds', 'generic'] as const;
  const pairs = [
    ['ｓtaff', 'staff'],
    ['ﬁrst', 'first'],
    ['\u212Aelvin', 'kelvin'],
    ['Zoe\u0308', 'Zoë'],
  ] as const;
  const outcomes = (vendor: ConsentRules['vendor'], own: string, wanted: string) =>
    [wanted, group(wanted).dn].map((text) =>
      answer({
        user: { groups: [group(own)] },
        vendor,
        rules: [aRule(['orders:read'], { groups: [text] })],
      }),
    );

  it.each(pairs)('%s, %s: another one where directories hold them apart', (own, wanted) => {
    for (const vendor of apart) {
      expect(outcomes(vendor, own, wanted)).toEqual(['openid', 'openid']);
      expect(outcomes(vendor, wanted, own)).toEqual(['openid', 'openid']);
      expect(outcomes(vendor, own, own)).toEqual(['openid orders:read', 'openid orders:read']);
    }
  });
  it.each(pairs)('%s, %s: the same where the directory prepares names', (own, wanted) =>
    expect(outcomes('openldap', own, wanted)).toEqual(['openid orders:read', 'openid orders:read']),
  );
  const spaces = [
    ['staff\u00a0', 'staff', true],
    ['\u3000staff', 'staff', true],
    ['night\u2003staff', 'night staff', true],
    ['night  staff', 'night staff', true],
    ['staff\t', 'staff', false],
    ['\ufeffstaff', 'staff', false],
    ['staff\u2028', 'staff', false],
    ['staff\r\n', 'staff', false],
    ['night\tstaff', 'night staff', false],
  ] as const;
  it.each(spaces)(
    'white space is part of the name, but for what the directory prepares: %j, %j',
    (own, wanted, isPrepared) => {
      for (const vendor of apart) expect(outcomes(vendor, own, wanted)).toEqual(['openid', 'openid']);
      const ours = isPrepared ? 'openid orders:read' : 'openid';
      expect(outcomes('openldap', own, wanted)).toEqual([ours, ours]);
    },
  );
  it.each([
    ['\u{1F130}dmins', 'admins'],
    ['\u{1D400}dmins', 'admins'],
    ['\u2102lub', 'club'],
    ['\u13A0', '\uAB70'],
    ['\u1E9E', 'ß'],
    ['οδος', 'ΟΔΟΣ'],
  ])('what only newer tables hold for the same letter is another: %s, %s', (own, wanted) => {
    for (const vendor of [...apart, 'openldap'] as const)
      for (const [one, other] of [
        [own, wanted],
        [wanted, own],
      ] as const)
        expect(outcomes(vendor, one, other)).toEqual(['openid', 'openid']);
  });
  it.each([...apart, 'openldap'] as const)('in another case it is the same one: %s', (vendor) => {
    for (const [own, wanted] of [
      ['Zoë', 'ZOË'],
      ['staff', 'STAFF'],
      ['Ｓtaff', 'ｓtaff'],
    ] as const)
      expect(outcomes(vendor, own, wanted)).toEqual(['openid orders:read', 'openid orders:read']);
  });
});

describe('consentRules', () => {
  const read = (change = {}) => aRule(['orders:read'], change);

  it.each<[string, Case, string]>([
    ['a rule without conditions holds for everybody', { rules: [read()] }, 'openid orders:read'],
    ['groups: one of them is enough', { rules: [read({ groups: ['x', 'staff'] })] }, 'openid orders:read'],
    ['groups: none of them', { rules: [read({ groups: ['x'] })] }, 'openid'],
    ['filter: not matched', { rules: [read({ filter: '(a=b)' })] }, 'openid'],
    [
      'filter: matched',
      { rules: [read({ filter: '(a=b)' })], user: { rulesMatchedByFilter: ['orders:read'] } },
      'openid orders:read',
    ],
    [
      'inside a rule conditions are AND: filter without group',
      { rules: [read({ filter: '(a=b)', groups: ['x'] })], user: { rulesMatchedByFilter: ['orders:read'] } },
      'openid',
    ],
    [
      'inside a rule conditions are AND: group without filter',
      { rules: [read({ filter: '(a=b)', groups: ['staff'] })] },
      'openid',
    ],
    [
      'rules that name the same scope are OR',
      { rules: [read({ name: 'one', groups: ['x'] }), read({ name: 'two', groups: ['staff'] })] },
      'openid orders:read',
    ],
    ['a rule about another scope says nothing', { rules: [aRule(['orders:write'])], unlisted: 'deny' }, 'openid'],
    ['unlisted: allow', { unlisted: 'allow' }, 'openid orders:read'],
    ['unlisted: deny', { unlisted: 'deny' }, 'openid'],
    [
      'unlisted: deny, for built-in scopes too',
      { unlisted: 'deny', ask: { scopes: ['openid', 'email', 'offline_access'] } },
      'openid',
    ],
    [
      'openid is refused only by a rule that names it',
      { rules: [aRule(['openid'], { groups: ['x'] })] },
      'orders:read',
    ],
    [
      'a built-in scope obeys a rule that names it',
      { rules: [aRule(['email'], { groups: ['x'] })], ask: { scopes: ['openid', 'email'] } },
      'openid',
    ],
  ])('%s', (_title, one, expected) => expect(answer(one)).toBe(expected));

  it('the order asked is kept', () => expect(answer({ ask: { scopes: ['z', 'openid', 'a'] } })).toBe('z openid a'));
});

describe('onRefusedScope', () => {
  const rules = [aRule(['orders:read'], { groups: ['x'] })];
  it('Drop leaves the scope out', () => expect(answer({ rules })).toBe('openid'));
  it('Deny ends the request', () => expect(answer({ rules, ask: { onRefusedScope: 'deny' } })).toBe('scope_refused'));
  it('Deny without a refusal ends nothing', () =>
    expect(answer({ ask: { onRefusedScope: 'deny' } })).toBe('openid orders:read'));
  it('nothing left ends the request', () =>
    expect(answer({ rules, ask: { scopes: ['orders:read'] } })).toBe('scope_refused'));
  it('nothing asked is nothing refused', () => expect(answer({ ask: { scopes: [] } })).toBe(''));
});

describe('what is kept of it', () => {
  it('names the rules that allowed, and for each refused scope those that name it', () => {
    const verification = verify({
      rules: [
        aRule(['a'], { name: 'first', groups: ['x'] }),
        aRule(['a', 'b'], { name: 'second' }),
        aRule(['c'], { name: 'third', groups: ['x'] }),
      ],
      unlisted: 'deny',
      ask: { scopes: ['a', 'b', 'c', 'd'] },
    });
    if (verification.outcome !== 'verified') throw new Error('refused');
    expect(verification.consent).toMatchObject({
      grantId: 'g',
      clientId: 'shop.web',
      askedAt: 1_700_000_000,
      scopes: ['a', 'b'],
      rules: ['second'],
      refused: [
        { scope: 'c', rules: ['third'] },
        { scope: 'd', rules: [] },
      ],
    });
  });

  it('only verifyConsent makes a VerifiedConsent', () => {
    const verification = verify({});
    if (verification.outcome !== 'verified') throw new Error('refused');
    expect(VerifiedConsent.is(verification.consent)).toBe(true);
    expect(VerifiedConsent.is(Object.assign({}, verification.consent))).toBe(false);
    expect(Object.keys(VerifiedConsent)).toEqual([]);
  });
});

describe('claims by name', () => {
  const claims = [
    { name: 'email', scopes: ['email'] },
    { name: 'groups', scopes: ['groups', 'shop:all'] },
    { name: 'employee', scopes: ['hr:staff'] },
  ];
  const confirmed = (one: Case): readonly string[] => {
    const verification = verify({ ...one, ask: { scopes: ['openid'], claims } });
    return verification.outcome === 'verified' ? verification.consent.claims : [verification.reason];
  };
  const refusing = (scope: string) => aRule([scope], { groups: ['nobody'] });

  it.each<[string, Case, readonly string[]]>([
    ['no rule names their scopes', {}, ['email', 'groups', 'employee']],
    ['the rule of a scope of ours refuses its claims', { rules: [refusing('email')] }, ['groups', 'employee']],
    ['no other scope helps around it', { rules: [refusing('groups')] }, ['email', 'employee']],
    ['the rule of a Scope refuses what it alone names', { rules: [refusing('hr:staff')] }, ['email', 'groups']],
    ['a Scope among several', { rules: [refusing('shop:all')] }, ['email', 'groups', 'employee']],
    ['a rule that holds', { rules: [aRule(['hr:staff'], { groups: ['staff'] })], unlisted: 'deny' }, ['employee']],
    ['unlisted scopes are denied', { unlisted: 'deny' }, []],
  ])('%s: a claim is what its scope is', (_title, one, expected) => expect(confirmed(one)).toEqual(expected));

  it('in another language it is the same claim', () => {
    const asked = { scopes: ['openid'], claims: [{ name: 'email#de', scopes: ['shop:all'] }] };
    const given = (rules: Case['rules'] = []) => verify({ rules, ask: asked });
    expect(given()).toMatchObject({ consent: { claims: ['email#de'] } });
    expect(given([refusing('email')])).toMatchObject({ consent: { claims: [] } });
  });
});
