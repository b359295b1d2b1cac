/** PURE. Networks as people write them: `10.0.0.0/8`, `fd00::/8`, or one address. */
import { BlockList, isIP } from 'node:net';

export type Family = 'ipv4' | 'ipv6';

/** `null`: no address. */
export function familyOf(address: string): Family | null {
  const version = isIP(address);
  return version === 0 ? null : version === 4 ? 'ipv4' : 'ipv6';
}

export interface Cidr {
  readonly network: string;
  readonly prefix: number;
  readonly family: Family;
}

/** `null`: neither a network nor an address, or one with a zone. */
export function parseCidr(text: string): Cidr | null {
  const [network = '', prefix, ...more] = text.split('/');
  const family = familyOf(network);
  if (family === null || more.length > 0 || network.includes('%')) return null;
  const longest = family === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return { network, prefix: longest, family };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > longest) return null;
  return { network, prefix: Number(prefix), family };
}

/** What is no network is in none. An IPv4 network holds its addresses also as IPv6 writes them (`::ffff:10.0.0.1`). */
export function networksOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs.map(parseCidr)) {
    if (cidr !== null) list.addSubnet(cidr.network, cidr.prefix, cidr.family);
  }
  return list;
}

/** An address of IPv4 however it is written. */
export function plainAddress(address: string): string {
  // Most have no colon, and are not worth an expression.
  return address.includes(':') ? (/^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1] ?? address) : address;
}

/** As `outbound_allowed` takes it: a network, a name, or `*.` and a name for all beneath it. */
export function isHostOrNetwork(text: string): boolean {
  return (
    parseCidr(text) !== null || /^(?:\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i.test(text)
  );
}
