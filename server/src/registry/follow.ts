/**
 * Keeps the snapshot at the database's revision: NOTIFY is the hint, reading the revision at intervals the truth. Only rows
 * above the own revision are read; after a new epoch everything. A row that cannot be served is left out and reported, all
 * others load.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Sealer } from '../keys/keys.ts';
import type { Database, Stop } from '../store/database.ts';
import { type ChangedRow, continues, cursorAfter, hearChanges, hintDelay, pollEvery, readPage } from './changes.ts';
import { fingerprintOfRow } from './fingerprint.ts';
import { LoadedSnapshot, type SnapshotDraft } from './loaded-snapshot.ts';
import type { RegistrationKind } from './registration.ts';
import { Repeating } from './repeating.ts';
import type { ReplicaReport } from './report.ts';
import type { Revision, SnapshotSource } from './snapshot.ts';
import { fromRow } from './stored-row.ts';

export type Rejected = ReplicaReport['rejected'][number];
export type Changed = readonly { kind: RegistrationKind; id: string }[] | 'all';

export interface FollowerOptions {
  readonly database: Database;
  readonly sealer: Sealer;
  /** Runs once for each row that is left out, and again when its problem changes. */
  readonly onRejected?: (rejected: Rejected) => void;
  /** One line about something that repairs itself. */
  readonly onProblem?: (problem: string) => void;
  /** Told when something that moved is served from now on. */
  readonly onLoaded?: (loaded: LoadedRegistrations) => void;
}

export interface LoadedRegistrations {
  /** When it began to be read, epoch milliseconds. */
  readonly began: number;
  readonly revision: Revision;
  readonly changed: number;
  /** Of the newest {@link mostTraceparents} rows that name the trace that wrote them. */
  readonly traceparents: readonly string[];
}

/** More would say nothing more: a first load reads everything there is. */
const mostTraceparents = 32;

export interface Follower extends SnapshotSource {
  /** Resolves when the first snapshot is loaded, however long the database is away (never, if stopped before). */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `false`: nothing is loaded yet, or the revision could not be confirmed for 10 s; then no token may be issued. */
  isFresh(): boolean;
  /** When `current` was last known to be the newest: milliseconds on the clock of `performance.now()`. */
  readonly confirmedAt: number;
  readonly rejected: readonly Rejected[];
}

/** Before all rows. */
const fromTheStart = cursorAfter({ epoch: '', n: -1 });
/** Without confirmation for so long the snapshot may hold what was withdrawn. Milliseconds. */
const freshFor = 10_000;
/** Loading gives way to requests after so many milliseconds. */
const slice = 8;

export function createFollower(options: FollowerOptions): Follower {
  return new RegistryFollower(options);
}

class RegistryFollower implements Follower {
  readonly #options: FollowerOptions;
  readonly #listeners = new Set<(changed: Changed) => void>();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #repeating: Repeating;
  #current = LoadedSnapshot.empty();
  #rejected = new Map<string, Rejected>();
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #listening: Promise<Stop | null> | undefined;
  #every: number = pollEvery.listening;

