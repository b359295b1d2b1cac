/** PURE. 389 Directory Server (Red Hat Directory Server, FreeIPA) with its own password policy and its plug-in Account Policy. */
import { secondsOf } from '../claims.ts';
import type { EntryReader } from '../entry.ts';
import type { VendorProfile } from '../vendor.ts';

/** A lock until an administrator comes, and a password that has to be changed first. */
const epoch = 0;
/** A password that was changed since it was set, where passwords do not expire (`NOT_FIRST_TIME` of its source). */
const changedOnce = 1;

export const directory389: VendorProfile = {
  attributes: [
    'nsAccountLock',
    'accountUnlockTime',
    'passwordExpirationTime',
    'pwdReset',
    'passwordGraceUserTime',
    'acctPolicySubentry',
    'lastLoginTime',
    'createTimestamp',
  ],
  policyControl: true,
  domainScope: false,
  limitsByPage: false,
  policies: { namedBy: 'acctPolicySubentry', shows: 'objectClass', attributes: ['accountInactivityLimit'] },
  stateOf(entry, now, policy) {
    // Set on the entry, or computed from a role that is switched off.
    if (entry.texts('nsAccountLock').some((text) => text.toLowerCase() === 'true')) return 'disabled';
    if (policy !== null && isUnused(entry, now, policy)) return 'expired';
    const unlock = time(entry, 'accountUnlockTime');
    if (unlock !== null && (unlock === epoch || unlock > now)) return 'locked';
    const end = time(entry, 'passwordExpirationTime');
    if (end === epoch || entry.texts('pwdReset').includes('TRUE')) return 'must_change_password';
    if (end === null || end === changedOnce) return 'active';
    return end <= now && graceUses(entry) === 0 ? 'password_expired' : 'active';
  },
  warningsOf: (entry) => (graceUses(entry) > 0 ? ['password_grace'] : []),
  mayBeOutlived: (entry) =>
    (time(entry, 'accountUnlockTime') ?? epoch) !== epoch || (time(entry, 'passwordExpirationTime') ?? epoch) !== epoch,
  // "Inactivated" (53) and "retry limit" (19) are told to anybody, so they confirm nothing.
  confirmedBy: ({ code, policy }) => (code === 49 && policy === 'password_expired' ? 'password_expired' : null),
};

/** Epoch seconds; `null`: not there. A time that cannot be read has been set by somebody: it counts as {@link epoch}. */
function time(entry: EntryReader, attribute: string): number | null {
  if (entry.bytes(attribute).length === 0) return null;
  return secondsOf(entry.texts(attribute)[0] ?? '') ?? epoch;
}

/** Sign-ins with an expired password: it counts them only where it takes some. */
function graceUses(entry: EntryReader): number {
  const uses = Number(entry.texts('passwordGraceUserTime')[0] ?? 0);
  return Number.isSafeInteger(uses) ? uses : 0;
}

/** Nobody has signed in for longer than the policy lets an account rest; one that nobody ever used rests since it was made. */
function isUnused(entry: EntryReader, now: number, policy: EntryReader): boolean {
  const limit = policy.texts('accountInactivityLimit')[0];
  if (limit === undefined) return false;
  const since = time(entry, 'lastLoginTime') ?? time(entry, 'createTimestamp');
  // A limit that cannot be read has been set by somebody.
  return since !== null && !(/^\d{1,10}$/.test(limit) && now <= since + Number(limit));
}
