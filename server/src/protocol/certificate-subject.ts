/**
 * PURE. The one name that a certificate of a client must carry (RFC 8705 §2.1.2). Compared as values: of a distinguished
 * name each RDN in its place, of an address its octets. Nothing is expanded: a wildcard matches only itself.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { ClientRegistration } from '../registry/registration.ts';
import type { CertificateFacts, SubjectPart } from './certificate-names.ts';
import { type DistinguishedName, parseDn } from './distinguished-name.ts';

/** The members of a registration, exactly one of which goes with `tls_client_auth`. */
export const subjectMembers = [
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
] as const;
export type SubjectMember = (typeof subjectMembers)[number];
export type ExpectedSubject = Pick<ClientRegistration, SubjectMember>;

export function isSubject(expected: ExpectedSubject, facts: CertificateFacts): boolean {
  const member = subjectMembers.find((one) => expected[one] !== undefined);
  const value = member === undefined ? undefined : expected[member];
  if (member === undefined || value === undefined) return false;
  switch (member) {
    case 'tls_client_auth_subject_dn': {
      const name = readSubjectDn(value);
      return name !== null && isSameName(name, facts.subject);
    }
    case 'tls_client_auth_san_dns':
      return facts.dns.some((one) => one.toLowerCase() === value.toLowerCase());
    case 'tls_client_auth_san_uri':
      return facts.uri.includes(value);
    case 'tls_client_auth_san_ip':
      return facts.ip.includes(addressOctets(value) ?? 'none');
    case 'tls_client_auth_san_email':
      return facts.email.some((one) => foldHost(one) === foldHost(value));
  }
}

/** What is wrong with an expected name, without its value; `null`: nothing. */
export function subjectProblem(expected: ExpectedSubject): string | null {
  for (const member of subjectMembers) {
    const value = expected[member];
    const problem = value === undefined ? null : problems[member](value);
    if (problem !== null) return `${member} ${problem}`;
  }
  return null;
}

const host = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

const problems: Readonly<Record<SubjectMember, (value: string) => string | null>> = {
  tls_client_auth_subject_dn: (value) =>
    (readSubjectDn(value)?.length ?? 0) > 0
      ? null
      : 'must be a distinguished name as RFC 4514 writes it, such as CN=shop,O=Example; of attributes only CN, O, OU, C, L, ST, STREET, DC, UID, serialNumber, emailAddress and object identifiers',
  tls_client_auth_san_dns: (value) => (host.test(value) ? null : 'must be a host name without wildcard'),
  tls_client_auth_san_uri: (value) =>
    /^[\x21-\x7e]+$/.test(value) && URL.canParse(value) ? null : 'must be an absolute URI in ASCII',
  tls_client_auth_san_ip: (value) => (addressOctets(value) === null ? 'must be an address of IPv4 or IPv6' : null),
  tls_client_auth_san_email: (value) =>
    /^[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+$/.test(value) ? null : 'must be an e-mail address in ASCII',
};

/** RFC 4514 §3, and the two that certificates use beside them. */
const attributeTypes: Readonly<Record<string, string>> = {
  cn: '2.5.4.3',
  serialnumber: '2.5.4.5',
  c: '2.5.4.6',
  l: '2.5.4.7',
  st: '2.5.4.8',
  street: '2.5.4.9',
  o: '2.5.4.10',
  ou: '2.5.4.11',
  uid: '0.9.2342.19200300.100.1.1',
  dc: '0.9.2342.19200300.100.1.25',
  emailaddress: '1.2.840.113549.1.9.1',
};

/** With object identifiers as types, from the entry up; `null`: it cannot be compared. */
function readSubjectDn(text: string): DistinguishedName | null {
  const name = parseDn(text);
  if (name === null) return null;
  const rdns = name.map((rdn) =>
    rdn.flatMap(({ type, value }) => {
      const known = /^\d/.test(type) ? type : attributeTypes[type];
      // A value in hexadecimal is BER that nobody compares; written so, it could also be meant as text.
      return known === undefined || value === '' || value.startsWith('#') ? [] : { type: known, value };
    }),
  );
  return rdns.every((rdn, index) => rdn.length === name[index]?.length) ? rdns : null;
}

/** Text stands from the entry up, a certificate from the root down. The parts of one RDN have no order. */
function isSameName(name: DistinguishedName, subject: CertificateFacts['subject']): boolean {
  return (
    name.length === subject.length && name.every((rdn, index) => isSameRdn(rdn, subject[subject.length - 1 - index]))
  );
}

function isSameRdn(rdn: DistinguishedName[number], parts: readonly SubjectPart[] | undefined): boolean {
  const own = rdn.map(({ type, value }) => JSON.stringify([type, value])).sort();
  const other = (parts ?? []).map(({ type, value }) => JSON.stringify([type, value])).sort();
  return own.length === other.length && own.every((part, index) => part === other[index]);
}

/** The part before the `@` is its host's to compare. */
function foldHost(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}@${address.slice(at + 1).toLowerCase()}`;
}

/** As certificates hold addresses, in hexadecimal (RFC 5952 §8: compared in binary); `null`: no address. */
function addressOctets(text: string): string | null {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number)).toString('hex');
  if (!isIPv6(text) || text.includes('%')) return null;
  const plain = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [front = [], back = []] = plain.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  const parts = plain.includes('::') ? [...front, ...zeros, ...back] : front;
  return parts.map((part) => part.padStart(4, '0')).join('');
}
