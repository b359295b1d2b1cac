/** PURE. OpenLDAP with the overlay ppolicy (draft-behera-ldap-password-policy-10). */
import { secondsOf } from '../claims.ts';
import type { VendorProfile } from '../vendor.ts';

/** How an administrator locks an account for good (§5.3.3). */
const forGood = '000001010000Z';

/**
 * Whether a password has expired stands in no entry: it follows from a policy that the entry need not name. It is told at a
 * bind, to those who know it.
 */
export const openldap: VendorProfile = {
  attributes: ['pwdAccountLockedTime', 'pwdReset', 'pwdStartTime', 'pwdEndTime', 'pwdGraceUseTime'],
  policyControl: true,
  domainScope: false,
  limitsByPage: false,
  stateOf(entry, now) {
    if (entry.bytes('pwdAccountLockedTime').length > 0) return 'locked';
    // A time that cannot be read has been set by somebody: it counts as over.
    const start = entry.texts('pwdStartTime')[0];
    if (start !== undefined && (secondsOf(start) ?? Number.POSITIVE_INFINITY) > now) return 'disabled';
    const end = entry.texts('pwdEndTime')[0];
    if (end !== undefined && (secondsOf(end) ?? Number.NEGATIVE_INFINITY) <= now) return 'expired';
    return entry.texts('pwdReset').includes('TRUE') ? 'must_change_password' : 'active';
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
