import { describe, expect, it } from 'vitest';
import { claimsForIdToken, claimsOfScope, releasedClaims } from '../../../server/src/protocol/claims.ts';

const known = {
  name: 'Ada',
  email: 'ada@example.com',
  email_verified: false,
  phone_number: '1',
  address: { formatted: 'Here' },
  groups: ['eng'],
  employee: 7,
};
const registered = (scope: string) => (scope === 'hr:staff' ? ['employee', 'name'] : undefined);
const released = (...scopes: string[]) => Object.keys(releasedClaims(scopes, registered, known, []));

describe('OIDC Core §5.4: claims', () => {
  it.each([
    [['openid'], []],
    [['openid', 'profile'], ['name']],
    [['email'], ['email', 'email_verified']],
    [['phone'], ['phone_number']],
    [['address'], ['address']],
    [['groups'], ['groups']],
    [['hr:staff'], ['employee', 'name']],
    [
      ['profile', 'hr:staff'],
      ['name', 'employee'],
    ],
    [['unknown'], []],
  ])('%j releases %j', (scopes, claims) => expect(released(...scopes)).toEqual(claims));

  it('people read a first name before a last name', () => {
    const names = { family_name: 'Lovelace', given_name: 'Ada', name: 'Ada Lovelace' };
    expect(Object.keys(releasedClaims(['profile'], registered, names, []))).toEqual([
      'name',
      'given_name',
      'family_name',
    ]);
  });

  it('a claim of an inherited name is none', () => {
    expect(releasedClaims(['x'], () => ['toString', '__proto__', 'constructor'], known, [])).toEqual({});
  });

  it.each(['constructor', 'toString', '__proto__'])(
    'a scope of the inherited name %s has its own claims alone',
    (scope) => {
      expect(claimsOfScope(scope, ['email'])).toEqual(['email']);
      expect(claimsOfScope(scope, undefined)).toEqual([]);
    },
  );

  it('what is withheld comes with no scope', () => {
    expect(releasedClaims(['profile', 'hr:staff'], registered, known, ['profile'])).toEqual({ employee: 7 });
  });

  it('the ID token carries what the client wants there, of what was released', () => {
    expect(claimsForIdToken(['groups', 'email', 'name'], { groups: ['eng'], name: 'Ada' })).toEqual({
      groups: ['eng'],
      name: 'Ada',
    });
  });
});
