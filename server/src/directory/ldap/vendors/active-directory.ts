/** PURE. Active Directory, Samba's included: attributes and flags as in MS-ADA1 to MS-ADA3 and MS-ADTS §2.2.16. */
import type { AccountState } from '../../directory.ts';
import { EntryProblem, type EntryReader } from '../entry.ts';
import type { VendorProfile } from '../vendor.ts';

const flag = { disabled: 0x2, lockedOut: 0x10, passwordNeverExpires: 0x1_0000, passwordExpired: 0x80_0000 };
/** Flags as of now: the domain's policy on locks and the age of passwords is applied already. */
const computed = 'msDS-User-Account-Control-Computed';

export const activeDirectory: VendorProfile = {
  attributes: ['userAccountControl', computed, 'accountExpires', 'pwdLastSet', 'lockoutTime', 'logonHours'],
  policyControl: false,
  domainScope: true,
  limitsByPage: true,
  policies: null,
  stateOf(entry, now) {
    const control = number(entry, 'userAccountControl');
    if (control === null) throw new EntryProblem('an entry shows no readable userAccountControl');
    if ((control & flag.disabled) !== 0) return 'disabled';
    if (isOver(entry, now)) return 'expired';
    const current = number(entry, computed);
    const locked = current === null ? hasBeenLocked(entry) : (current & flag.lockedOut) !== 0;
    if (locked) return 'locked';
    const passwordState = stateOfPassword(entry, control, current);
    if (passwordState !== 'active') return passwordState;
    return isWithinHours(entry.bytes('logonHours'), now) ? 'active' : 'outside_hours';
  },
  warningsOf: () => [],
  // Without the computed flags nobody can tell whether a lock still holds.
  mayBeOutlived: (entry) => number(entry, computed) === null && hasBeenLocked(entry),
  confirmedBy({ code, diagnostic }) {
    if (code !== 49) return null;
    const word = /\bdata ([\da-f]{1,8}), v[\da-f]+\b/i.exec(diagnostic)?.[1]?.toLowerCase();
    return word === undefined ? null : (told.get(word) ?? null);
  },
};

/**
 * What it says of an account after it found the password right (system error codes 1328, 1330, 1331, 1793, 1907). It says
 * "locked out" (775) without looking at the password.
 */
const told: ReadonlyMap<string, Exclude<AccountState, 'active'>> = new Map([
  ['530', 'outside_hours'],
  ['532', 'password_expired'],
  ['533', 'disabled'],
  ['701', 'expired'],
  ['773', 'must_change_password'],
]);

/** `null`: it is not there, or no whole number. */
function number(entry: EntryReader, attribute: string): number | null {
  const [text, ...more] = entry.texts(attribute);
  return text !== undefined && more.length === 0 && /^-?\d{1,10}$/.test(text) ? Number(text) : null;
}

/** Tenths of microseconds since 1601 (MS-DTYP §2.3.3). `null`: it is not there; what cannot be read is `unreadable`. */
function time(entry: EntryReader, attribute: string): bigint | 'unreadable' | null {
  const [text] = entry.texts(attribute);
  if (text === undefined) return entry.bytes(attribute).length === 0 ? null : 'unreadable';
  return /^\d{1,19}$/.test(text) ? BigInt(text) : 'unreadable';
}

const never = 0x7fff_ffff_ffff_ffffn;
const epoch = 11_644_473_600n;

function isOver(entry: EntryReader, now: number): boolean {
  const end = time(entry, 'accountExpires');
  if (end === 'unreadable') return true;
  return end !== null && end !== 0n && end !== never && end / 10_000_000n - epoch <= BigInt(Math.floor(now));
}

function hasBeenLocked(entry: EntryReader): boolean {
  const since = time(entry, 'lockoutTime');
  return since !== null && since !== 0n;
}

/** A password that was never set has to be changed first; one that grew too old has expired. */
function stateOfPassword(entry: EntryReader, control: number, current: number | null): AccountState {
  const unset = time(entry, 'pwdLastSet') === 0n;
  if (current === null) {
    return unset && (control & flag.passwordNeverExpires) === 0 ? 'must_change_password' : 'active';
  }
  if ((current & flag.passwordExpired) === 0) return 'active';
  return unset ? 'must_change_password' : 'password_expired';
}

/** One bit an hour of the week in UTC, from Sunday 0 o'clock, in each octet the lowest first (MS-SAMR §2.2.6.5). */
function isWithinHours(values: readonly Buffer[], now: number): boolean {
  const hours = values[0];
  if (hours === undefined || hours.length === 0) return true;
  if (hours.length !== 21) return false;
  const date = new Date(now * 1000);
  const hour = date.getUTCDay() * 24 + date.getUTCHours();
  return (((hours[hour >> 3] ?? 0) >> (hour & 7)) & 1) === 1;
}

/**
 * The SID of the group that an entry belongs to without being listed as its member: the domain's SID with the relative id
 * that the entry names (MS-DTYP §2.4.2.2). `null`: the entry does not say.
 */
export function primaryGroupOf(entry: EntryReader): Buffer | null {
  const id = number(entry, 'primaryGroupID');
  const [sid] = entry.bytes('objectSid');
  if (id === null || sid === undefined || sid.length < 12) return null;
  const group = Buffer.from(sid);
  group.writeUInt32LE(id >>> 0, group.length - 4);
  return group;
}
