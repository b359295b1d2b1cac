/** The attribute types this directory knows and how their values are compared, as OpenLDAP's core, cosine and inetOrgPerson do. */
import { foldDn, foldText } from './dn.ts';

export type Syntax = 'text' | 'phone' | 'dn' | 'integer' | 'time' | 'uuid' | 'boolean' | 'octets' | 'secret';

export interface AttributeType {
  /** As it is written in answers. */
  readonly name: string;
  readonly syntax: Syntax;
  /** Sent only when asked for by name or by `+`. */
  readonly operational: boolean;
}

const user: Readonly<Record<Syntax, readonly string[]>> = {
  text: [
    'objectClass cn|commonName sn|surname givenName|gn uid|userid mail|rfc822Mailbox dc|domainComponent',
    'o|organizationName ou|organizationalUnitName title description displayName employeeNumber employeeType',
    'departmentNumber businessCategory preferredLanguage l|localityName street st homeDirectory loginShell',
  ].flatMap((line) => line.split(' ')),
  phone: ['telephoneNumber', 'mobile|mobileTelephoneNumber', 'homePhone'],
  dn: ['member', 'uniqueMember', 'owner', 'manager', 'secretary', 'seeAlso'],
  integer: ['uidNumber', 'gidNumber'],
  time: [],
  uuid: [],
  boolean: [],
  octets: ['jpegPhoto', 'userCertificate'],
  secret: ['userPassword'],
};

const operational: readonly (readonly [string, Syntax])[] = [
  ['entryUUID', 'uuid'],
  ['entryDN', 'dn'],
  ['memberOf', 'dn'],
  ['createTimestamp', 'time'],
  ['modifyTimestamp', 'time'],
  ['structuralObjectClass', 'text'],
  ['hasSubordinates', 'boolean'],
  ['subschemaSubentry', 'dn'],
  ['pwdAccountLockedTime', 'time'],
  ['pwdChangedTime', 'time'],
  ['namingContexts', 'dn'],
  ['supportedLDAPVersion', 'integer'],
  ['supportedExtension', 'text'],
  ['vendorName', 'text'],
];

const types = new Map<string, AttributeType>();
for (const [syntax, names] of Object.entries(user) as [Syntax, readonly string[]][]) {
  for (const entry of names) {
    const [name = '', ...aliases] = entry.split('|');
    for (const alias of [name, ...aliases]) types.set(alias.toLowerCase(), { name, syntax, operational: false });
  }
}
for (const [name, syntax] of operational) types.set(name.toLowerCase(), { name, syntax, operational: true });

/** `undefined`: unknown here. Options (`;binary`, `;lang-en`) are not known to any type. */
export function attributeType(description: string): AttributeType | undefined {
  return types.get(description.toLowerCase());
}

/** The form in which two values are equal, or `null` where the value breaks the syntax. */
export function foldValue(type: AttributeType, value: Buffer): string | null {
  const text = value.toString('utf8');
  switch (type.syntax) {
    case 'text':
      return foldText(text);
    case 'phone':
      return foldText(text).replaceAll(/[ -]/g, '');
    case 'dn':
      return foldDn(text);
    case 'integer':
      return /^(0|-?[1-9]\d{0,30})$/.test(text) ? text : null;
    case 'time':
      return foldTime(text);
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : null;
    case 'boolean':
      return text === 'TRUE' || text === 'FALSE' ? text : null;
    case 'octets':
    case 'secret':
      return value.toString('hex');
  }
}

/** GeneralizedTime (RFC 4517 §3.3.13) in UTC to the second; other offsets and fractions are not used here. */
function foldTime(text: string): string | null {
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})?(\d{2})?(?:\.0+)?Z$/.exec(text);
  return match === null ? null : match.slice(1).join('').padEnd(14, '0');
}

/** Negative, 0 or positive as `a` is before, at or after `b` (both folded); `null`: this syntax has no order. */
export function compareFolded(type: AttributeType, a: string, b: string): number | null {
  switch (type.syntax) {
    case 'integer':
      return Number(BigInt(a) - BigInt(b));
    case 'time':
    case 'uuid':
      return a < b ? -1 : a > b ? 1 : 0;
    case 'text':
    case 'phone':
    case 'dn':
    case 'boolean':
    case 'octets':
    case 'secret':
      return null;
  }
}

/** The folded form of a part of a value, spaces at its ends kept; `null`: this syntax has no substrings. */
export function foldPart(type: AttributeType, part: Buffer): string | null {
  const text = part.toString('utf8').normalize('NFKC').toLowerCase();
  if (type.syntax === 'text') return text.replaceAll(/\s+/gu, ' ');
  return type.syntax === 'phone' ? text.replaceAll(/[ -]/g, '') : null;
}
