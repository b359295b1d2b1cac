/** PURE. Which addresses a call on a client's word may go to, and what the server's owner adds to them. */
import type { BlockList } from 'node:net';
import { familyOf, networksOf, parseCidr } from '../protocol/networks.ts';

/**
 * IPv4 that is not the public internet (IANA's special-purpose registry), and the one public address of a cloud's own
 * machinery (Azure's 168.63.129.16) that answers virtual machines alone.
 */
const specialIpv4 = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Networks of an installation itself: services and hosts that somebody may have meant. */
const privateNetworks = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/** Global unicast; all else (loopback, link-local, mapped, NAT64 and what is to come) is refused without being named. */
const globalIpv6 = ['2000::/3'];

/** Within it: IETF protocols with Teredo, documentation, 6to4, which carries an IPv4 address inside. */
const specialIpv6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const special4 = networksOf(specialIpv4);
const special6 = networksOf(specialIpv6);
const global6 = networksOf(globalIpv6);
const privates = networksOf(privateNetworks);
const mapped6 = networksOf(['::ffff:0:0/96']);

/** IPv4 in the clothes of IPv6 is never meant by anybody who has nothing to hide. */
const isMapped = (address: string): boolean => address.includes(':') && mapped6.check(address, 'ipv6');

/** Of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = familyOf(address);
  if (family === null) return false;
  if (family === 'ipv4') return !special4.check(address, family) && !privates.check(address, family);
  return !isMapped(address) && global6.check(address, family) && !special6.check(address, family);
}

/** Of a network inside an installation; loopback, link-local and multicast are none. */
export function isPrivateAddress(address: string): boolean {
  const family = familyOf(address);
  return family !== null && !isMapped(address) && privates.check(address, family);
}

/** What may be called beside the public internet. */
export interface Exceptions {
  /** Names whose addresses may be private. */
  readonly names: ReadonlySet<string>;
  /** Beginning with a dot: names beneath them may have private addresses. */
  readonly suffixes: readonly string[];
  readonly networks: BlockList;
}

/**
 * Each entry is a name (`id.internal.example`), all names beneath one (`*.internal.example`), an address or a CIDR. A name
 * opens private networks alone: whoever may write into its zone must not reach loopback or a metadata service by it; that
 * takes a CIDR. Other entries open nothing.
 */
export function readExceptions(entries: readonly string[]): Exceptions {
  const cidrs = entries.filter((entry) => parseCidr(entry) !== null);
  const names = entries.filter((entry) => parseCidr(entry) === null).map((entry) => entry.toLowerCase());
  return {
    names: new Set(names.filter((name) => !name.startsWith('*.'))),
    suffixes: names.filter((name) => /^\*\.[^*]+$/.test(name)).map((name) => name.slice(1)),
    networks: networksOf(cidrs),
  };
}

export function namedIn({ names, suffixes }: Exceptions, hostname: string): boolean {
  return names.has(hostname) || suffixes.some((suffix) => hostname.length > suffix.length && hostname.endsWith(suffix));
}

/**
 * A service of that namespace, as the cluster's DNS names it. Its author chooses where it leads (an `ExternalName`, endpoints
 * written by hand), so what keeps it from speaking for another is the certificate, which must name it.
 */
export function isServiceOf(namespace: string, hostname: string): boolean {
  const [service = '', of, svc, ...domain] = hostname.split('.');
  const inside = domain.length === 0 || domain.join('.') === 'cluster.local';
  return /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(service) && of === namespace && svc === 'svc' && inside;
}

export function mayCall(address: string, hostname: string, namespace: string, exceptions: Exceptions): boolean {
  const family = familyOf(address);
  if (family === null) return false;
  if (isPublicAddress(address)) return true;
  if (!isMapped(address) && exceptions.networks.check(address, family)) return true;
  return isPrivateAddress(address) && (isServiceOf(namespace, hostname) || namedIn(exceptions, hostname));
}
