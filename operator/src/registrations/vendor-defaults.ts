/** PURE. Where things stand in an entry when an LdapBinding does not say so: each vendor's usual attributes. */
import type { LdapBindingSpec } from '@nauthera/crds';
import type { DirectoryRegistration } from '@nauthera/server/registry';

type Vendor = LdapBindingSpec['vendor'];

export interface VendorDefaults {
  readonly filter: string;
  readonly username: string;
  readonly subject: string;
  readonly displayName: string;
  /** Where groups are neither searched nor named. `undefined`: users are in no group then. */
  readonly memberOf: string | undefined;
  readonly claims: Record<string, string>;
}

const claims = (name: string, username: string): Record<string, string> => ({
  name,
  given_name: 'givenName',
  family_name: 'sn',
  preferred_username: username,
  email: 'mail',
});

const common: VendorDefaults = {
  filter: '(uid={})',
  username: 'uid',
  subject: 'entryUUID',
  displayName: 'cn',
  memberOf: undefined,
  claims: claims('cn', 'uid'),
};

const activeDirectory: VendorDefaults = {
  // Computers are users too, and people are of the category `person`.
  filter: '(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={})(userPrincipalName={})))',
  username: 'sAMAccountName',
  subject: 'objectGUID',
  displayName: 'displayName',
  memberOf: 'memberOf',
  claims: claims('displayName', 'sAMAccountName'),
};

export function vendorDefaults(vendor: Vendor): VendorDefaults {
  if (vendor === 'ActiveDirectory') return activeDirectory;
  return vendor === '389ds' ? { ...common, subject: 'nsUniqueId' } : common;
}

const names = {
  ActiveDirectory: 'active_directory',
  OpenLDAP: 'openldap',
  '389ds': '389ds',
  Generic: 'generic',
} as const satisfies Record<Vendor, DirectoryRegistration['vendor']>;

export function vendorName(vendor: Vendor): DirectoryRegistration['vendor'] {
  return names[vendor];
}
