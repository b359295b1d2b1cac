/** Reading back what is in the table, as it stands there: nothing here is checked or opened. */
import type { Database, Statement } from '../store/database.ts';
import { fingerprintOfRow } from './fingerprint.ts';
import type { RegistrationKind } from './registration.ts';
import type { StoredOwner, StoredRegistration } from './registry.ts';
import type { Revision } from './snapshot.ts';
import type { RowWithMore, StoredRow } from './stored-row.ts';
import { readSecretNotes } from './validate.ts';

const columns = `kind, id, source, namespace, name, uid, format, withdrawn, body, sealed, n, adopted, generation, policy,
  (SELECT epoch FROM registry_revision) AS epoch`;

const get: Statement = {
  name: 'registry_get',
  text: `SELECT ${columns} FROM registry WHERE kind = $1 AND id = $2`,
};

const pageSize = 1_000;

// Other sources are left out by the reader: a condition here would tempt the planner away from the order of the key.
const scan: Statement = {
  name: 'registry_scan',
  text: `SELECT kind, id, source, namespace, name, uid, withdrawn FROM registry WHERE (kind, id) > ($1::text COLLATE "C", $2::text COLLATE "C")
    ORDER BY kind, id LIMIT ${pageSize}`,
};

type Row = RowWithMore & Revision & { readonly adopted: boolean };
type OwnerRow = Pick<StoredRow, 'kind' | 'id' | 'source' | 'namespace' | 'name' | 'uid' | 'withdrawn'>;

export async function getStored(
  database: Database,
  kind: RegistrationKind,
  id: string,
): Promise<StoredRegistration | null> {
  const { rows } = await database.run<Row>(get, [kind, id]);
  return rows[0] === undefined ? null : stored(rows[0]);
}

/** Every row of one source; a row that changes meanwhile comes as it was or as it is. */
export async function* scanOwners(database: Database, source: string): AsyncGenerator<StoredOwner> {
  for (let after: readonly [string, string] = ['', '']; ; ) {
    const { rows } = await database.run<OwnerRow>(scan, after);
    for (const { kind, id, withdrawn, namespace, name, uid, ...row } of rows)
      if (row.source === source) yield { kind, id, withdrawn, owner: { source, namespace, name, uid } };
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    after = [last.kind, last.id];
  }
}

const rows = new WeakMap<StoredRegistration, RowWithMore>();

/** What was read from the database as that; `undefined`: it comes from elsewhere. */
export function rowOf(registration: StoredRegistration): RowWithMore | undefined {
  return rows.get(registration);
}

function stored(row: Row): StoredRegistration {
  const { kind, id, source, namespace, name, uid, withdrawn, epoch, n, adopted } = row;
  const owner = { source, namespace, name, uid };
  const secretDigests = kind === 'client' ? digestsOf(row.body) : [];
  let fingerprint: string | undefined;
  const secretNotes = kind === 'client' ? readSecretNotes(row.body) : undefined;
  const registration = {
    kind,
    id,
    owner,
    withdrawn,
    revision: { epoch, n },
    // Dear, and seldom asked for.
    get fingerprint() {
      fingerprint ??= fingerprintOfRow(row);
      return fingerprint;
    },
    secretDigests,
    ...(secretNotes === undefined ? {} : { secretNotes }),
    ...(adopted ? { adopted: true as const } : {}),
  };
  rows.set(registration, row);
  return registration;
}

function digestsOf(body: unknown): readonly string[] {
  const digests: unknown =
    typeof body === 'object' && body !== null && 'client_secret_digests' in body ? body.client_secret_digests : [];
  return Array.isArray(digests) ? digests.filter((digest) => typeof digest === 'string') : [];
}
