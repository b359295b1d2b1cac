/** PURE. Claims from an entry, in the types that OpenID Connect Core §5.1 gives them. */
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { ClaimValue } from '../directory.ts';
import type { EntryReader } from './entry.ts';

/** Claims that are one piece of text whatever the directory holds; of several values the first one given. */
const single: ReadonlySet<string> = new Set([
  'name',
  'given_name',
  'family_name',
  'middle_name',
  'nickname',
  'preferred_username',
  'profile',
  'picture',
  'website',
  'gender',
  'birthdate',
  'zoneinfo',
  'locale',
  'email',
  'phone_number',
]);

/** Claims that we make ourselves; a mapping to one of them is refused. */
export const reservedClaims: ReadonlySet<string> = new Set(
  (
    'iss sub aud exp nbf iat jti azp client_id scope cnf act may_act auth_time nonce sid acr amr at_hash c_hash s_hash ' +
    'events groups email_verified'
  ).split(' '),
);

export function claimsOf(
  entry: EntryReader,
  { claims, email_verified }: Pick<DirectoryRegistration, 'claims' | 'email_verified'>,
): Readonly<Record<string, ClaimValue>> {
  const found: [string, ClaimValue][] = [];
  const address: [string, string][] = [];
  for (const [claim, attribute] of Object.entries(claims)) {
    // An empty value is none (OpenID Connect Core §5.3.2).
    const values = entry.texts(attribute).filter((text) => text !== '');
    const [first] = values;
    if (claim !== 'address' && !claim.startsWith('address.')) {
      const value = claimValue(claim, values);
      if (value !== null) found.push([claim, value]);
    } else if (first !== undefined) address.push(...addressPart(claim, first));
  }
  if (address.length > 0) found.push(['address', Object.fromEntries(address)]);
  if (found.some(([claim]) => claim === 'email')) found.push(['email_verified', isVerified(entry, email_verified)]);
  return Object.fromEntries(found);
}

/** Unverified unless the directory's administrator says otherwise. */
function isVerified(entry: EntryReader, rule: DirectoryRegistration['email_verified']): boolean {
  if (rule === 'always') return true;
  if (rule === 'never') return false;
  const values = entry.texts(rule.attribute);
  return values.length === 1 && values[0] === 'TRUE';
}

/** Members of the claim `address` (OpenID Connect Core §5.1.1), each mapped as `address.<member>`. */
const addressMembers: ReadonlySet<string> = new Set([
  'formatted',
  'street_address',
  'locality',
  'region',
  'postal_code',
  'country',
]);

/** `address` alone is the whole one, ready to be shown; what is no member is nothing. */
function addressPart(claim: string, text: string): readonly [string, string][] {
  const member = claim === 'address' ? 'formatted' : claim.slice('address.'.length);
  if (!addressMembers.has(member)) return [];
  return [[member, member === 'formatted' ? postalAddress(text) : text]];
}

function claimValue(claim: string, values: readonly string[]): ClaimValue | null {
  const [first] = values;
  if (first === undefined) return null;
  if (claim === 'updated_at') return secondsOf(first);
  if (claim === 'phone_number_verified') return first === 'TRUE';
  // `name#de` is the same claim in another language (OpenID Connect Core §5.2).
  const [plain = claim] = claim.split('#', 1);
  return values.length === 1 || single.has(plain) ? first : values;
}

/** Lines of a postal address are separated by `$` (RFC 4517 §3.3.28). */
function postalAddress(text: string): string {
  return text
    .split('$')
    .map((line) => line.trim().replaceAll(/\\24/g, '$').replaceAll(/\\5c/gi, '\\'))
    .join('\n');
}

/** Whole seconds of a GeneralizedTime in UTC (RFC 4517 §3.3.13); anything else: no claim. */
export function secondsOf(text: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,]\d+)?Z$/.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const date = `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`;
  const milliseconds = Date.parse(date);
  const all = [year, month, day, hour, minute, second];
  return Number.isNaN(milliseconds) || all.includes(undefined) ? null : milliseconds / 1000;
}
