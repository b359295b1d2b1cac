import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountState, AccountWarning, AuthenticationOutcome } from '../../server/src/directory/directory.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type Directory389, startDirectory389 } from '../support/directory-389.ts';
import { dn389, password389, suffix389 } from '../support/directory-389-seed.ts';
import { replaced } from '../support/ldap-changes.ts';
import { type Samba, startSamba } from '../support/samba.ts';
import { domainDn, domainPassword, domainSuffix } from '../support/samba-seed.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';
import { authorizePath, signIn, World, webApp } from '../support/world.ts';

/** Vendor × state against the real servers: what the entry shows, and what a sign-in with the right password is told. */
interface Case {
  readonly title: string;
  /** LDIF that brings the state about, and that takes it back. */
  readonly set: string;
  readonly clear: string;
  /** The password is three days old. */
  readonly oldPassword?: true;
  /** Wrong passwords that are tried first. */
  readonly wrongTries?: number;
  /** What the entry shows before anybody binds, and what a later look at it shows when that differs. */
  readonly found: AccountState;
  readonly foundAfter?: AccountState;
  /** What the search of a sign-in sees of it, where that is less: it reads no policy, so that its work tells nothing. */
  readonly seenBySignIn?: 'credentials';
  /** `null`: let in. */
  readonly told: Exclude<AccountState, 'active'> | 'credentials' | null;
  readonly warnings?: readonly AccountWarning[];
}

interface Running {
  readonly registration: DirectoryRegistration;
  modify(ldif: string): Promise<void>;
  agePassword?(): Promise<void>;
  close(): Promise<void>;
}

interface Vendor {
  readonly name: string;
  start(): Promise<Running>;
  readonly password: string;
  readonly cases: readonly Case[];
}

const later = '20991231000000Z';
const past = '20200101000000Z';
/** Half a day from now: within any hour of warning that a policy below sets. */
const soon = () => `${new Date(Date.now() + 43_200_000).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`;

const zoe = seedDn('zoe');
const ofZoe = (attribute: string, ...values: string[]) => replaced(zoe, attribute, ...values);
const policy = (attribute: string, ...values: string[]) =>
  replaced(`cn=default,ou=policies,${seedSuffix}`, attribute, ...values);
/** A password that an administrator sets must be changed, says the policy. */
const asNew = ofZoe('userPassword', seedPassword('zoe')) + ofZoe('pwdReset');

const policyDn = (name: string) => `cn=${name},ou=policies,${seedSuffix}`;
const aPolicy = (name: string, ...lines: string[]) => `dn: ${policyDn(name)}
objectClass: person
objectClass: pwdPolicy
cn: ${name}
sn: ${name}
pwdAttribute: userPassword
${lines.map((line) => `${line}\n`).join('')}
`;
const policies =
  aPolicy('short', 'pwdMaxAge: 1') +
  aPolicy('short-with-grace', 'pwdMaxAge: 1', 'pwdGraceAuthnLimit: 100') +
  aPolicy('short-with-one-grace', 'pwdMaxAge: 1', 'pwdGraceAuthnLimit: 1') +
  aPolicy('long', 'pwdMaxAge: 86400');
const by = (name: string) => ofZoe('pwdPolicySubentry', policyDn(name)) + asNew;
const byNone = ofZoe('pwdPolicySubentry') + asNew;

