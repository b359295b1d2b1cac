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
