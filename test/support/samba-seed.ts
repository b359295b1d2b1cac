/** The people whom `startSamba` knows unless it is given others. */
export const domainSuffix = 'dc=ad,dc=example,dc=org';

/** Everybody's password is `<name>-password`. */
export const domainPassword = (name: string): string => `${name}-password`;
export const domainDn = (name: string): string => `cn=${name},ou=People,${domainSuffix}`;
export const domainGroupDn = (name: string): string => `cn=${name},ou=Groups,${domainSuffix}`;

/** As an attribute `unicodePwd` takes it: in quotes, UTF-16 with the low byte first. */
export const domainPasswordBytes = (password: string): Buffer => Buffer.from(`"${password}"`, 'utf16le');

const unit = (name: string) => `dn: ou=${name},${domainSuffix}
objectClass: organizationalUnit
ou: ${name}

`;

/** @param more further lines of the entry */
export const domainPerson = (
  name: string,
  displayName: string,
  more: readonly string[] = [],
  dn = domainDn(name),
): string =>
  `dn: ${dn}
objectClass: user
sAMAccountName: ${name}
userPrincipalName: ${name}@ad.example.org
displayName: ${displayName}
mail: ${name}@example.org
userAccountControl: 512
unicodePwd:: ${domainPasswordBytes(domainPassword(name)).toString('base64')}
${more.map((line) => `${line}\n`).join('')}
`;

export const domainGroup = (name: string, members: readonly string[]): string => `dn: ${domainGroupDn(name)}
objectClass: group
sAMAccountName: ${name}
${members.map((dn) => `member: ${dn}\n`).join('')}
`;

export const domainSeed: string = [
  unit('People'),
  unit('Groups'),
  `dn: cn=nauthera,cn=Users,${domainSuffix}
objectClass: user
sAMAccountName: nauthera
userAccountControl: 66048
unicodePwd:: ${domainPasswordBytes('reads-people-and-groups').toString('base64')}

`,
  domainPerson('ada', 'Ada Lovelace', ['givenName: Ada', 'sn: Lovelace', 'department: engineering']),
  domainPerson('grace', 'Grace Hopper', ['givenName: Grace', 'sn: Hopper']),
  domainPerson('zoe', 'Zoë Müller'),
  domainGroup('engineering', [domainDn('ada')]),
  domainGroup('staff', [domainGroupDn('engineering'), domainDn('grace')]),
  domainGroup('company', [domainGroupDn('staff')]),
].join('');
