/** Reading what changed since a revision. */
import type { Database, Runner, Statement, Stop } from '../store/database.ts';
import type { Revision } from './snapshot.ts';
import type { StoredRow } from './stored-row.ts';

/** Where NOTIFY says that the revision moved. */
const registryChannel = 'nauthera_registry';
/** A burst of hints is one read. Milliseconds. */
export const hintDelay = 20;
/** How often the revision is read with and without LISTEN. Milliseconds. */
export const pollEvery = { listening: 2_000, alone: 500 } as const;

export type ChangedRow = StoredRow & {
  readonly n: number;
  readonly deleted: boolean;
  /** The uid that grants of a client hang on; `null`: its own. */
  readonly identity: string | null;
  /** The trace that wrote it. */
  readonly traceparent: string | null;
  readonly generation: number | null;
  readonly policy: string | null;
};

/** Everything up to here is known: rows are read in the order (n, kind, id). */
export interface Cursor {
  readonly epoch: string;
  readonly n: number;
  readonly kind: string;
  readonly id: string;
}

/** Before the first row whose number is larger than that of `revision`. */
export function cursorAfter({ epoch, n }: Revision): Cursor {
  return { epoch, n: n + 1, kind: '', id: '' };
}

export interface Page {
  readonly rows: readonly ChangedRow[];
  /** Of the database when the page was read. */
  readonly revision: Revision;
  /** Tombstones up to this number are gone: whoever stands below it must load everything. */
  readonly sweptN: number;
  readonly next: Cursor;
  /** With these rows everything up to `revision` is known. */
  readonly complete: boolean;
}

const columns = 'kind, id, source, namespace, name, uid, n';
const beyond = '(n, kind, id) > ($1::bigint, $2::text COLLATE "C", $3::text COLLATE "C")';
const inOrder = 'ORDER BY n, kind, id LIMIT $4';

/** One statement is one view of the database: revision and rows belong together. */
function changes(name: string, body: string): Statement {
  return {
    name,
    text: `SELECT revision.epoch, revision.n AS revision_n, revision.swept_n, change.*
      FROM registry_revision revision LEFT JOIN LATERAL (
        (SELECT ${columns}, format, withdrawn, ${body} AS body, sealed, identity, traceparent, generation,
          policy, false AS deleted FROM registry WHERE ${beyond} ${inOrder})
        UNION ALL
        (SELECT ${columns}, 0, false, NULL, NULL, NULL, NULL, NULL, NULL, true FROM registry_tombstones WHERE ${beyond} ${inOrder})
        ${inOrder}
      ) change ON true ORDER BY n, kind, id`,
  };
}

const withBodies = changes('registry_changes', 'body');
const withoutBodies = changes('registry_changed_ids', 'NULL::jsonb');

type Row = Partial<ChangedRow> & { readonly epoch: string; readonly revision_n: number; readonly swept_n: number };

/** @param what `ids`: rows come without their body. */
export async function readPage(
  database: Runner,
  cursor: Cursor,
  what: 'registrations' | 'ids',
  limit = 1_000,
): Promise<Page> {
  const statement = what === 'ids' ? withoutBodies : withBodies;
  const { rows: found } = await database.run<Row>(statement, [cursor.n, cursor.kind, cursor.id, limit]);
  const [first] = found;
  // The row was deleted by hand: the next write makes a new epoch, until then nothing can be said.
  if (first === undefined) throw new Error('the registry has no revision');
  const rows = found.filter(isChange);
  const last = rows.at(-1);
  return {
    rows,
    revision: { epoch: first.epoch, n: first.revision_n },
    sweptN: first.swept_n,
    next: { epoch: first.epoch, n: last?.n ?? cursor.n, kind: last?.kind ?? cursor.kind, id: last?.id ?? cursor.id },
    complete: rows.length < limit,
  };
}

/** An unmatched outer join is a row of nulls. */
function isChange(row: Row): row is Row & ChangedRow {
  return typeof row.id === 'string';
}

/** Whether rows above `known` tell the whole way to `page`: not after a new epoch, a step back, or swept tombstones. */
export function continues(known: Revision, page: Page): boolean {
  return page.revision.epoch === known.epoch && page.revision.n >= known.n && known.n >= page.sweptN;
}

/** `null`: hints are not to be had here, polling alone must do. */
export async function hearChanges(database: Database, onHint: () => void): Promise<Stop | null> {
  try {
    return await database.listen(registryChannel, onHint);
  } catch {
    return null;
  }
}
