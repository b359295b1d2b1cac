/**
 * Servers of a directory by DNS (RFC 2782). What DNS says is nobody's word: only names inside the domain are taken, each is
 * asked over TLS alone, and its certificate must be for that very name.
 */

import { Resolver } from 'node:dns/promises';

/** As `node:dns` gives it. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}

/** @throws Error of `node:dns` with its code */
export type ResolveSrv = (name: string) => Promise<readonly SrvRecord[]>;

/** The resolvers of this system, as its settings are at the moment. */
export const resolveSrvHere: ResolveSrv = (name) => new Resolver({ timeout: 1000, tries: 2 }).resolveSrv(name);

/** A directory has so many servers at most. */
const most = 8;
const ldapsPort = 636;
/** The name is not there, or has no such records: an answer, and not a failure. */
const nothing: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * `_ldaps._tcp`, or where there is none `_ldap._tcp`, as Active Directory has it: its hosts are asked at port 636, as
 * nothing is ever asked without TLS.
 *
 * @throws Error of `node:dns`
 */
export async function lookUpServers(domain: string, resolve: ResolveSrv): Promise<readonly SrvRecord[]> {
  const encrypted = await orNone(resolve(`_ldaps._tcp.${domain}`));
  if (encrypted.length > 0) return encrypted;
  return (await orNone(resolve(`_ldap._tcp.${domain}`))).map((record) => ({ ...record, port: ldapsPort }));
}

async function orNone(asked: Promise<readonly SrvRecord[]>): Promise<readonly SrvRecord[]> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && 'code' in error && nothing.has(String(error.code))) return [];
    throw error;
  }
}

/**
 * PURE but for `random`. URLs in the order in which they are asked: the lowest priority first, among equals by chance and
 * weight.
 *
 * @param random from 0 to 1, 1 excluded
 */
export function urlsOf(records: readonly SrvRecord[], domain: string, random: () => number): readonly string[] {
  const usable = records
    .map((record) => ({ ...record, name: record.name.toLowerCase().replace(/\.$/, '') }))
    .filter(({ name, port }) => isInside(name, domain.toLowerCase()) && port > 0 && port < 65_536);
  const priorities = [...new Set(usable.map(({ priority }) => priority))].toSorted((one, other) => one - other);
  const ordered = priorities.flatMap((priority) =>
    byWeight(
      usable.filter((one) => one.priority === priority),
      random,
    ),
  );
  const urls = ordered.map(({ name, port }) => (port === ldapsPort ? `ldaps://${name}` : `ldaps://${name}:${port}`));
  return [...new Set(urls)].slice(0, most);
}

function isInside(name: string, domain: string): boolean {
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name) && (name === domain || name.endsWith(`.${domain}`));
}

/** RFC 2782: each next one is drawn by weight; one without weight has a very small chance, unless none has any. */
function byWeight(records: readonly SrvRecord[], random: () => number): readonly SrvRecord[] {
  const left = records.toSorted((one, other) => (one.name < other.name ? -1 : 1) || one.port - other.port);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const chance = ({ weight }: SrvRecord) => Math.max(weight, 0.01);
    let drawn = random() * left.reduce((sum, one) => sum + chance(one), 0);
    const found = left.findIndex((one) => {
      drawn -= chance(one);
      return drawn < 0;
    });
    ordered.push(...left.splice(found === -1 ? left.length - 1 : found, 1));
  }
  return ordered;
}
