/** Postgres ≥ 15 through pg: one pool, named statements, every wait bounded. */
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import type { Database, PoolCounts, Result, Statement, Stop, Transaction } from './database.ts';
import { asFailure, isWorthAnotherConnection, type Progress } from './failures.ts';
import type { AnswerLimits } from './guarded-client.ts';
import { Listener } from './postgres-listen.ts';
import { type Lease, Pool } from './postgres-pool.ts';
import { clientConfig, connectTimeout, limitTransaction } from './postgres-settings.ts';
import { TransactionScope } from './transaction-scope.ts';

export interface PostgresOptions {
  /** Connections of the pool. Default 14; LISTEN and a migration take one each beside it. */
  readonly max?: number;
  /** So many may wait for a connection (each at most a second); more are refused at once. Default 256. */
  readonly maxWaiting?: number;
  /** PEM certificates that are trusted for this server alone; switches TLS on. */
  readonly ca?: string;
  /** Past the pooler, for migrations and LISTEN. Default: the URL itself. */
  readonly directUrl?: string;
  /** The pooler keeps track of prepared statements (PgBouncer ≥ 1.21 with `max_prepared_statements`). Default `false`. */
  readonly poolerTracksStatements?: boolean;
  /** For a database that somebody else chose. Default: none. */
  readonly answers?: AnswerLimits;
  /** One line about something that repaired itself or needs an eye. Default: nobody hears it. */
  readonly onProblem?: (problem: string) => void;
}

/** Where the database is and who we are there; all three may change while it is used. */
export interface PostgresConnection {
  /** `postgres://…` */
  readonly url: string;
  readonly directUrl?: string | undefined;
  /** PEM certificates. */
  readonly ca?: string | undefined;
}

export interface Postgres extends Database {
  /**
   * From now on with this connection: as many as there are now are made first, new work goes there, what was sent already ends where it is, and
   * LISTEN is made anew.
   *
   * @throws DatabaseUnavailable, RangeError it cannot be used: nothing has changed
   */
  exchange(connection: PostgresConnection): Promise<void>;
}

/** A migration's lock would stay behind on a pooler's connection. */
export class DirectConnectionNeeded extends Error {
  readonly code = 'direct_connection_needed';
  constructor() {
    super('migrations need a connection past the pooler: give the direct URL beside the pooled one');
    this.name = 'DirectConnectionNeeded';
  }
}

/**
 * Connects lazily: a server that is away shows as `DatabaseUnavailable` at the first statement.
 *
 * Behind a pooler in transaction mode (recognised by itself) single statements have no limits of their own: give the role
 * `ALTER ROLE … SET statement_timeout = '3s'`, and likewise `lock_timeout`, `idle_in_transaction_session_timeout`.
 * @throws RangeError for a URL that cannot be used.
 */
export function openPostgres(url: string, options: PostgresOptions = {}): Promise<Postgres> {
  return new Promise((resolve) => resolve(new PostgresDatabase(url, options)));
}

/** Milliseconds. */
const aloneConnectTimeout = 10_000;

class PostgresDatabase implements Postgres {
  readonly kind = 'postgres';
  readonly kysely: Kysely<unknown>;
  readonly #options: PostgresOptions;
  #pool: Pool;
  readonly #listener: Listener;
  #direct: pg.ClientConfig;
  readonly #retiring = new Set<Promise<void>>();
  readonly #scope = new TransactionScope();
  readonly #nameless: boolean;
  readonly #onProblem: (problem: string) => void;
  readonly #answers: AnswerLimits | undefined;
  #closing: Promise<void> | undefined;

  constructor(url: string, options: PostgresOptions) {
    this.#options = options;
    const onProblem = options.onProblem ?? (() => undefined);
    this.#onProblem = onProblem;
    this.#answers = options.answers;
    this.#direct = clientConfig(options.directUrl ?? url, options.ca);
    this.#pool = this.#makePool(clientConfig(url, options.ca));
    this.#listener = new Listener(this.#direct, onProblem, this.#answers);
    this.#nameless = options.poolerTracksStatements !== true;
    const borrow = () => {
      this.#scope.refuseInside();
      return this.#pool.connect();
    };
    // Kysely ends its pool when it is destroyed, and only if it was used: the pool is ended here instead.
    const pool = this.#pool.forKysely({ borrow, end: () => Promise.resolve() });
    this.kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
  }

