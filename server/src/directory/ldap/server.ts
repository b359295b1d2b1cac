/** One server of a directory: its two pools, never mixed, and the memory of its failures. */
import type { DirectoryRegistration } from '../../registry/registration.ts';
import {
  type BindAnswer,
  type Connection,
  ConnectionLost,
  type ModifyAnswer,
  openConnection,
  type SearchAnswer,
  type SearchCommand,
  type SearchPage,
} from './connection.ts';
import { type Attempt, createHealth, type Health } from './health.ts';
import { type Measured, measuredAt, type OperationPorts } from './operation.ts';
import type { PasswordCommand } from './password-request.ts';
import { createPool, type Loan, type Pool, PoolBusy } from './pool.ts';
import type { ServiceBindGate } from './service-bind.ts';
import type { Connect, Purpose, ServerTarget } from './target.ts';

export interface ServerPorts extends OperationPorts {
  readonly connect: Connect;
  readonly gate: ServiceBindGate;
  /** It failed, so it has to be tried again some time. */
  readonly onFailure: (server: LdapServer) => void;
  /** Milliseconds that one question may take in all. */
  readonly longest: number;
}

/** Searches on one connection of the search pool. */
export interface Searcher {
  search(command: SearchCommand, page?: SearchPage): Promise<SearchAnswer>;
}

export interface LdapServer {
  readonly url: string;
  readonly target: ServerTarget;
  readonly health: Pick<Health, 'state' | 'failedAt' | 'dueIn' | 'begin' | 'trial'>;
  /** Milliseconds within which it answers any one operation, or has failed. */
  readonly patience: number;
  /** Ends an attempt by what was thrown. */
  fail(attempt: Attempt, error: unknown): void;
  /** Ends an attempt whose question it did not answer in full; connections stay. */
  doubt(attempt: Attempt): void;
  /**
   * @param onAnswer runs after each search that was completed with success
   * @throws ConnectionLost, PoolBusy, ServiceBindRefused, ServiceBindFailed, errors of connecting
   */
  search<T>(work: (searcher: Searcher) => Promise<T>, signal: AbortSignal, onAnswer?: () => void): Promise<T>;
  /** As {@link search}; the code decides whether the connection is kept. */
  bind(dn: string, password: string, withPolicy: boolean, signal: AbortSignal): Promise<BindAnswer>;
  /** As {@link bind}, on a connection of its own on which the user's password can be changed; the caller destroys it. */
  bindApart(dn: string, password: string, withPolicy: boolean, signal: AbortSignal): Promise<BoundApart>;
  /** A connection of its own, bound as the service account after `onConnected`; the caller destroys it. */
  probe(onConnected: () => void, signal: AbortSignal): Promise<Searcher & Pick<Connection, 'destroy'>>;
  /** Connections now, of both kinds, and those who wait for one. */
  readonly counts: Pool['counts'];
  close(): void;
}

/** A user's own connection; it goes into no pool. */
export interface BoundApart {
  readonly answer: BindAnswer;
  /** @throws ConnectionLost: nobody knows then whether the password was changed */
  changePassword(command: PasswordCommand): Promise<ModifyAnswer>;
  destroy(): void;
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
  readonly target: ServerTarget;
  readonly health: Health;
  readonly patience: number;
  readonly #settings: Settings;
  readonly #ports: ServerPorts;
  readonly #measured: Measured;
  readonly #searches: Pool;
  readonly #binds: Pool;

  constructor(target: ServerTarget, settings: Settings, ports: ServerPorts) {
    const { now } = ports;
    this.url = target.url;
    this.target = target;
    this.#settings = settings;
    this.#ports = ports;
    this.#measured = measuredAt(target.url, ports);
    this.health = createHealth(now);
    // A little less than its own limit: that of the whole question may end at the same moment, or before any of its own.
    this.patience = 0.9 * Math.min(ports.longest, ...Object.values(settings.timeouts));
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

  get counts(): Pool['counts'] {
    const [one, other] = [this.#searches.counts, this.#binds.counts];
    return { idle: one.idle + other.idle, lent: one.lent + other.lent, waiting: one.waiting + other.waiting };
  }

  search<T>(work: (searcher: Searcher) => Promise<T>, signal: AbortSignal, onAnswer = () => {}): Promise<T> {
    return lend(this.#searches, signal, async ({ connection }) => {
      const searcher = this.#searcherOn(connection, 'search', signal);
      const value = await work({
        async search(command, page) {
          const answer = await searcher.search(command, page);
          if (answer.code === 0) onAnswer();
          return answer;
        },
      });
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

  async bindApart(dn: string, password: string, withPolicy: boolean, signal: AbortSignal): Promise<BoundApart> {
    const limits = { milliseconds: this.#settings.timeouts.bind, signal };
    const connection = await this.#connect('bind', signal);
    const bind = () => connection.bind(dn, password, limits, withPolicy);
    try {
      const answer = await this.#measured('bind', 'bind', bind, ({ code }) => outcomeOf(code));
      return {
        answer,
        changePassword: (command) => {
          const change = () => connection.changePassword(command, limits);
          return this.#measured('modify', 'bind', change, ({ code }) => outcomeOf(code));
        },
        destroy: () => connection.destroy(),
      };
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  async probe(onConnected: () => void, signal: AbortSignal): Promise<Searcher & Pick<Connection, 'destroy'>> {
    const connection = await this.#connect('probe', signal);
    onConnected();
    await this.#bindAsService(connection, 'probe', signal);
    return { ...this.#searcherOn(connection, 'probe', signal), destroy: () => connection.destroy() };
  }

  fail(attempt: Attempt, error: unknown): void {
    attempt.fail();
    if (isSilence(error)) {
      this.#searches.distrust();
      this.#binds.distrust();
    }
    this.#ports.onFailure(this);
  }

  doubt(attempt: Attempt): void {
    attempt.doubt();
    this.#ports.onFailure(this);
  }

  close(): void {
    this.#searches.close();
    this.#binds.close();
  }

  #connect(purpose: Purpose, signal: AbortSignal): Promise<Connection> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeouts.connect)]);
    return this.#measured('connect', purpose, async () =>
      openConnection(await this.#ports.connect(this.target, purpose, limit)),
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
    const ended = () => 'success' as const;
    const elsewhere = ({ references }: SearchAnswer) => references;
    return {
      search: (command, page) =>
        this.#measured('search', purpose, () => connection.search(command, limits, page), ended, elsewhere),
    };
  }
}

/** What is closed says so when it is used again; what was swallowed keeps silent for a whole time-out, each time. */
function isSilence(error: unknown): boolean {
  if (error instanceof ConnectionLost) return error.reason === 'timeout' || error.reason === 'stopped';
  return error instanceof PoolBusy || (error instanceof Error && error.name === 'TimeoutError');
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
