/** A pool that never hands out a connection twice whose last statement may still be running. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { DatabaseUnavailable, type PoolCounts } from './database.ts';
import { leavesConnectionUsable, sqlState } from './failures.ts';
import { type AnswerLimits, guardedClient } from './guarded-client.ts';
import { beginSession, queryTimeout } from './postgres-settings.ts';

export interface Query {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

/** A connection that is borrowed until {@link release}, which destroys it when its state is not known to be clean. */
export class Lease {
  readonly #client: pg.PoolClient;
  #waiting = 0;
  #broken = false;
  /** A pooler stands in between: nothing may be kept on the connection. */
  readonly pooled: boolean;

  constructor(client: pg.PoolClient, pooled: boolean) {
    this.#client = client;
    this.pooled = pooled;
  }

  async query(query: Query): Promise<pg.QueryResult> {
    // It is destroyed when it is released: to ask it once more would only wait once more.
    if (this.#broken) throw new DatabaseUnavailable('the connection to the database is not usable any more');
    this.#waiting += 1;
    try {
      return await this.#client.query(query);
    } catch (error) {
      if (!leavesConnectionUsable(error)) this.#broken = true;
      throw error;
    } finally {
      this.#waiting -= 1;
    }
  }

  release(destroy = false): void {
    const clean = this.#waiting === 0 && !this.#broken && this.#client.getTransactionStatus() === 'I';
    this.#client.release(destroy || !clean);
  }
}

export interface PoolOptions {
  readonly max: number;
  readonly maxWaiting: number;
  readonly onProblem: (problem: string) => void;
  /** Session limits (the default), or none for migrations. */
  readonly limited: boolean;
  /** Milliseconds that one answer is waited for. Default: a little more than the session's limits, or without them for ever. */
  readonly answerWithin?: number;
  readonly answers?: AnswerLimits | undefined;
}

/** Milliseconds without new connections after the server refused the login of one. */
const loginPause = 2_000;
/** Milliseconds that a connection may take which nobody waits for. */
const warmTimeout = 10_000;
/** How often a request that met a refused login asks for another connection. */
const logins = 3;

export class Pool {
  readonly #pool: pg.Pool;
  readonly #maxWaiting: number;
  readonly #pooled = new WeakSet<pg.ClientBase>();
  readonly #clients = new Set<pg.PoolClient>();
  /** Nobody waits for an answer: a connection may take its time. */
  #warming = false;
  /** On the clock of `performance.now()`. */
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(config: pg.ClientConfig, { max, maxWaiting, onProblem, limited, answers, ...more }: PoolOptions) {
    this.#maxWaiting = maxWaiting;
    const answerWithin = more.answerWithin ?? (limited ? queryTimeout : undefined);
    this.#pool = new pg.Pool({
      ...config,
      Client: guardedClient(answers),
      ...(answerWithin === undefined ? {} : { query_timeout: answerWithin }),
      max,
      idleTimeoutMillis: 300_000,
      onConnect: (client) => this.#prepare(client, limited) as unknown as void,
    });
    // Read for each new connection: so connections that were opened together do not end together.
    Object.defineProperty(this.#pool.options, 'maxLifetimeSeconds', {
      get: () => 540 + Math.ceil(Math.random() * 120),
    });
    // Between the change of a password on the server and in our hands no connection can be made: those that there are serve.
    Object.defineProperty(this.#pool.options, 'max', {
      get: () => (performance.now() - this.#refusedAt < loginPause ? Math.max(1, this.#pool.totalCount) : max),
    });
    Object.defineProperty(this.#pool.options, 'connectionTimeoutMillis', {
      get: () => (this.#warming ? warmTimeout : config.connectionTimeoutMillis),
    });
    this.#pool.on('connect', (client) => this.#clients.add(client));
    this.#pool.on('remove', (client) => this.#clients.delete(client));
    this.#pool.on('error', (error) => onProblem(`an idle database connection was lost: ${error.message}`));
  }

  async #prepare(client: pg.ClientBase, limited: boolean): Promise<void> {
    // A backend that is killed while its connection is borrowed emits here; without a listener the process would end.
    client.on('error', () => undefined);
    const { rowCount } = await client.query(beginSession(processId(client), limited));
    if (rowCount === 0) this.#pooled.add(client);
  }

  /** @throws DatabaseUnavailable at once when too many wait already: a queue is only a slower refusal. */
  async connect(): Promise<Lease> {
    if (this.#pool.waitingCount >= this.#maxWaiting) {
      throw new DatabaseUnavailable(`${this.#pool.waitingCount} requests wait for a database connection`);
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        const client = await this.#pool.connect();
        return new Lease(client, this.#pooled.has(client));
      } catch (error) {
        if (!isRefusedLogin(error) || attempt === logins || this.#pool.totalCount === 0) throw error;
        this.#refusedAt = performance.now();
      }
    }
  }

  /** How many connections there are. */
  get size(): number {
    return this.#pool.totalCount;
  }

  get counts(): PoolCounts {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { idle: idleCount, busy: totalCount - idleCount, waiting: waitingCount };
  }

  /**
   * Makes so many connections ahead of the first request.
   *
   * @throws Error not one could be made
   */
  async warm(count: number): Promise<void> {
    this.#warming = true;
    try {
      const made = await Promise.allSettled(Array.from({ length: Math.max(1, count) }, () => this.connect()));
      const leases = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      for (const lease of leases) lease.release();
      const [first] = made;
      if (leases.length === 0 && first?.status === 'rejected') throw first.reason;
    } finally {
      this.#warming = false;
    }
  }

  /** Ends once nobody waits for a connection any more; what is borrowed ends with its last statement. */
  async retire(): Promise<void> {
    while (this.#pool.waitingCount > 0) await sleep(20);
    await this.#pool.end();
  }

  /** The pool as Kysely takes it. `borrow` may refuse; whether `destroy()` of Kysely ends the pool is up to `end`. */
  forKysely({ borrow, end }: { borrow: () => Promise<Lease>; end: () => Promise<void> }): PostgresPool {
    const connect = async (): Promise<PostgresPoolClient> => {
      const lease = await borrow();
      const query = (text: string, values: readonly unknown[]) => lease.query({ text, values: [...values] });
      return { query: query as unknown as PostgresPoolClient['query'], release: (destroy) => lease.release(destroy) };
    };
    return { connect, end, options: this.#pool.options };
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  /** The same for a server that may say nothing any more, not even good-bye. */
  async endWithin(patience: number): Promise<void> {
    const enough = new AbortController();
    const late = sleep(patience, undefined, { signal: enough.signal }).then(
      () => {
        for (const { connection } of this.#clients) connection.stream.destroy();
      },
      () => undefined,
    );
    await this.#pool.end();
    enough.abort();
    await late;
  }
}

/** The password or the role is not what it was. */
function isRefusedLogin(error: unknown): boolean {
  const state = sqlState(error);
  return state === '28P01' || state === '28000';
}

/** As the server (or the pooler) gave it at start-up; pg keeps it without declaring it. */
export function processId(client: pg.ClientBase): number {
  const id = 'processID' in client ? Number(client.processID) : 0;
  return Number.isSafeInteger(id) ? id : 0;
}
