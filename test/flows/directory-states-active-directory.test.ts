/** What Active Directory tells of accounts, as Samba does. */
import { replaced } from '../support/ldap-changes.ts';
import { type Samba, startSamba } from '../support/samba.ts';
import { domainDn, domainPassword, domainSuffix } from '../support/samba-seed.ts';
import { registrationOfSamba } from '../support/vendor-registrations.ts';
import { accountStates } from './directory-states.suite.ts';

const domain = (attribute: string, ...values: string[]) => replaced(domainSuffix, attribute, ...values);
const inDomain = (attribute: string, ...values: (string | Buffer)[]) => replaced(domainDn('zoe'), attribute, ...values);

/** Less than a day is never, for Samba. */
const twoDays = '-1728000000000';

accountStates({
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
});
