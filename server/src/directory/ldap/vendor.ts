/** PURE. How each kind of directory says that an account may not be used. */
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { AccountState } from '../directory.ts';
import { secondsOf } from './claims.ts';
import type { EntryReader } from './entry.ts';

export interface VendorProfile {
  /** Operational attributes that hold the state; the service account must be able to read them. */
  readonly attributes: readonly string[];
  /** Ask for the password policy's word at each bind of a user. */
  readonly policyControl: boolean;
  /** @param now epoch seconds */
  stateOf(entry: EntryReader, now: number): AccountState;
  /**
   * Whether the state may be history: OpenLDAP removes an outlived lock only at the next bind that it lets pass, and the
   * length of a lock stands in a policy that the entry need not name.
   */
  mayBeOutlived(entry: EntryReader): boolean;
}

/** How an administrator locks an account for good (draft-behera-ldap-password-policy-10 §5.3.3). */
const forGood = '000001010000Z';

const openldap: VendorProfile = {
  attributes: ['pwdAccountLockedTime', 'pwdReset', 'pwdStartTime', 'pwdEndTime'],
  policyControl: true,
  stateOf(entry, now) {
    if (entry.bytes('pwdAccountLockedTime').length > 0) return 'locked';
    // A time that cannot be read has been set by somebody: it counts as over.
    const start = entry.texts('pwdStartTime')[0];
    if (start !== undefined && (secondsOf(start) ?? Number.POSITIVE_INFINITY) > now) return 'disabled';
    const end = entry.texts('pwdEndTime')[0];
    if (end !== undefined && (secondsOf(end) ?? Number.NEGATIVE_INFINITY) <= now) return 'expired';
    return entry.texts('pwdReset').includes('TRUE') ? 'must_change_password' : 'active';
  },
  mayBeOutlived: (entry) => {
    const since = entry.texts('pwdAccountLockedTime')[0];
    return since !== undefined && since !== forGood;
  },
};

/** A directory that we know nothing of says what it has to say when the user binds. */
const generic: VendorProfile = {
  attributes: [],
  policyControl: false,
  stateOf: () => 'active',
  mayBeOutlived: () => false,
};

export const vendors: Readonly<Record<DirectoryRegistration['vendor'], VendorProfile>> = { openldap, generic };
