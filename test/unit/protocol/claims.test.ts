import { describe, expect, it } from 'vitest';
import {
  claimsByName,
  claimsForIdToken,
  claimsOfScope,
  contextClaims,
  release,
  releasedClaims,
} from '../../../server/src/protocol/claims.ts';
import type { AskedClaims } from '../../../server/src/protocol/claims-request.ts';

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
    const inGerman = { ...known, 'name#de': 'Ada' };
    expect(releasedClaims(['hr:de'], () => ['name#de', 'employee'], inGerman, ['profile'])).toEqual({ employee: 7 });
  });

  it('the ID token carries what the client wants there, of what was released', () => {
    expect(claimsForIdToken(['groups', 'email', 'name'], { groups: ['eng'], name: 'Ada' })).toEqual({
      groups: ['eng'],
      name: 'Ada',
    });
  });
});

describe('OIDC Core §5.5: claims by name', () => {
  const asked: AskedClaims = {
    userinfo: { email: null, employee: null, nobody: null },
    id_token: { email: ['ada@example.com'], constructor: null },
    context: ['acr'],
  };
  const openOf = (scope: string) => (scope === 'hr:staff' ? ['employee'] : undefined);

  it('a claim comes through the scopes that name it and are open to the client, or not at all', () => {
    expect(claimsByName(asked, ['openid', 'email', 'hr:staff'], openOf)).toEqual([
      { name: 'email', scopes: ['email'] },
      { name: 'employee', scopes: ['hr:staff'] },
    ]);
    expect(claimsByName(asked, ['openid', 'constructor'], openOf)).toEqual([]);
  });

  const directory = { email: 'ada@example.com', employee: 7, name: 'Ada' };
  const of = (claims: readonly string[], request: AskedClaims | null = asked, scopes: readonly string[] = []) =>
    release({ scopes, withheld: [], claims }, request, openOf, directory);

  it('each goes where it was asked for, and nothing that was not confirmed', () => {
    expect(of(['email'])).toEqual({
      claims: { email: 'ada@example.com' },
      idTokenClaims: { email: 'ada@example.com' },
      asked: { userinfo: { email: null }, id_token: { email: ['ada@example.com'] }, context: ['acr'] },
    });
    expect(of(['employee']).claims).toEqual({ employee: 7 });
    expect(of(['employee']).idTokenClaims).toEqual({});
  });

  it('§5.5.1: a claim with another value than those asked for is left out', () => {
    const wishes = (values: readonly unknown[]): AskedClaims => ({
      userinfo: {},
      id_token: { email: values },
      context: [],
    });
    expect(of(['email'], wishes(['x', 'ada@example.com'])).idTokenClaims).toEqual({ email: 'ada@example.com' });
    expect(of(['email'], wishes(['eve@example.com'])).idTokenClaims).toEqual({});
    expect(of(['email'], wishes([])).idTokenClaims).toEqual({});
  });

  it('of a request of which nothing holds, nothing is kept', () => {
    expect(of([], null, ['email'])).toEqual({
      claims: { email: 'ada@example.com' },
      idTokenClaims: {},
      asked: null,
    });
    expect(of([], { ...asked, context: [] }).asked).toBeNull();
  });

  it('acr and amr say what was done, where they were asked for', () => {
    expect(contextClaims([])).toEqual({});
    expect(contextClaims(['amr'])).toEqual({ amr: ['pwd'] });
    expect(contextClaims(['acr'])).toEqual({
      acr: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
    });
  });
});
