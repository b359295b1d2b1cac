/** The people whom `startSlapd` knows unless it is given others. */
export const seedSuffix = 'dc=example,dc=org';

/** Everybody's password is `<uid>-password`. */
export const seedPassword = (uid: string): string => `${uid}-password`;
export const seedDn = (uid: string): string => `uid=${uid},ou=people,${seedSuffix}`;

const unit = (name: string) => `dn: ou=${name},${seedSuffix}
objectClass: organizationalUnit
ou: ${name}
`;

const person = (uid: string, cn: string, sn: string, more: readonly string[] = []) => `dn: ${seedDn(uid)}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${cn}
sn: ${sn}
displayName: ${cn}
mail: ${uid}@example.org
userPassword: ${seedPassword(uid)}
${more.map((line) => `${line}\n`).join('')}`;

const group = (cn: string, members: readonly string[]) => `dn: cn=${cn},ou=groups,${seedSuffix}
objectClass: groupOfNames
cn: ${cn}
${members.map((uid) => `member: ${seedDn(uid)}\n`).join('')}`;

export const seed: string = [
  `dn: ${seedSuffix}
objectClass: dcObject
objectClass: organization
dc: example
o: Example
`,
  unit('people'),
  unit('groups'),
  unit('services'),
  unit('policies'),
  `dn: cn=default,ou=policies,${seedSuffix}
objectClass: person
objectClass: pwdPolicy
cn: default
sn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 8
pwdLockoutDuration: 300
pwdMustChange: TRUE
`,
  `dn: cn=nauthera,ou=services,${seedSuffix}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: nauthera
userPassword: reads-people-and-groups
`,
  person('ada', 'Ada Lovelace', 'Lovelace', ['givenName: Ada', 'employeeType: staff', 'title: Chief of mechanisms']),
  person('grace', 'Grace Hopper', 'Hopper', ['givenName: Grace', 'employeeType: staff']),
  person('alan', 'Alan Turing', 'Turing', ['givenName: Alan', 'employeeType: apprentice']),
  person('zoe', 'Zoë Müller', 'Müller', ['employeeType: guest']),
  group('staff', ['ada', 'grace', 'alan']),
  group('finance', ['ada', 'grace']),
  group('engineering', ['alan', 'ada']),
].join('\n');
