import { describe, expect, it } from 'vitest';
import type { AccountState, DirectoryUser, LookedUp } from '../../../server/src/directory/directory.ts';
import type { ConsentRules } from '../../../server/src/directory/verify-consent.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';
import { judge, usersOf } from '../../../server/src/recheck/judge.ts';
import type { HeldGrant, HeldSession } from '../../../server/src/store/rechecks.ts';
import { aClient } from '../../support/builders.ts';

const claims = { name: 'Ada', groups: [] };
const session = (more: Partial<HeldSession> = {}): HeldSession => ({
  id: 's1',
  subject: 'u_ada',
  entryId: 'e1',
  username: 'ada',
  name: 'Ada',
  claims,
  ...more,
});
const grant = (more: Partial<HeldGrant> = {}): HeldGrant => ({
  id: 'g1',
  subject: 'u_ada',
  entryId: 'e1',
  username: 'ada',
  directory: 'shop/people',
  clientId: 'shop.web',
  clientUid: 'uid',
  scopes: ['openid', 'profile'],
  claims: { name: 'Ada' },
  idTokenClaims: {},
  asked: null,
  agreed: [],
  ...more,
});
const user = (more: Partial<DirectoryUser> = {}): DirectoryUser => ({
  directory: 'shop/people',
  server: 'ldaps://one',
  subject: 'u_ada',
  entryId: 'e1',
  username: 'ada',
  name: 'Ada',
  account: 'active',
  groups: [],
  claims: { name: 'Ada' },
  rulesMatchedByFilter: [],
  ...more,
});

const client = aClient('shop.web')
  .with({ scopes: ['openid', 'profile', 'email'] })
  .build();
const registered = {
  owner: { source: 'test', namespace: 'shop', name: 'web', uid: 'uid' },
  value: client,
  allowedBy: { generation: 3, policy: 'shop/policy' },
};
interface Circumstances {
  readonly isThere?: boolean;
  readonly groupsHidden?: boolean;
  readonly rules?: Partial<ConsentRules>;
}

function judged(
  found: LookedUp | undefined,
  grants: readonly HeldGrant[] = [grant()],
  { isThere = true, groupsHidden = false, rules = {} }: Circumstances = {},
) {
  return judge(usersOf({ sessions: [session()], grants }), new Map(found === undefined ? [] : [['e1', found]]), {
    directory: 'shop/people',
    rules: { consent_rules: [], unlisted_scopes: 'allow', vendor: 'openldap', ...rules },
    current: { client: () => (isThere ? registered : undefined), scope: () => undefined },
    askedAt: epochSeconds(1000),
    groupsHidden,
  });
}
const nothing = { leavers: [], unknown: 0, renewals: { sessions: [], grants: [], events: [] }, ruledOut: [] };

describe('what the word of the directory means', () => {
  it('nothing, where all is as it was', () => {
    expect(judged(user())).toEqual(nothing);
  });

  it.each<AccountState>(['disabled', 'locked', 'expired', 'must_change_password', 'password_expired'])(
    'an account that is %s: its user left',
    (account) => {
      expect(judged(user({ account }))).toEqual({
        ...nothing,
        leavers: [{ subject: 'u_ada', username: 'ada', reason: account }],
      });
    },
  );

  it('an entry that a complete search did not find: its user left', () => {
    expect(judged(undefined).leavers).toEqual([{ subject: 'u_ada', username: 'ada', reason: 'gone' }]);
  });

  it('outside the hours of the account nothing ends, and nothing is renewed', () => {
    expect(judged(user({ account: 'outside_hours', name: 'Ada L.' }))).toEqual(nothing);
  });

  it.each<[string, LookedUp]>([
    ['an entry that cannot be read', 'unreadable'],
    ['an entry whose subject is another one by now', user({ subject: 'u_other' })],
  ])('%s: nothing is known', (_, found) => {
    expect(judged(found)).toEqual({ ...nothing, unknown: 1 });
  });

  it.each<[string, readonly HeldGrant[], boolean]>([
    ['whose client is withdrawn just now', [grant()], false],
    ['of a client that was made anew under its id', [grant({ clientUid: 'older' })], true],
    ['of which every scope was taken from the client', [grant({ scopes: ['orders'] })], true],
  ])('a grant %s is left to those who decide about clients', (_, grants, isThere) => {
    expect(judged(user({ claims: { name: 'Ada L.' } }), grants, { isThere }).renewals.grants).toEqual([]);
  });

  it.each<[string, readonly string[], string]>([
    ['a scope', ['openid', 'profile'], 'consent.verified'],
    ['every scope', ['profile'], 'grant.ended'],
  ])('a grant that loses %s: what is told names the client as it was registered', (_, scopes, event) => {
    const rules = { consent_rules: [{ name: 'staff', scopes: ['profile'], groups: ['staff'] }] };
    const { renewals, ruledOut } = judged(user(), [grant({ scopes })], { rules });
    expect([...renewals.events, ...ruledOut.map((one) => one.event)]).toMatchObject([
      { event, clientId: 'shop.web', clientUid: 'uid', clientGeneration: 3, policy: 'shop/policy' },
    ]);
  });

  it('nothing, where the directory shows no group at all, but of who left', () => {
    const groupsHidden = true;
    expect(judged(user({ name: 'Ada L.' }), [grant()], { groupsHidden })).toEqual({ ...nothing, unknown: 1 });
    expect(judged(user({ account: 'locked' }), [grant()], { groupsHidden }).leavers).toHaveLength(1);
  });

  it('what the scopes release is renewed, and a scope that the client lost meanwhile stays its own matter', () => {
    const held = grant({ scopes: ['openid', 'orders', 'profile'] });
    const { renewals } = judged(user({ name: 'Ada L.', claims: { name: 'Ada L.' } }), [held]);
    expect(renewals.sessions).toEqual([{ id: 's1', name: 'Ada L.', claims: { name: 'Ada L.', groups: [] } }]);
    expect(renewals.grants).toEqual([
      {
        id: 'g1',
        was: held.scopes,
        scopes: held.scopes,
        claims: { name: 'Ada L.' },
        idTokenClaims: {},
        asked: null,
      },
    ]);
    expect(renewals.events).toEqual([]);
  });
});
