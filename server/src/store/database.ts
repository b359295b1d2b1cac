/**
 * The database as every table file and the registry see it. Two adapters: `store/postgres.ts` (pg) and
 * `store/pglite.ts` (embedded). Both give bigint as `number`, bytea as `Buffer`, timestamptz as `Date`, jsonb parsed.
 */
import type { Kysely } from 'kysely';

/** One SQL statement with `$1…` parameters. `name` prepares it on Postgres and labels metrics; it is unique. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface Result<R> {
  readonly rows: readonly R[];
  /** Rows that the top-level command touched or returned. */
  readonly count: number;
}

export interface Runner {
  run<R = Record<string, unknown>>(statement: Statement, values: readonly unknown[]): Promise<Result<R>>;
}

/** A transaction that is open. Writers that combine take it by type; one statement alone needs none. */
export interface Transaction extends Runner {
  readonly inTransaction: true;
}

export type Stop = () => Promise<void>;

/** Connections of a pool now, and who waits for one. */
export interface PoolCounts {
  readonly idle: number;
  readonly busy: number;
  readonly waiting: number;
}

/**
 * Values are given as the column wants them; json and jsonb as JSON text (an array would become a Postgres array).
 * Inside {@link transaction} every member but the handle given to `work` throws `TransactionHandleRequired`.
 */
export interface Database extends Runner {
  readonly kind: 'postgres' | 'pglite';
  /** For migrations and for background work that is not worth a name. Never inside a {@link transaction} (PGlite has one connection). */
  readonly kysely: Kysely<unknown>;
  /** READ COMMITTED. An error rolls back and is thrown on. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * NOTIFY as a hint: `onNotify` also runs once after every (re)connect. Resolves to `null` where LISTEN is not possible;
   * polling is the truth either way.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<Stop | null>;
  /**
   * Connections of their own, without the session's time limits and past any pooler: for migrations.
   *
   * @param answerWithin milliseconds after which a statement without an answer counts as unanswered. Default: never
   */
  alone<T>(work: (kysely: Kysely<unknown>) => Promise<T>, answerWithin?: number): Promise<T>;
  /** For metrics. */
  poolCounts?(): PoolCounts;
  close(): Promise<void>;
}

/** The database did not answer in time or refused the connection; nothing is known to have been written. */
export class DatabaseUnavailable extends Error {
  readonly code = 'database_unavailable';
  /** `true`: COMMIT was sent and its answer lost, the write may have happened. */
  readonly unknownOutcome: boolean;
  constructor(detail: string, options: ErrorOptions & { unknownOutcome?: boolean } = {}) {
    super(detail, options);
    this.name = 'DatabaseUnavailable';
    this.unknownOutcome = options.unknownOutcome ?? false;
  }
}
