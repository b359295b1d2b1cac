import { describe, expect, it } from 'vitest';
import { registerDirectory } from '../../../operator/src/registrations/directory.ts';
import { observed } from './resources.ts';

const registrationOf = (spec: Record<string, unknown>) =>
  registerDirectory({
    namespace: 'shop',
    name: 'people',
    spec: observed('LdapBinding', 'people', spec).spec,
    bindPassword: 'secret',
    caBundle: undefined,
  });

describe('what a binding leaves out follows its vendor', () => {
  const usual = { filter: '(uid={})', username: 'uid', display_name: 'cn', subject: 'entryUUID' };
  it.each<[string, string, Record<string, string>, string | undefined]>([
    ['OpenLDAP', 'openldap', usual, undefined],
    ['Generic', 'generic', usual, undefined],
    ['389ds', '389ds', { ...usual, subject: 'nsUniqueId' }, undefined],
    [
      'ActiveDirectory',
      'active_directory',
      {
        filter: '(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={})(userPrincipalName={})))',
        username: 'sAMAccountName',
        display_name: 'displayName',
        subject: 'objectGUID',
      },
      'memberOf',
    ],
  ])('%s', (vendor, name, { filter, ...attributes }, memberOf) => {
    const registered = registrationOf({ vendor });
    expect(registered).toMatchObject({ vendor: name, user_search: { filter, attributes } });
    expect(registered.member_of_attribute).toBe(memberOf);
    expect(registered.claims).toEqual({
      name: attributes.display_name,
      given_name: 'givenName',
      family_name: 'sn',
      preferred_username: attributes.username,
      email: 'mail',
    });
  });

  it('what it says counts, and a search for groups stands in place of memberOf', () => {
    const registered = registrationOf({
      vendor: 'ActiveDirectory',
      userSearch: { base: 'dc=example', attributes: { username: 'mail' } },
      groupSearch: { base: 'ou=groups,dc=example', nested: true },
      claims: [{ claim: 'email', attribute: 'mail' }],
    });
    expect(registered.user_search.attributes).toMatchObject({ username: 'mail', subject: 'objectGUID' });
    expect(registered.member_of_attribute).toBeUndefined();
    expect(registered.group_search).toMatchObject({ nested: true, filter: '(member={})' });
    expect(registered.claims).toEqual({ email: 'mail' });
  });
});