const openldap: Vendor = {
  name: 'OpenLDAP',
  password: seedPassword('zoe'),
  async start() {
    const slapd: Slapd = await startSlapd();
    await slapd.add(policies);
    return { registration: registrationOf(slapd), modify: (ldif) => slapd.modify(ldif), close: () => slapd.close() };
  },
  cases: [
    { title: 'active', set: '', clear: '', found: 'active', told: null },
    {
      title: 'locked by an administrator',
      set: ofZoe('pwdAccountLockedTime', '000001010000Z'),
      clear: ofZoe('pwdAccountLockedTime'),
      found: 'locked',
      told: 'credentials',
    },
    {
      title: 'locked by wrong passwords',
      set: policy('pwdMaxFailure', '2'),
      clear: policy('pwdMaxFailure', '8') + ofZoe('pwdAccountLockedTime') + asNew,
      wrongTries: 2,
      found: 'locked',
      told: 'credentials',
    },
    {
      title: 'a lock that is over',
      set: ofZoe('pwdAccountLockedTime', past),
      clear: '',
      found: 'locked',
      foundAfter: 'active',
      told: null,
    },
    {
      title: 'before its time',
      set: ofZoe('pwdStartTime', later),
      clear: ofZoe('pwdStartTime'),
      found: 'disabled',
      told: 'credentials',
    },
    {
      title: 'after its time',
      set: ofZoe('pwdEndTime', past),
      clear: ofZoe('pwdEndTime'),
      found: 'expired',
      told: 'credentials',
    },
    {
      title: 'the password must be changed',
      set: ofZoe('pwdReset', 'TRUE'),
      clear: ofZoe('pwdReset'),
      found: 'must_change_password',
      told: 'must_change_password',
    },
    {
      title: 'the password has expired',
      set: policy('pwdMaxAge', '1') + asNew,
      clear: policy('pwdMaxAge') + asNew,
      // No entry shows it, and nobody has said which policy it follows from: it is told at the bind.
      found: 'active',
      told: 'password_expired',
    },
    {
      title: 'the password has expired, with grace',
      set: policy('pwdMaxAge', '1') + policy('pwdGraceAuthNLimit', '100') + asNew,
      clear: policy('pwdMaxAge') + asNew + policy('pwdGraceAuthNLimit'),
      found: 'active',
      told: null,
      warnings: ['password_grace'],
    },
    {
      title: 'the password has expired by the policy that the entry names',
      set: by('short'),
      clear: byNone,
      found: 'password_expired',
      seenBySignIn: 'credentials',
      told: 'password_expired',
    },
    {
      title: 'the password has expired by the policy that the entry names, with grace',
      set: by('short-with-grace'),
      clear: byNone,
      found: 'active',
      told: null,
      warnings: ['password_grace'],
    },
    {
      title: 'the password has expired by the policy that the entry names, and the grace is used up',
      set: by('short-with-one-grace'),
      clear: byNone,
      found: 'active',
      foundAfter: 'password_expired',
      seenBySignIn: 'credentials',
      told: 'password_expired',
    },
    {
      title: 'the password is younger than the policy lets it become',
      set: by('long'),
      clear: byNone,
      found: 'active',
      told: null,
    },
    {
      title: 'the password expires soon',
      set: policy('pwdMaxAge', '86400') + policy('pwdExpireWarning', '86399') + asNew,
      clear: policy('pwdMaxAge') + policy('pwdExpireWarning'),
      found: 'active',
      told: null,
      warnings: ['password_expires'],
    },
  ],
};

/**
 * The same server, taken for one that nobody knows: no entry shows a state, and a sign-in is told no more than whether the bind
 * was refused. One that the server lets bind, if only to change the password, is let in.
 */
const generic: Vendor = {
  name: 'Generic',
  password: openldap.password,
  async start() {
    const running = await openldap.start();
    return { ...running, registration: { ...running.registration, vendor: 'generic' } };
  },
  cases: openldap.cases.map(({ title, set, clear, wrongTries = 0, told }) => ({
    title,
    set,
    clear,
    wrongTries,
    found: 'active',
    told: told === null || told === 'must_change_password' ? null : 'credentials',
  })),
};

const titled = (...values: string[]) => ofZoe('title', ...values);

