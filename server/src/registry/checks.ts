/** What the operator found as it should be, beside the rows that it is about. Its words are kept as they are. */
import type { Database, Statement } from '../store/database.ts';
import { admission, fenced } from './fence.ts';
import type { RegistrationKind } from './registration.ts';
import type { Check, Fence, StoredCheck } from './registry.ts';

const pageSize = 1_000;

// The rows are looked up one by one: joined in any other way each page would read all of them.
const scan: Statement = {
  name: 'registry_scan_checks',
  text: `SELECT c.kind, c.id, c.state, r.source, r.namespace, r.name, r.uid
    FROM (SELECT * FROM registry_checks WHERE (kind, id) > ($1::text COLLATE "C", $2::text COLLATE "C")
        ORDER BY kind, id LIMIT ${pageSize}) c
      LEFT JOIN LATERAL (SELECT source, namespace, name, uid FROM registry, registry_revision v
        WHERE registry.kind = c.kind AND registry.id = c.id AND registry.n = c.n AND v.epoch = c.epoch
        OFFSET 0) r ON true
    ORDER BY c.kind, c.id`,
};

interface Row {
  readonly kind: RegistrationKind;
  readonly id: string;
  readonly state: string;
  /** `null`, as all that follows: the row moved since. */
  readonly source: string | null;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Of rows of one source that stand as they did then, in pages. */
export async function* scanChecks(database: Database, source: string): AsyncGenerator<readonly StoredCheck[]> {
  for (let after: readonly [string, string] = ['', '']; ; ) {
    const { rows } = await database.run<Row>(scan, after);
    yield rows
      .filter((row) => row.source === source)
      .map(({ kind, id, state, namespace, name, uid }) => ({
        kind,
        id,
        state,
        owner: { source, namespace, name, uid },
      }));
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    after = [last.kind, last.id];
  }
}

const note: Statement = {
  name: 'registry_note_checks',
  text: 'SELECT registry_note_checks($1, $2, $3, $4::jsonb) AS outcome',
};

export async function noteChecks(database: Database, fence: Fence, checks: readonly Check[]): Promise<void> {
  const input = checks.map(({ kind, id, revision: { epoch, n }, state }) => ({ kind, id, epoch, n, state }));
  const { rows } = await database.run<{ outcome: 'noted' | 'fenced' }>(note, [
    ...admission(fence),
    JSON.stringify(input),
  ]);
  if (rows[0]?.outcome !== 'noted') throw fenced();
}
