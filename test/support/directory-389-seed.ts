/** The people whom `startDirectory389` knows unless it is given others. */
export const suffix389 = 'dc=example,dc=net';

/** Everybody's password is `<uid>-password`. */
export const password389 = (uid: string): string => `${uid}-password`;
export const dn389 = (uid: string): string => `uid=${uid},ou=people,${suffix389}`;
export const groupDn389 = (cn: string): string => `cn=${cn},ou=groups,${suffix389}`;

const unit = (name: string) => `dn: ou=${name},${suffix389}
objectClass: organizationalUnit
ou: ${name}

`;

export const person389 = (uid: string, cn: string, more: readonly string[] = [], dn = dn389(uid)): string => `dn: ${dn}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${cn}
sn: ${cn.split(' ').at(-1)}
mail: ${uid}@example.net
userPassword: ${password389(uid)}
${more.map((line) => `${line}\n`).join('')}
`;

const group = (cn: string, members: readonly string[]) => `dn: ${groupDn389(cn)}
objectClass: groupOfUniqueNames
cn: ${cn}
${members.map((dn) => `uniqueMember: ${dn}\n`).join('')}
`;

export const seed389: string = [
  `dn: ${suffix389}
objectClass: domain
dc: example
aci: (targetattr="*")(version 3.0; acl "service accounts read"; allow (read, search, compare) userdn="ldap:///cn=nauthera,ou=services,${suffix389}";)

`,
  unit('people'),
  unit('groups'),
  unit('services'),
  `dn: cn=nauthera,ou=services,${suffix389}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: nauthera
userPassword: reads-people-and-groups

`,
  person389('ada', 'Ada Lovelace'),
  person389('grace', 'Grace Hopper'),
  person389('zoe', 'Zoe Miller'),
  group('engineering', [dn389('ada')]),
  group('staff', [groupDn389('engineering'), dn389('grace')]),
  group('company', [groupDn389('staff')]),
].join('');