/** The same server once more: an attribute of the entry tells the state, as the registration says. */
const genericWithStatus: Vendor = {
  name: 'Generic with accountStatus',
  password: openldap.password,
  async start() {
    const running = await openldap.start();
    await running.modify(titled('in use'));
    return {
      ...running,
      registration: {
        ...running.registration,
        vendor: 'generic',
        account_status: {
          attribute: 'title',
          values: [
            { value: 'in use', state: 'active' },
            { value: 'by day', state: 'outside_hours' },
            { value: 'left', state: 'disabled' },
            { value: 'contract over', state: 'expired' },
            { value: 'shut', state: 'locked' },
            { value: 'set by the desk', state: 'must_change_password' },
            { value: 'too old', state: 'password_expired' },
          ],
          other_values: 'disabled',
          without_value: 'expired',
        },
      },
    };
  },
  cases: (
    [
      ['in use', ['in use'], 'active'],
      ['in use, in capitals', ['IN USE'], 'active'],
      ['left', ['left'], 'disabled'],
      ['contract over', ['contract over'], 'expired'],
      ['shut', ['shut'], 'locked'],
      ['set by the desk', ['set by the desk'], 'must_change_password'],
      ['too old', ['too old'], 'password_expired'],
      ['by day', ['by day'], 'outside_hours'],
      ['a value that nobody listed', ['sabbatical'], 'disabled'],
      ['a value with a letter that looks like another', ['in \u{1D42E}se'], 'disabled'],
      ['no value', [], 'expired'],
      ['two values', ['by day', 'in use'], 'outside_hours'],
      ['a value that nobody listed among others', ['in use', 'sabbatical'], 'disabled'],
    ] as const
  ).map(([title, values, state]) => ({
    title,
    set: titled(...values),
    clear: titled('in use'),
    found: state,
    told: state === 'active' ? null : state,
  })),
};

const domain = (attribute: string, ...values: string[]) => replaced(domainSuffix, attribute, ...values);
const inDomain = (attribute: string, ...values: (string | Buffer)[]) => replaced(domainDn('zoe'), attribute, ...values);

/** Less than a day is never, for Samba. */
const twoDays = '-1728000000000';

const activeDirectory: Vendor = {
  name: 'Active Directory',
  password: domainPassword('zoe'),
  async start() {
    const samba: Samba = await startSamba();
    return {
      registration: registrationOfSamba(samba),
      modify: (ldif) => samba.modify(ldif),
      agePassword: () => samba.agePassword(domainDn('zoe'), 3),
      close: () => samba.close(),
    };
  },
  cases: [
    { title: 'active', set: '', clear: '', found: 'active', told: null },
    {
      title: 'switched off',
      set: inDomain('userAccountControl', '514'),
      clear: inDomain('userAccountControl', '512'),
      found: 'disabled',
      told: 'disabled',
    },
    {
      title: 'the account has expired',
      set: inDomain('accountExpires', '132223104000000000'),
      clear: inDomain('accountExpires', '0'),
      found: 'expired',
      told: 'expired',
    },
    {
      title: 'the account expires later',
      set: inDomain('accountExpires', '157469184000000000'),
      clear: inDomain('accountExpires', '9223372036854775807'),
      found: 'active',
      told: null,
    },
    {
      title: 'locked by wrong passwords',
      set: domain('lockoutThreshold', '2'),
      clear: domain('lockoutThreshold', '0') + inDomain('lockoutTime', '0'),
      wrongTries: 2,
      found: 'locked',
      told: 'credentials',
    },
    {
      title: 'the password must be changed',
      set: inDomain('pwdLastSet', '0'),
      clear: inDomain('pwdLastSet', '-1'),
      found: 'must_change_password',
      told: 'must_change_password',
    },
    {
      title: 'the password has expired',
      set: domain('maxPwdAge', twoDays),
      oldPassword: true,
      clear: domain('maxPwdAge', '0') + inDomain('pwdLastSet', '0') + inDomain('pwdLastSet', '-1'),
      found: 'password_expired',
      told: 'password_expired',
    },
    {
      title: 'the password never expires',
      set: domain('maxPwdAge', twoDays) + inDomain('userAccountControl', '66048'),
      oldPassword: true,
      clear:
        domain('maxPwdAge', '0') +
        inDomain('userAccountControl', '512') +
        inDomain('pwdLastSet', '0') +
        inDomain('pwdLastSet', '-1'),
      found: 'active',
      told: null,
    },
    {
      title: 'outside its hours',
      set: inDomain('logonHours', Buffer.alloc(21)),
      clear: inDomain('logonHours'),
      found: 'outside_hours',
      told: 'outside_hours',
    },
    {
      title: 'at any hour',
      set: inDomain('logonHours', Buffer.alloc(21, 0xff)),
      clear: inDomain('logonHours'),
      found: 'active',
      told: null,
    },
  ],
};

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

