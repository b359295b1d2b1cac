import { hash } from 'node:crypto';
import type { Sealer } from '../keys/keys.ts';
import type { Registration } from './registry.ts';
import { type StoredRow, toRow } from './stored-row.ts';

/**
 * Of a row as it stands: equal to {@link fingerprintOf} what was put, and to nothing else. A sealed secret takes part as it
 * is sealed, so the fingerprint tells nothing about it, and changes with it and with the key.
 */
export function fingerprintOfRow(row: StoredRow): string {
  const { kind, id, source, namespace, name, uid, format, withdrawn, body, sealed } = row;
  const parts = [
    kind,
    id,
    source,
    namespace,
    name,
    uid,
    format,
    withdrawn,
    body,
    sealed?.toString('base64url') ?? null,
  ];
  return hash('sha256', canonicalJson(parts), 'base64url');
}

/** Of the row that `put` leaves behind. */
export function fingerprintOf(registration: Registration, sealer: Sealer): string {
  return fingerprintOfRow(toRow(registration, sealer));
}

/** Whether both have one fingerprint; cheaper than to take them. */
export function isSameRow(one: StoredRow, other: StoredRow): boolean {
  return (
    one.kind === other.kind &&
    one.id === other.id &&
    one.source === other.source &&
    one.namespace === other.namespace &&
    one.name === other.name &&
    one.uid === other.uid &&
    one.format === other.format &&
    one.withdrawn === other.withdrawn &&
    isSameJson(one.body, other.body) &&
    (one.sealed === null || other.sealed === null ? one.sealed === other.sealed : one.sealed.equals(other.sealed))
  );
}

function isSameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other))
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((member, at) => isSameJson(member ?? null, other[at] ?? null))
    );
  const [mine, theirs] = [one, other].map((value) =>
    Object.entries(value).filter(([, member]) => member !== undefined),
  );
  const found = new Map(theirs);
  return (
    mine?.length === theirs?.length &&
    mine?.every(([name, member]) => found.has(name) && isSameJson(member, found.get(name))) === true
  );
}

/** JSON with the members of every object in order: jsonb keeps no order of its own. Members without a value are left out. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((one) => canonicalJson(one ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