  #makePool(config: pg.ClientConfig): Pool {
    const { max = 14, maxWaiting = 256 } = this.#options;
    return new Pool(config, { max, maxWaiting, onProblem: this.#onProblem, limited: true, answers: this.#answers });
  }

  async exchange({ url, directUrl, ca }: PostgresConnection): Promise<void> {
    const direct = clientConfig(directUrl ?? url, ca);
    const pool = this.#makePool(clientConfig(url, ca));
    try {
      await pool.warm(Math.min(this.#pool.size, this.#options.max ?? 14));
    } catch (error) {
      await pool.end();
      throw asFailure(error, 'unsent');
    }
    if (this.#closing !== undefined) return pool.end();
    const former = this.#pool;
    this.#pool = pool;
    this.#direct = direct;
    this.#listener.use(direct);
    const retiring = former.retire().finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }

  async run<R>(statement: Statement, values: readonly unknown[]): Promise<Result<R>> {
    this.#scope.refuseInside();
    for (let attempt = 1; ; attempt += 1) {
      let progress: Progress = 'unsent';
      try {
        const lease = await this.#pool.connect();
        try {
          progress = 'sent';
          return await this.#send<R>(lease, statement, values);
        } finally {
          lease.release();
        }
      } catch (error) {
        if (attempt === 2 || !isWorthAnotherConnection(error)) throw asFailure(error, progress);
      }
    }
  }

  async #send<R>(lease: Lease, { name, text }: Statement, values: readonly unknown[]): Promise<Result<R>> {
    const named = lease.pooled && this.#nameless ? {} : { name };
    const result: pg.QueryResult = await lease.query({ ...named, text, values: [...values] });
    return { rows: result.rows as R[], count: result.rowCount ?? 0 };
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    this.#scope.refuseInside();
    const lease = await this.#begin();
    let committing = false;
    try {
      const result = await this.#scope.run(() => work(this.#handle(lease)));
      committing = true;
      const { command } = await lease.query({ text: 'COMMIT' });
      // An error that `work` swallowed left the transaction aborted: Postgres answers COMMIT with ROLLBACK.
      if (command !== 'COMMIT') throw new Error('the transaction was rolled back: one of its statements had failed');
      return result;
    } catch (error) {
      if (!committing) await lease.query({ text: 'ROLLBACK' }).catch(() => undefined);
      throw asFailure(error, committing ? 'sent' : 'in transaction');
    } finally {
      lease.release();
    }
  }

  #handle(lease: Lease): Transaction {
    return {
      inTransaction: true,
      run: async <R>(statement: Statement, values: readonly unknown[]) => {
        try {
          return await this.#send<R>(lease, statement, values);
        } catch (error) {
          throw asFailure(error, 'in transaction');
        }
      },
    };
  }

  /** Nothing has happened before BEGIN was answered, so a dead connection costs one more try. */
  async #begin(): Promise<Lease> {
    const begin = async (): Promise<Lease> => {
      const lease = await this.#pool.connect();
      try {
        await lease.query({ text: lease.pooled ? `BEGIN; ${limitTransaction}` : 'BEGIN' });
        return lease;
      } catch (error) {
        lease.release(true);
        throw error;
      }
    };
    try {
      return await begin().catch((error: unknown) =>
        isWorthAnotherConnection(error) ? begin() : Promise.reject(error),
      );
    } catch (error) {
      throw asFailure(error, 'unsent');
    }
  }

  listen(channel: string, onNotify: (payload: string) => void): Promise<Stop | null> {
    this.#scope.refuseInside();
    return this.#listener.listen(channel, onNotify);
  }

  async alone<T>(work: (kysely: Kysely<unknown>) => Promise<T>, answerWithin?: number): Promise<T> {
    this.#scope.refuseInside();
    // No request waits for these connections.
    const config = { ...this.#direct, connectionTimeoutMillis: aloneConnectTimeout };
    const pool = new Pool(config, {
      max: 2,
      maxWaiting: 2,
      onProblem: this.#onProblem,
      limited: false,
      answers: this.#answers,
      ...(answerWithin === undefined ? {} : { answerWithin }),
    });
    const borrow = () => pool.connect();
    const kysely = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool: pool.forKysely({ borrow, end: () => Promise.resolve() }) }),
    });
    try {
      const lease = await pool.connect();
      lease.release();
      if (lease.pooled) throw new DirectConnectionNeeded();
      return await work(kysely);
    } catch (error) {
      throw asFailure(error, 'in transaction');
    } finally {
      await pool.endWithin(connectTimeout);
    }
  }

  poolCounts(): PoolCounts {
    return this.#pool.counts;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#listener.close();
    await this.kysely.destroy();
    await Promise.all([this.#pool.end(), ...this.#retiring]);
  }
}
