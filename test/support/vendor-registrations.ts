/** Registrations of the real directories that are not OpenLDAP, as the operator makes them by default. */
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { usual } from './directories.ts';
import type { Directory389 } from './directory-389.ts';
import type { Samba } from './samba.ts';

/** Of the built-in people of `startSamba`. */
export function registrationOfSamba(samba: Samba, change: Partial<DirectoryRegistration> = {}): DirectoryRegistration {
  return {
    ...usual,
    servers: [samba.url],
    ca_bundle: samba.caPem,
    bind_dn: samba.bindDn,
    bind_password: samba.bindPassword,
    vendor: 'active_directory',
    subject_namespace: 'shop/domain',
    user_search: {
      base: samba.baseDn,
      scope: 'sub',
      filter: '(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={})(userPrincipalName={})))',
      attributes: { username: 'sAMAccountName', subject: 'objectGUID', display_name: 'displayName' },
    },
    member_of_attribute: 'memberOf',
    claims: { name: 'displayName', email: 'mail' },
    ...change,
  };
}

/** Of the built-in people of `startDirectory389`. */
export function registrationOf389(
  directory: Directory389,
  change: Partial<DirectoryRegistration> = {},
): DirectoryRegistration {
  return {
    ...usual,
    servers: [directory.url],
    ca_bundle: directory.caPem,
    bind_dn: directory.bindDn,
    bind_password: directory.bindPassword,
    vendor: '389ds',
    subject_namespace: 'shop/389',
    user_search: {
      base: `ou=people,${directory.baseDn}`,
      scope: 'sub',
      filter: '(uid={})',
      attributes: { username: 'uid', subject: 'nsUniqueId', display_name: 'cn' },
    },
    group_search: {
      base: `ou=groups,${directory.baseDn}`,
      scope: 'sub',
      filter: '(uniqueMember={})',
      attributes: { name: 'cn' },
    },
    claims: { name: 'cn', email: 'mail' },
    ...change,
  };
}
