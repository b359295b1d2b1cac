/** The tree of entries: what stands in the LDIF, and what a directory computes from it (`memberOf`, `entryUUID`, …). */
import { createHash } from 'node:crypto';
import { foldDn, parseDn } from './dn.ts';
import { evaluate } from './filter.ts';
import type { LdifEntry } from './ldif.ts';
import { ResultCode, type SearchRequest, type SentAttribute } from './message.ts';
import { type AttributeType, attributeType, foldValue } from './schema.ts';

export interface Entry {
  readonly dn: string;
  /** Comparable parts, leaf first. */
  readonly path: readonly string[];
  readonly attributes: Map<string, { readonly type: AttributeType; values: readonly Buffer[] }>;
}

/** More are never sent in one answer, as OpenLDAP's default has it. */
const largestAnswer = 500;

export interface SearchOutcome {
  readonly code: ResultCode;
  readonly matchedDn?: string;
  readonly entries: readonly { readonly dn: string; readonly attributes: readonly SentAttribute[] }[];
}

export interface Entries {
  find(dn: string): Entry | undefined;
  search(request: SearchRequest): SearchOutcome;
  /** Replaces all values; none: the attribute is removed. @throws Error for an unknown entry or attribute type. */
  set(dn: string, attribute: string, values: readonly Buffer[]): void;
}

/** @throws Error for a DN that is none or that is there twice, an unknown attribute type, or an entry without its parent. */
export function buildEntries(records: readonly LdifEntry[], startedAt: Date): Entries {
  const byDn = new Map<string, Entry>();
  for (const record of records) add(byDn, record, startedAt);
  return {
    find(dn) {
      const folded = foldDn(dn);
      return folded === null ? undefined : byDn.get(folded);
    },
    search: (request) => search(byDn, request),
    set(dn, attribute, values) {
      const entry = byDn.get(foldDn(dn) ?? '');
      const type = attributeType(attribute);
      if (entry === undefined || type === undefined) throw new Error(`no entry ${dn}, or no attribute ${attribute}`);
      if (values.length === 0) entry.attributes.delete(type.name);
      else entry.attributes.set(type.name, { type, values });
    },
  };
}

function add(byDn: Map<string, Entry>, record: LdifEntry, startedAt: Date): void {
  const path = parseDn(record.dn);
  if (path === null || path.length === 0) throw new Error(`LDIF: "${record.dn}" is no DN`);
  const folded = path.join(',');
  if (byDn.has(folded)) throw new Error(`LDIF: ${record.dn} is there twice`);
  if (byDn.size > 0 && !byDn.has(path.slice(1).join(',')))
    throw new Error(`LDIF: ${record.dn} has no parent before it`);
  const entry: Entry = { dn: record.dn, path, attributes: new Map() };
  const put = (name: string, value: Buffer) => {
    const type = attributeType(name);
    if (type === undefined) throw new Error(`LDIF: ${record.dn}: attribute ${name} is not known here`);
    const values = entry.attributes.get(type.name)?.values ?? [];
    entry.attributes.set(type.name, { type, values: [...values, value] });
  };
  const when = Buffer.from(`${startedAt.toISOString().replaceAll(/[-T:]|\..*/g, '')}Z`);
  for (const { name, value } of record.attributes) put(name, value);
  if (!entry.attributes.has('entryUUID')) put('entryUUID', Buffer.from(uuidOf(folded)));
  put('entryDN', Buffer.from(record.dn));
  put('createTimestamp', when);
  put('modifyTimestamp', when);
  byDn.set(folded, entry);
}

/** The same entry has the same id in every run, so that subjects and consents of a kept database stay true. */
function uuidOf(folded: string): string {
  const hex = createHash('sha256').update(`nauthera sample directory\0${folded}`).digest('hex');
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function valuesOf(byDn: ReadonlyMap<string, Entry>, entry: Entry, type: AttributeType): readonly Buffer[] {
  const own = entry.path.join(',');
  if (type.name === 'hasSubordinates') {
    return [Buffer.from([...byDn.values()].some((other) => isBelow(other.path, entry.path, 1)) ? 'TRUE' : 'FALSE')];
  }
  if (type.name !== 'memberOf') return entry.attributes.get(type.name)?.values ?? [];
  return [...byDn.values()]
    .filter((group) => {
      const member = group.attributes.get('member');
      return member?.values.some((value) => foldValue(member.type, value) === own) ?? false;
    })
    .map((group) => Buffer.from(group.dn));
}

/** Whether `path` lies `levels` below `base`; without `levels`: anywhere below, or `base` itself. */
function isBelow(path: readonly string[], base: readonly string[], levels?: number): boolean {
  const distance = path.length - base.length;
  if (distance < 0 || (levels !== undefined && distance !== levels)) return false;
  return base.every((part, index) => part === path[index + distance]);
}

const within: Readonly<Record<SearchRequest['scope'], (path: readonly string[], base: readonly string[]) => boolean>> =
  {
    base: (path, base) => isBelow(path, base, 0),
    one: (path, base) => isBelow(path, base, 1),
    sub: (path, base) => isBelow(path, base),
    children: (path, base) => isBelow(path, base) && path.length > base.length,
  };

function search(byDn: ReadonlyMap<string, Entry>, request: SearchRequest): SearchOutcome {
  const base = parseDn(request.base);
  if (base === null) return { code: ResultCode.invalidDnSyntax, entries: [] };
  if (!byDn.has(base.join(','))) return { code: ResultCode.noSuchObject, entries: [], ...nearest(byDn, base) };
  const limit = Math.min(request.sizeLimit === 0 ? largestAnswer : request.sizeLimit, largestAnswer);
  const found: { dn: string; attributes: readonly SentAttribute[] }[] = [];
  for (const entry of byDn.values()) {
    if (!within[request.scope](entry.path, base)) continue;
    if (evaluate(request.filter, (type) => valuesOf(byDn, entry, type)) !== true) continue;
    if (found.length === limit) return { code: ResultCode.sizeLimitExceeded, entries: found };
    found.push({ dn: entry.dn, attributes: select(request, entry, (type) => valuesOf(byDn, entry, type)) });
  }
  return { code: ResultCode.success, entries: found };
}

function nearest(byDn: ReadonlyMap<string, Entry>, base: readonly string[]): { matchedDn: string } | undefined {
  for (let from = 1; from < base.length; from += 1) {
    const entry = byDn.get(base.slice(from).join(','));
    if (entry !== undefined) return { matchedDn: entry.dn };
  }
  return undefined;
}

const computed = ['memberOf', 'hasSubordinates'].flatMap((name) => attributeType(name) ?? []);

/** Which attributes are sent (RFC 4511 §4.5.1.8, RFC 3673): `*` or nothing, `+`, `1.1`, or by name. Passwords never. */
export function select(
  request: Pick<SearchRequest, 'attributes' | 'typesOnly'>,
  entry: Pick<Entry, 'attributes'>,
  values: (type: AttributeType) => readonly Buffer[],
): readonly SentAttribute[] {
  const asked = new Set(request.attributes.map((name) => attributeType(name)?.name ?? name));
  const allUser = asked.size === 0 || asked.has('*');
  const types = [...[...entry.attributes.values()].map((one) => one.type), ...computed];
  return types
    .filter((type) => type.syntax !== 'secret')
    .filter((type) => asked.has(type.name) || (type.operational ? asked.has('+') : allUser))
    .map((type) => ({ name: type.name, values: values(type) }))
    .filter((attribute) => attribute.values.length > 0)
    .map((attribute) => (request.typesOnly ? { name: attribute.name, values: [] } : attribute));
}