  constructor(options: FollowerOptions) {
    this.#options = options;
    const onProblem = options.onProblem ?? (() => undefined);
    this.#repeating = new Repeating({
      name: 'reading the registry',
      work: () => this.#sync(),
      every: () => this.#every,
      onProblem,
    });
  }

  get current(): LoadedSnapshot {
    return this.#current;
  }
  get confirmedAt(): number {
    return this.#confirmedAt;
  }
  get rejected(): readonly Rejected[] {
    return [...this.#rejected.values()];
  }

  isFresh(): boolean {
    return performance.now() - this.#confirmedAt < freshFor;
  }

  onSwap(listener: (changed: Changed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): Promise<void> {
    this.#listening ??= this.#listen();
    this.#repeating.soon(0);
    return this.#loaded.promise;
  }

  async #listen(): Promise<Stop | null> {
    const stop = await hearChanges(this.#options.database, () => this.#repeating.soon(hintDelay));
    if (stop === null) this.#every = pollEvery.alone;
    return stop;
  }

  async stop(): Promise<void> {
    await this.#repeating.stop();
    const stop = await this.#listening;
    await stop?.();
  }

  async #sync(): Promise<void> {
    const known = this.#current.revision;
    const began = Date.now();
    let work = this.#begin(known);
    let cursor = known.epoch === '' ? fromTheStart : cursorAfter(known);
    for (;;) {
      const asked = performance.now();
      const page = await readPage(this.#options.database, cursor, 'registrations');
      if (!continues(work.from, page)) {
        // A new epoch, a step back, or a tombstone that is gone: nothing known before holds.
        work = this.#begin({ epoch: page.revision.epoch, n: 0 }, page.sweptN);
        if (cursor !== fromTheStart) {
          cursor = fromTheStart;
          continue;
        }
      }
      await this.#load(work, page.rows);
      if (page.complete) {
        this.#finish(work, page.revision, began);
        this.#confirmedAt = asked;
        return this.#loaded.resolve();
      }
      cursor = page.next;
    }
  }

  #begin(from: Revision, everything?: number): Work {
    if (everything === undefined) {
      const rejected = new Map(this.#rejected);
      return { from, draft: this.#current.edit(), rejected, changed: new Map(), traceparents: [], rows: 0 };
    }
    const draft = LoadedSnapshot.empty().edit();
    // Whatever was swept so far is not missed by somebody who begins with nothing.
    return {
      from: { ...from, n: everything },
      draft,
      rejected: new Map(),
      changed: 'all',
      traceparents: [],
      rows: 0,
    };
  }

  async #load(work: Work, rows: readonly ChangedRow[]): Promise<void> {
    let began = performance.now();
    for (const row of rows) {
      this.#take(work, row);
      if (performance.now() - began < slice) continue;
      await nextTurn();
      began = performance.now();
    }
  }

  #take(work: Work, row: ChangedRow): void {
    const { draft, rejected, changed, traceparents } = work;
    const { kind, id, uid, traceparent } = row;
    if (traceparent !== null && traceparents.push(traceparent) > mostTraceparents) traceparents.shift();
    const key = `${kind}/${id}`;
    work.rows += 1;
    if (changed !== 'all') changed.set(key, { kind, id });
    rejected.delete(key);
    draft.remove(kind, id);
    if (row.deleted) return;
    const loaded = fromRow(row, this.#options.sealer);
    if ('problem' in loaded) rejected.set(key, { kind, id, uid, problem: loaded.problem });
    else if (loaded.withdrawn !== true) draft.set(loaded, () => fingerprintOfRow(row));
  }

  #finish(work: Work, revision: Revision, began: number): void {
    const { epoch, n } = this.#current.revision;
    const changed = work.changed === 'all' ? 'all' : [...work.changed.values()];
    if (changed.length === 0 && epoch === revision.epoch && n === revision.n) return;
    const before = this.#rejected;
    this.#current = work.draft.done(revision);
    this.#rejected = work.rejected;
    for (const [key, rejected] of work.rejected) {
      if (before.get(key)?.problem !== rejected.problem) this.#options.onRejected?.(rejected);
    }
    for (const listener of this.#listeners) listener(changed);
    const { traceparents } = work;
    this.#options.onLoaded?.({ began, revision, changed: work.rows, traceparents });
  }
}

interface Work {
  /** Rows above this one are taken. */
  readonly from: Revision;
  readonly draft: SnapshotDraft;
  readonly rejected: Map<string, Rejected>;
  /** `all`: everything is read anew. */
  readonly changed: Map<string, { kind: RegistrationKind; id: string }> | 'all';
  readonly traceparents: string[];
  /** How many were read. */
  rows: number;
}
