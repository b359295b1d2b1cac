/** What no schema of the library says, or says too dearly. */
import { describe, expect, it } from 'vitest';
import type { RegistrationKind } from '../../../server/src/registry/registration.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aClient, aScope, aServer } from '../../support/builders.ts';
import { aDirectory } from '../../support/world.ts';

const good: Readonly<Record<RegistrationKind, { id: string; value: object }>> = {
  server: { id: 'self', value: aServer() },
  client: { id: 'shop.web', value: aClient('shop.web').build() },
  scope: { id: 'read', value: aScope('read') },
  directory: { id: 'shop/people', value: aDirectory() },
};

const check = (kind: RegistrationKind, more: object): string | null =>
  checkRegistration(kind, good[kind].id, { ...good[kind].value, ...more });

describe('a registration', () => {
  it.each(Object.keys(good) as RegistrationKind[])('of a %s that is as it should be is accepted', (kind) =>
    expect(check(kind, {})).toBeNull(),
  );

  const twice = (one: unknown): readonly unknown[] => [one, one];
  it.each<[RegistrationKind, string, object]>([
    ['client', 'grant_types', { grant_types: twice('authorization_code') }],
    ['client', 'response_types', { response_types: twice('code') }],
    ['client', 'redirect_uris', { redirect_uris: twice('https://app.example.com/cb') }],
    ['client', 'scopes', { scopes: twice('openid') }],
    ['client', 'client_secret_digests', { client_secret_digests: twice('a'.repeat(43)) }],
    ['client', 'secret_notes.revoked', { secret_notes: { revoked: twice('a'.repeat(43)) } }],
    [
      'client',
      'service_accounts',
      {
        token_endpoint_auth_method: 'kubernetes_service_account',
        service_accounts: [
          { namespace: 'shop', name: 'web' },
          { name: 'web', namespace: 'shop' },
        ],
      },
    ],
    ['directory', 'servers', { servers: twice('ldaps://ldap.example.com') }],
    ['scope', 'audiences', { audiences: twice('https://api.example.com') }],
    ['server', 'signing.algorithms', { signing: { ...aServer().signing, algorithms: twice('RS256') } }],
    ['server', 'grant_types_supported', { grant_types_supported: twice('client_credentials') }],
  ])('of a %s is refused when %s holds something twice', (kind, place, more) =>
    expect(check(kind, more)).toBe(`${place} must not have duplicate items`),
  );

  it.each(['openid', null, { 0: 'openid' }])('is refused, and says why, when a list is %j', (scopes) =>
    expect(check('client', { scopes })).toBe('scopes must be array'),
  );

  it.each<[string, object]>([
    ['a text', { client_name: 'a\0b' }],
    ['a member of a list', { contacts: ['ops@example.com', 'a\ud800'] }],
    ['something deeper', { consent: { mode: '\udc00' } }],
    ['a name', { 'a\0': 1 }],
  ])('is refused when a character of %s cannot be stored', (_, more) =>
    expect(check('client', more)).toBe('it holds a character that cannot be stored (NUL, or half of a pair)'),
  );
});
