/** What 389 Directory Server tells of accounts: of passwords, roles that lock, and accounts that nobody uses. */
import { type Directory389, startDirectory389 } from '../support/directory-389.ts';
import { dn389, password389, suffix389 } from '../support/directory-389-seed.ts';
import { replaced } from '../support/ldap-changes.ts';
import { registrationOf389 } from '../support/vendor-registrations.ts';
import { accountStates } from './directory-states.suite.ts';

const past = '20200101000000Z';
/** Half a day from now: within any hour of warning that a policy below sets. */
const soon = () => `${new Date(Date.now() + 43_200_000).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`;

const server = (attribute: string, ...values: string[]) => replaced('cn=config', attribute, ...values);
const in389 = (attribute: string, ...values: string[]) => replaced(dn389('zoe'), attribute, ...values);
const expiry = server('passwordExp', 'on') + server('passwordMaxAge', '86400000') + server('passwordWarning', '86400');
const noExpiry =
  server('passwordExp', 'off') +
  in389('passwordExpirationTime') +
  in389('passwordGraceUserTime') +
  in389('passwordExpWarned');

const policyOf389 = (name: string) => `cn=${name},${suffix389}`;
const accountPolicy = (name: string, limit: string) => `dn: ${policyOf389(name)}
objectClass: top
objectClass: ldapSubEntry
objectClass: extensibleObject
objectClass: accountPolicy
cn: ${name}
accountInactivityLimit: ${limit}

`;
const role = (name: string, kind: string, ...lines: string[]) => `dn: cn=${name},${suffix389}
objectClass: top
objectClass: ldapSubEntry
objectClass: nsRoleDefinition
objectClass: ${kind}
cn: ${name}
${lines.map((line) => `${line}\n`).join('')}
`;
/** As `dsidm … role lock` sets it up: who has one of the roles inside of another gets its lock by a class of service. */
const rolesThatLock = [
  role('nsManagedDisabledRole', 'nsSimpleRoleDefinition', 'objectClass: nsManagedRoleDefinition'),
  role('left', 'nsComplexRoleDefinition', 'objectClass: nsFilteredRoleDefinition', 'nsRoleFilter: (employeeType=left)'),
  role(
    'nsDisabledRole',
    'nsComplexRoleDefinition',
    'objectClass: nsNestedRoleDefinition',
    `nsRoleDN: cn=nsManagedDisabledRole,${suffix389}`,
    `nsRoleDN: cn=left,${suffix389}`,
  ),
  `dn: cn=nsAccountInactivationTmp,${suffix389}
objectClass: top
objectClass: nsContainer
cn: nsAccountInactivationTmp

dn: cn="cn=nsDisabledRole,${suffix389}",cn=nsAccountInactivationTmp,${suffix389}
objectClass: top
objectClass: extensibleObject
objectClass: costemplate
objectClass: ldapSubEntry
nsAccountLock: true
cosPriority: 0

dn: cn=nsAccountInactivation_cos,${suffix389}
objectClass: top
objectClass: ldapSubEntry
objectClass: cosSuperDefinition
objectClass: cosClassicDefinition
cn: nsAccountInactivation_cos
cosTemplateDn: cn=nsAccountInactivationTmp,${suffix389}
cosSpecifier: nsRole
cosAttribute: nsAccountLock operational

`,
].join('');

accountStates({
  name: '389 Directory Server',
  password: password389('zoe'),
  async start() {
    const directory: Directory389 = await startDirectory389();
    await directory.add(accountPolicy('year', '31536000') + accountPolicy('moment', '1') + rolesThatLock);
    return {
      registration: registrationOf389(directory),
      modify: (ldif) => directory.modify(ldif),
      close: () => directory.close(),
    };
  },
  cases: [
    { title: 'active', set: '', clear: '', found: 'active', told: null },
    {
      title: 'switched off',
      set: in389('nsAccountLock', 'true'),
      clear: in389('nsAccountLock'),
      found: 'disabled',
      told: 'credentials',
    },
    {
      title: 'switched on',
      set: in389('nsAccountLock', 'false'),
      clear: in389('nsAccountLock'),
      found: 'active',
      told: null,
    },
    {
      title: 'switched off by a role that it is given',
      set: in389('nsRoleDN', `cn=nsManagedDisabledRole,${suffix389}`),
      clear: in389('nsRoleDN'),
      found: 'disabled',
      told: 'credentials',
    },
    {
      title: 'switched off by a role that follows from its entry',
      set: in389('employeeType', 'left'),
      clear: in389('employeeType'),
      found: 'disabled',
      told: 'credentials',
    },
    {
      title: 'not used for longer than its policy allows',
      set: in389('acctPolicySubentry', policyOf389('year')) + in389('lastLoginTime', past),
      clear: in389('acctPolicySubentry') + in389('lastLoginTime'),
      found: 'expired',
      seenBySignIn: 'credentials',
      told: 'credentials',
    },
    {
      title: 'never used since it was made, for longer than its policy allows',
      set: in389('acctPolicySubentry', policyOf389('moment')) + in389('lastLoginTime'),
      clear: in389('acctPolicySubentry') + in389('lastLoginTime'),
      found: 'expired',
      seenBySignIn: 'credentials',
      told: 'credentials',
    },
    {
      title: 'used within the time of its policy',
      set: in389('acctPolicySubentry', policyOf389('year')),
      clear: in389('acctPolicySubentry') + in389('lastLoginTime'),
      found: 'active',
      told: null,
    },
    {
      title: 'locked by wrong passwords',
      set: server('passwordLockout', 'on') + server('passwordMaxFailure', '2'),
      clear: in389('accountUnlockTime') + in389('passwordRetryCount') + server('passwordLockout', 'off'),
      wrongTries: 2,
      found: 'locked',
      told: 'credentials',
    },
    {
      title: 'locked until an administrator comes',
      set: server('passwordLockout', 'on') + server('passwordMaxFailure', '2') + server('passwordUnlock', 'off'),
      clear:
        in389('accountUnlockTime') +
        in389('passwordRetryCount') +
        server('passwordLockout', 'off') +
        server('passwordUnlock', 'on'),
      wrongTries: 2,
      found: 'locked',
      told: 'credentials',
    },
    {
      title: 'a lock that is over',
      set: server('passwordLockout', 'on') + in389('passwordRetryCount', '3') + in389('accountUnlockTime', past),
      clear: in389('accountUnlockTime') + in389('passwordRetryCount') + server('passwordLockout', 'off'),
      found: 'active',
      told: null,
    },
    {
      title: 'the password must be changed',
      set: server('passwordMustChange', 'on') + in389('userPassword', password389('zoe')),
      clear:
        server('passwordMustChange', 'off') +
        in389('userPassword', password389('zoe')) +
        in389('passwordExpirationTime'),
      found: 'must_change_password',
      told: 'must_change_password',
    },
    {
      title: 'the password has expired',
      set: expiry + in389('passwordExpirationTime', past),
      clear: noExpiry,
      found: 'password_expired',
      told: 'password_expired',
    },
    {
      title: 'the password has expired, with grace',
      set: expiry + server('passwordGraceLimit', '100') + in389('passwordExpirationTime', past),
      clear: server('passwordGraceLimit', '0') + noExpiry,
      found: 'password_expired',
      foundAfter: 'active',
      told: null,
      warnings: ['password_grace'],
    },
    {
      title: 'the password expires soon',
      set: expiry + in389('passwordExpirationTime', soon()),
      clear: noExpiry,
      found: 'active',
      told: null,
      warnings: ['password_expires'],
    },
  ],
});
