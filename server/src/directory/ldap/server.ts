/** One server of a directory: its two pools, never mixed, and the memory of its failures. */
import type { DirectoryRegistration } from '../../registry/registration.ts';
import {
  type BindAnswer,
  type Connection,
  ConnectionLost,
  openConnection,
  type SearchAnswer,
  type SearchCommand,
} from './connection.ts';
import { createHealth, type Health } from './health.ts';
import { type Measured, measuredAt, type OperationPorts } from './operation.ts';
import { createPool, type Loan, type Pool } from './pool.ts';
import type { ServiceBindGate } from './service-bind.ts';
import type { Connect, Purpose, ServerTarget } from './target.ts';

export interface ServerPorts extends OperationPorts {
  readonly connect: Connect;
  readonly gate: ServiceBindGate;
}

/** Searches on one connection of the search pool. */
export interface Searcher {
  search(command: SearchCommand): Promise<SearchAnswer>;
}

export interface LdapServer {
  readonly url: string;
  /** Whether it failed three times in a row a short while ago: then others are asked first. */
  readonly skipped: boolean;
  /** Whether it failed three times in a row, and has not succeeded since. */
  readonly down: boolean;
  /** @throws ConnectionLost, PoolBusy, ServiceBindRefused, ServiceBindFailed, errors of connecting */
  search<T>(work: (searcher: Searcher) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** As {@link search}; the code decides whether the connection is kept. */
  bind(dn: string, password: string, withPolicy: boolean, signal: AbortSignal): Promise<BindAnswer>;
  /** A connection of its own, bound as the service account after `onConnected`; the caller destroys it. */
  probe(onConnected: () => void, signal: AbortSignal): Promise<Searcher & Pick<Connection, 'destroy'>>;
  /** Connections now, of both kinds, and those who wait for one. */
  readonly counts: Pool['counts'];
  noteFailure(): void;
  noteSuccess(): void;
  close(): void;
}

const searchConnections = 4;
const bindConnections = 16;
const minute = 60_000;
/** Milliseconds for a service bind in all, waiting for another replica's included. */
const longestServiceBind = 6000;
const endless: AbortSignal = new AbortController().signal;

type Settings = Pick<DirectoryRegistration, 'bind_dn' | 'bind_password' | 'timeouts'>;

export function createServer(target: ServerTarget, settings: Settings, ports: ServerPorts): LdapServer {
  return new Server(target, settings, ports);
}

class Server implements LdapServer {
  readonly url: string;
  readonly #target: ServerTarget;
  readonly #settings: Settings;
  readonly #ports: ServerPorts;
  readonly #measured: Measured;
  readonly #health: Health;
  readonly #searches: Pool;
  readonly #binds: Pool;

  constructor(target: ServerTarget, settings: Settings, ports: ServerPorts) {
    const { now } = ports;
    this.url = target.url;
    this.#target = target;
    this.#settings = settings;
    this.#ports = ports;
    this.#measured = measuredAt(target.url, ports);
    this.#health = createHealth(now);
    this.#searches = createPool({
      size: searchConnections,
      oldest: 30 * minute,
      now,
      open: async () => {
        const connection = await this.#connect('search', endless);
        await this.#bindAsService(connection, 'search', AbortSignal.timeout(longestServiceBind));
        return connection;
      },
    });
    this.#binds = createPool({
      size: bindConnections,
      oldest: 5 * minute,
      now,
      open: () => this.#connect('bind', endless),
    });
  }

  get skipped(): boolean {
    return this.#health.skipped;
  }

  get down(): boolean {
    return this.#health.down;
  }

  get counts(): Pool['counts'] {
    const [one, other] = [this.#searches.counts, this.#binds.counts];
    return { idle: one.idle + other.idle, lent: one.lent + other.lent, waiting: one.waiting + other.waiting };
  }

  search<T>(work: (searcher: Searcher) => Promise<T>, signal: AbortSignal): Promise<T> {
    return lend(this.#searches, signal, async ({ connection }) => {
      const value = await work(this.#searcherOn(connection, 'search', signal));
      return { value, clean: true };
    });
  }

  bind(dn: string, password: string, withPolicy: boolean, signal: AbortSignal): Promise<BindAnswer> {
    return lend(this.#binds, signal, async ({ connection }) => {
      const limits = { milliseconds: this.#settings.timeouts.bind, signal };
      const bind = () => connection.bind(dn, password, limits, withPolicy);
      const value = await this.#measured('bind', 'bind', bind, ({ code }) => outcomeOf(code));
      // Anything but a plain yes or no may have left something behind, such as a password that must be changed first.
      return { value, clean: (value.code === 0 || value.code === 49) && value.policy === null };
    });
  }

  async probe(onConnected: () => void, signal: AbortSignal): Promise<Searcher & Pick<Connection, 'destroy'>> {
    const connection = await this.#connect('probe', signal);
    onConnected();
    await this.#bindAsService(connection, 'probe', signal);
    return { ...this.#searcherOn(connection, 'probe', signal), destroy: () => connection.destroy() };
  }

  noteFailure(): void {
    this.#health.fail();
  }

  noteSuccess(): void {
    this.#health.succeed();
  }

  close(): void {
    this.#searches.close();
    this.#binds.close();
  }

  #connect(purpose: Purpose, signal: AbortSignal): Promise<Connection> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeouts.connect)]);
    return this.#measured('connect', purpose, async () =>
      openConnection(await this.#ports.connect(this.#target, purpose, limit)),
    );
  }

  async #bindAsService(connection: Connection, purpose: Purpose, signal: AbortSignal): Promise<void> {
    const { bind_dn, bind_password, timeouts } = this.#settings;
    const limits = { milliseconds: timeouts.bind, signal };
    const bind = async () => (await connection.bind(bind_dn, bind_password, limits)).code;
    try {
      await this.#ports.gate.pass(this.url, () => this.#measured('bind', purpose, bind, outcomeOf), signal);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  #searcherOn(connection: Connection, purpose: Purpose, signal: AbortSignal): Searcher {
    const limits = { milliseconds: this.#settings.timeouts.search, signal };
    return { search: (command) => this.#measured('search', purpose, () => connection.search(command, limits)) };
  }
}

const outcomeOf = (code: number) => (code === 0 ? 'success' : 'refused');

type Lent<T> = (loan: Loan) => Promise<{ readonly value: T; readonly clean: boolean }>;

/**
 * A connection that served before may have been closed by a peer whose word has not arrived yet. Then, and only then, the
 * operation is repeated, on another one.
 */
async function lend<T>(pool: Pool, signal: AbortSignal, work: Lent<T>): Promise<T> {
  for (;;) {
    const loan = await pool.borrow(signal);
    let clean = false;
    try {
      const result = await work(loan);
      clean = result.clean;
      return result.value;
    } catch (error) {
      const stale = loan.reused && error instanceof ConnectionLost && error.reason === 'closed';
      if (!stale) throw error;
    } finally {
      loan.release(clean);
    }
  }
}
