/** A registration as it lies in the table: the same words, with the one secret sealed in a column of its own. */
import type { Sealer } from '../keys/keys.ts';
import { formatOf } from './format.ts';
import { type RegistrationByKind, type RegistrationKind, registrationFormat } from './registration.ts';
import type { Registration } from './registry.ts';
import { checkRegistration } from './validate.ts';

export interface StoredRow {
  readonly kind: RegistrationKind;
  readonly id: string;
  readonly source: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly format: number;
  readonly withdrawn: boolean;
  readonly body: unknown;
  readonly sealed: Buffer | null;
}

/** @throws TypeError for a value that is no JSON. */
export function toRow(registration: Registration, sealer: Sealer, format = formatOf(registration)): StoredRow {
  const { kind, id, owner } = registration;
  const row = { kind, id, ...owner, format, withdrawn: registration.withdrawn ?? false };
  if (registration.kind !== 'directory') return { ...row, body: registration.value, sealed: null };
  const { bind_password, ...body } = registration.value;
  return { ...row, body, sealed: sealer.sealStable(Buffer.from(bind_password), placeOf(registration)) };
}

export interface RowWithMore extends StoredRow {
  readonly identity?: string | null;
  readonly generation?: number | null;
  readonly policy?: string | null;
}

export type Loaded = Registration | { readonly problem: string };

/**
 * Trusts nothing in the row. Never throws; `problem` holds no secret. The uid of a client is the one that its grants hang
 * on: of the resource that had it first, where a cluster was rebuilt.
 */
export function fromRow(row: RowWithMore, sealer: Sealer): Loaded {
  const { kind, id, source, namespace, name, withdrawn } = row;
  const uid = kind === 'client' ? (row.identity ?? row.uid) : row.uid;
  if (row.format > registrationFormat) {
    return { problem: `its format ${row.format} is newer than this version reads (${registrationFormat})` };
  }
  const value = kind === 'directory' ? withPassword(row, sealer) : row.body;
  if (value === null) return { problem: 'its bind password does not open with the key-encryption key' };
  const problem = checkRegistration(kind, id, value);
  if (problem !== null) return { problem };
  const owner = { source, namespace, name, uid };
  return { kind, id, owner, value, withdrawn, ...allowedByIn(row) } as Registration;
}

function allowedByIn({ kind, generation, policy }: RowWithMore): Pick<Registration, 'allowedBy'> {
  if (kind !== 'client' || typeof generation !== 'number') return {};
  return { allowedBy: { generation, ...(typeof policy === 'string' ? { policy } : {}) } };
}

function withPassword({ kind, id, body, sealed }: StoredRow, sealer: Sealer): unknown {
  const password = sealed === null ? null : sealer.open(sealed, placeOf({ kind, id }));
  if (password === null) return null;
  return { ...(typeof body === 'object' ? body : {}), bind_password: password.toString() };
}

function placeOf({ kind, id }: { kind: keyof RegistrationByKind; id: string }): readonly string[] {
  return ['registry', kind, id];
}
