/** What OpenLDAP tells of accounts, and what is left of that where nobody knows whose it is (`Generic`). */
import { registrationOf } from '../support/directories.ts';
import { replaced } from '../support/ldap-changes.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { accountStates, type Vendor } from './directory-states.suite.ts';

const later = '20991231000000Z';
const past = '20200101000000Z';

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

for (const vendor of [openldap, generic, genericWithStatus]) accountStates(vendor);
