/** PURE. OpenLDAP with the overlay ppolicy (draft-behera-ldap-password-policy-10). */
import { secondsOf } from '../claims.ts';
import type { EntryReader } from '../entry.ts';
import type { VendorProfile } from '../vendor.ts';

/** How an administrator locks an account for good (§5.3.3). */
const forGood = '000001010000Z';

/**
 * Whether a password has expired stands in no entry: it follows from a policy that the entry need not name. Where nobody knows
 * the policy it is told at a bind alone, to those who know the password.
 */
export const openldap: VendorProfile = {
  attributes: [
    'pwdAccountLockedTime',
    'pwdReset',
    'pwdStartTime',
    'pwdEndTime',
    'pwdGraceUseTime',
    'pwdChangedTime',
    'pwdPolicySubentry',
  ],
  policyControl: true,
  domainScope: false,
  limitsByPage: false,
  policies: {
    namedBy: 'pwdPolicySubentry',
    shows: 'pwdAttribute',
    attributes: ['pwdMaxAge', 'pwdGraceAuthnLimit', 'pwdGraceExpiry'],
  },
  stateOf(entry, now, policy) {
    if (entry.bytes('pwdAccountLockedTime').length > 0) return 'locked';
    // A time that cannot be read has been set by somebody: it counts as over.
    const start = entry.texts('pwdStartTime')[0];
    if (start !== undefined && (secondsOf(start) ?? Number.POSITIVE_INFINITY) > now) return 'disabled';
    const end = entry.texts('pwdEndTime')[0];
    if (end !== undefined && (secondsOf(end) ?? Number.NEGATIVE_INFINITY) <= now) return 'expired';
    if (entry.texts('pwdReset').includes('TRUE')) return 'must_change_password';
    return policy !== null && hasExpired(entry, now, policy) ? 'password_expired' : 'active';
  },
  warningsOf: (entry) => (entry.bytes('pwdGraceUseTime').length > 0 ? ['password_grace'] : []),
  // It removes an outlived lock only at the next bind that it lets pass, and how long a lock lasts stands in the policy.
  mayBeOutlived(entry) {
    const since = entry.texts('pwdAccountLockedTime')[0];
    return since !== undefined && since !== forGood;
  },
  // "Locked" is told to anybody, so it confirms nothing.
  confirmedBy: ({ code, policy }) => (code === 49 && policy === 'password_expired' ? 'password_expired' : null),
};

/** §7.2: a password without a time of its last change has no age, and what is left of the grace is sign-ins and a time. */
function hasExpired(entry: EntryReader, now: number, policy: EntryReader): boolean {
  const longest = wholeOf(policy, 'pwdMaxAge');
  const changed = entry.texts('pwdChangedTime')[0];
  if (longest === 0 || changed === undefined) return false;
  const end = (secondsOf(changed) ?? Number.NEGATIVE_INFINITY) + longest;
  if (now <= end) return false;
  const grace = wholeOf(policy, 'pwdGraceExpiry');
  const isGraceOver = grace > 0 && now > end + grace;
  return isGraceOver || entry.bytes('pwdGraceUseTime').length >= wholeOf(policy, 'pwdGraceAuthnLimit');
}

/** 0, as the policy means it: it sets no limit. */
function wholeOf(policy: EntryReader, attribute: string): number {
  const text = policy.texts(attribute)[0] ?? '0';
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
}
