import { describe, expect, it } from 'vitest';
import { registerDirectory } from '../../../operator/src/registrations/directory.ts';
import { accountStates } from '../../../server/src/protocol/terms.ts';
import { DirectoryRegistration } from '../../../server/src/registry/registration.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
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

describe('how the state of accounts is told', () => {
  it('left out, the registration says nothing of it: servers of the release before know no such field', () => {
    const registered = registrationOf({ vendor: 'Generic' });
    expect(Object.keys(registered)).not.toContain('account_status');
    expect(Object.keys(registered)).not.toContain('default_policy');
  });

  it('what is not listed, and what is not there, shuts an account unless the binding says otherwise', () => {
    const accountStatus = { attribute: 'status', values: [{ value: 'on', state: 'Active' }] };
    expect(registrationOf({ vendor: 'Generic', accountStatus }).account_status).toEqual({
      attribute: 'status',
      values: [{ value: 'on', state: 'active' }],
      other_values: 'disabled',
      without_value: 'disabled',
    });
  });

  it.each([
    ['Active', 'active'],
    ['Disabled', 'disabled'],
    ['Expired', 'expired'],
    ['Locked', 'locked'],
    ['MustChangePassword', 'must_change_password'],
    ['PasswordExpired', 'password_expired'],
    ['OutsideHours', 'outside_hours'],
  ])('%s is registered as %s, which the server reads', (state, registered) => {
    const value = registrationOf({
      vendor: 'OpenLDAP',
      accountStatus: {
        attribute: 'status',
        values: [{ value: 'x', state }],
        otherValues: state,
        withoutValue: state,
        defaultPolicy: 'cn=default,dc=example',
      },
    });
    expect(value).toMatchObject({
      account_status: {
        values: [{ value: 'x', state: registered }],
        other_values: registered,
        without_value: registered,
      },
      default_policy: 'cn=default,dc=example',
    });
    expect(checkRegistration('directory', 'shop/people', value)).toBeNull();
  });

  it('a registration that an operator without the field wrote is read as before', () =>
    expect(checkRegistration('directory', 'shop/people', registrationOf({ vendor: 'Generic' }))).toBeNull());

  it('the states of the registry are those of the directory room', () => {
    const state = DirectoryRegistration.properties.account_status.properties.other_values;
    expect([...state.enum].toSorted()).toEqual([...accountStates].toSorted());
  });
});