const directory389: Vendor = {
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
};

/** What is read by whoever typed the right password, and is not let in. */
const words = {
  credentials: 'Username or password is not right.',
  locked: 'Your account cannot be used at this time.',
  disabled: 'Your account is switched off.',
  expired: 'Your account has expired.',
  outside_hours: 'Your account cannot be used at this time.',
  must_change_password: 'Your password has expired. Ask your administrator for a new one.',
  password_expired: 'Your password has expired. Ask your administrator for a new one.',
} as const;

describe.each([openldap, activeDirectory, directory389, generic, genericWithStatus])(
  'account states of $name',
  (vendor) => {
    const { password, cases } = vendor;
    let people: TestDirectories;
    let running: Running;
    let world: World;
    beforeAll(async () => {
      running = await vendor.start();
      people = openDirectories({ people: running.registration });
      world = await World.open({
        clients: [
          webApp(),
          webApp('shop.known', { consent: { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } }),
        ],
        directory: 'registered',
        directories: { 'shop/people': running.registration },
      });
    });
    afterAll(async () => {
      await world?.stop();
      await people?.[Symbol.asyncDispose]();
      await running?.close();
    });

    const right = () => people.login('zoe', password);
    const toldBy = (outcome: AuthenticationOutcome) => (outcome.outcome === 'accepted' ? null : outcome.reason);
    const modify = (ldif: string) => (ldif === '' ? Promise.resolve() : running.modify(ldif));

    /** Where a sign-in ends, or what is read there, and what the audit says of it. */
    const signsIn = async (typed: string, clientId = 'shop.web') => {
      await world.rows('TRUNCATE login_attempts, audit');
      const { problem, name } = await signIn(world.browser(), authorizePath({ client_id: clientId }), 'zoe', typed);
      const rows = await world.rows(`SELECT event, outcome, reason FROM audit WHERE event LIKE 'login.%'`);
      return [problem ?? name, ...rows];
    };

    it.each(cases)('$title: shows $found, tells $told', async (one) => {
      const { entryId } = await people.user('zoe');
      await modify(one.set);
      if (one.oldPassword === true) await running.agePassword?.();
      try {
        for (let round = 0; round < (one.wrongTries ?? 0); round += 1) await people.login('zoe', 'wrong');
        // An age of a second has to pass.
        await expect.poll(async () => (await people.user('zoe')).account).toBe(one.found);
        let outcome = await right();
        if (toldBy(outcome) !== one.told) {
          await expect.poll(async () => toldBy((outcome = await right()))).toBe(one.told);
        }
        if (one.warnings !== undefined) {
          await expect
            .poll(async () => ((outcome = await right()).outcome === 'accepted' ? outcome.user?.warnings : null))
            .toEqual(one.warnings);
        }
        const later = await people.port.lookup({ directory: 'shop/people', entryId }, never);
        expect(later?.account).toBe(one.foundAfter ?? one.found);
        expect(await people.login('zoe', 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });

        // On the page: words for people, which say no more to strangers, and the state itself in the audit.
        const failed = (reason: string) => ({ event: 'login.failed', outcome: 'refused', reason });
        const succeeded = { event: 'login.succeeded', outcome: 'success', reason: one.warnings?.[0] ?? null };
        const shown = one.seenBySignIn ?? (later?.account === 'active' ? 'credentials' : (later?.account ?? ''));
        const seen =
          one.told === null
            ? ['consent', succeeded]
            : [words[one.told], failed(one.told === 'credentials' ? shown : one.told)];
        await expect.poll(() => signsIn(password)).toEqual(seen);
        // Also where one row tells of the sign-in and of what was given.
        if (one.warnings !== undefined)
          await expect.poll(() => signsIn(password, 'shop.known')).toEqual(['continue', succeeded]);
        expect(await signsIn('wrong')).toEqual([words.credentials, failed(shown)]);
      } finally {
        await modify(one.clear);
      }
      await expect.poll(async () => toldBy(await right())).toBeNull();
    });
  },
);
