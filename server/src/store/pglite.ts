/**
 * The embedded database: PGlite, Postgres in this process. One connection, one statement at a time, no time limits, and no
 * flush to the disk: a killed process loses nothing, a power cut may. For a trial or a laptop.
 */
import { join } from 'node:path';
import { PGlite, type Transaction as PGliteTransaction, types } from '@electric-sql/pglite';
import { Kysely, PGliteDialect } from 'kysely';
import type { Database, PoolCounts, Result, Statement, Stop, Transaction } from './database.ts';
import { asFailure, type Progress } from './failures.ts';
import { lockFolder } from './pglite-lock.ts';
import { TransactionScope } from './transaction-scope.ts';

export interface PgliteOptions {
  /** A dump of another one ({@link PgliteDatabase.dump}): starts in 0.4 s instead of 2–6 s. For an empty folder only. */
  readonly from?: Blob;
}

export interface PgliteDatabase extends Database {
  readonly kind: 'pglite';
  dump(): Promise<Blob>;
}

/** As pg gives them: see `postgres-settings.ts`. */
const parsers = {
  [types.INT8]: Number,
  [types.BYTEA]: (text: string) => Buffer.from(text.slice(2), 'hex'),
  [types.NUMERIC]: (text: string) => text,
};

/**
 * @param folder made when absent; `memory`: nothing is kept.
 * @throws DatabaseFolderInUse while another process has it open.
 * @throws DatabaseFolderUnusable
 */
export async function openPglite(folder: string, options: PgliteOptions = {}): Promise<PgliteDatabase> {
  const unlock = folder === 'memory' ? () => undefined : lockFolder(folder);
  try {
    const pglite = await PGlite.create({
      ...(folder === 'memory' ? {} : { dataDir: join(folder, 'data') }),
      ...(options.from === undefined ? {} : { loadDataDir: options.from }),
      parsers,
    });
    return new EmbeddedDatabase(pglite, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

class EmbeddedDatabase implements PgliteDatabase {
  readonly kind = 'pglite';
  readonly kysely: Kysely<unknown>;
  readonly #pglite: PGlite;
  readonly #unlock: () => void;
  readonly #scope = new TransactionScope();
  #asked = 0;
  #closing: Promise<void> | undefined;

  constructor(pglite: PGlite, unlock: () => void) {
    this.#pglite = pglite;
    this.#unlock = unlock;
    const scope = this.#scope;
    this.kysely = new Kysely({
      dialect: new PGliteDialect({
        pglite: {
          get closed() {
            return pglite.closed;
          },
          get ready() {
            return pglite.ready;
          },
          waitReady: pglite.waitReady,
          close: () => Promise.resolve(),
          query: (text, values, options) => {
            scope.refuseInside();
            return pglite.query(text, values, options);
          },
          transaction: (work) => {
            scope.refuseInside();
            return pglite.transaction(work);
          },
        },
      }),
    });
  }

  async run<R>(statement: Statement, values: readonly unknown[]): Promise<Result<R>> {
    this.#scope.refuseInside();
    this.#asked += 1;
    try {
      return await send<R>(this.#pglite, statement, values, 'sent');
    } finally {
      this.#asked -= 1;
    }
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    this.#scope.refuseInside();
    this.#asked += 1;
    try {
      return await this.#pglite.transaction(async (handle) => {
        const run = <R>(statement: Statement, values: readonly unknown[]) =>
          send<R>(handle, statement, values, 'in transaction');
        return this.#scope.run(() => work({ inTransaction: true, run }));
      });
    } catch (error) {
      throw asFailure(error, 'in transaction');
    } finally {
      this.#asked -= 1;
    }
  }

  async listen(channel: string, onNotify: (payload: string) => void): Promise<Stop | null> {
    this.#scope.refuseInside();
    const stop = await this.#pglite.listen(quoted(channel), onNotify);
    onNotify('');
    return async () => {
      if (!this.#pglite.closed) await stop();
    };
  }

  alone<T>(work: (kysely: Kysely<unknown>) => Promise<T>): Promise<T> {
    this.#scope.refuseInside();
    return work(this.kysely);
  }

  dump(): Promise<Blob> {
    return this.#pglite.dumpDataDir('none');
  }

  /** Its one connection. */
  poolCounts(): PoolCounts {
    const busy = Math.min(this.#asked, 1);
    return { idle: 1 - busy, busy, waiting: this.#asked - busy };
  }

  close(): Promise<void> {
    this.#closing ??= this.#pglite.close().finally(this.#unlock);
    return this.#closing;
  }
}

async function send<R>(
  connection: PGlite | PGliteTransaction,
  { text }: Statement,
  values: readonly unknown[],
  progress: Progress,
): Promise<Result<R>> {
  try {
    const { rows, affectedRows } = await connection.query<R>(text, [...values]);
    // The driver counts what INSERT, UPDATE and DELETE touched; what a SELECT returned are its rows.
    return { rows, count: Math.max(affectedRows ?? 0, rows.length) };
  } catch (error) {
    throw asFailure(error, progress);
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
