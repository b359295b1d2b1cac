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
import { createPool, type Loan, type Pool } from './pool.ts';
import type { ServiceBindGate } from './service-bind.ts';
import type { Connect, Purpose, ServerTarget } from './target.ts';

/** One thing done with a server, for metrics and for tests that count. */
export interface LdapOperation {
  readonly directory: string;
  readonly server: string;
  readonly operation: 'connect' | 'bind' | 'search';
  readonly purpose: Purpose;
  readonly outcome: 'success' | 'refused' | 'failed';
  readonly milliseconds: number;
}

export interface ServerPorts {
  readonly directory: string;
  readonly connect: Connect;
  readonly gate: ServiceBindGate;
  readonly observe: (operation: LdapOperation) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Searches on one connection of the search pool. */
export interface Searcher {
  search(command: SearchCommand): Promise<SearchAnswer>;
}

export interface LdapServer {
  readonly url: string;
  /** Whether it failed three times in a row a short while ago: then others are asked first. */
  readonly skipped: boolean;
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
const failuresUntilSkipped = 3;
const shortestSkip = 5000;
const longestSkip = 30_000;

type Settings = Pick<DirectoryRegistration, 'bind_dn' | 'bind_password' | 'timeouts'>;

export function createServer(target: ServerTarget, settings: Settings, ports: ServerPorts): LdapServer {
  const { timeouts } = settings;
  const health = createHealth(ports.now);
  const measured = measure(target, ports);

  const connect = (purpose: Purpose, signal: AbortSignal): Promise<Connection> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeouts.connect)]);
    const open = async () => openConnection(await ports.connect(target, purpose, limit));
    return measured('connect', purpose, open, () => 'success');
  };

  const bindAsService = async (connection: Connection, purpose: Purpose, signal: AbortSignal) => {
    const { bind_dn, bind_password } = settings;
    const limits = { milliseconds: timeouts.bind, signal };
    const bind = async () => (await connection.bind(bind_dn, bind_password, limits)).code;
    const outcome = (code: number) => (code === 0 ? 'success' : 'refused');
    try {
      await ports.gate.pass(target.url, () => measured('bind', purpose, bind, outcome), signal);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  };

  const openSearch = async () => {
    const connection = await connect('search', endless);
    await bindAsService(connection, 'search', AbortSignal.timeout(longestServiceBind));
    return connection;
  };

  const searcherOn = (connection: Connection, purpose: Purpose, signal: AbortSignal): Searcher => ({
    search(command) {
      const limits = { milliseconds: timeouts.search, signal };
      return measured(
        'search',
        purpose,
        () => connection.search(command, limits),
        () => 'success',
      );
    },
  });

  const searches = createPool({ size: searchConnections, oldest: 30 * minute, open: openSearch, now: ports.now });
  const binds = createPool({
    size: bindConnections,
    oldest: 5 * minute,
    open: () => connect('bind', endless),
    now: ports.now,
  });

  return {
    url: target.url,
    get skipped() {
      return health.skipped;
    },
    search: (work, signal) =>
      lend(searches, signal, async ({ connection }) => {
        const value = await work(searcherOn(connection, 'search', signal));
        return { value, clean: true };
      }),
    bind: (dn, password, withPolicy, signal) =>
      lend(binds, signal, async ({ connection }) => {
        const limits = { milliseconds: timeouts.bind, signal };
        const bind = () => connection.bind(dn, password, limits, withPolicy);
        const value = await measured('bind', 'bind', bind, ({ code }) => (code === 0 ? 'success' : 'refused'));
        // Anything but a plain yes or no may have left something behind, such as a password that must be changed first.
        return { value, clean: (value.code === 0 || value.code === 49) && value.policy === null };
      }),
    async probe(onConnected, signal) {
      const connection = await connect('probe', signal);
      onConnected();
      await bindAsService(connection, 'probe', signal);
      return { ...searcherOn(connection, 'probe', signal), destroy: () => connection.destroy() };
    },
    get counts() {
      const [one, other] = [searches.counts, binds.counts];
      return {
        idle: one.idle + other.idle,
        lent: one.lent + other.lent,
        waiting: one.waiting + other.waiting,
      };
    },
    noteFailure: () => health.fail(),
    noteSuccess: () => health.succeed(),
    close() {
      searches.close();
      binds.close();
    },
  };
}

type Lent<T> = (loan: Loan) => Promise<{ readonly value: T; readonly clean: boolean }>;

/**
 * A connection that served before may have been closed by a peer whose word has not arrived yet. Then, and only then, the
 * operation is repeated, on a new one.
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

function measure({ url }: ServerTarget, { directory, observe, now }: ServerPorts) {
  return async <T>(
    operation: LdapOperation['operation'],
    purpose: Purpose,
    work: () => Promise<T>,
    outcomeOf: (value: T) => LdapOperation['outcome'],
  ): Promise<T> => {
    const start = now();
    const note = (outcome: LdapOperation['outcome']) =>
      observe({ directory, server: url, operation, purpose, outcome, milliseconds: now() - start });
    try {
      const value = await work();
      note(outcomeOf(value));
      return value;
    } catch (error) {
      note('failed');
      throw error;
    }
  };
}

/** Three failures in a row: skipped for 5 s, then twice as long after each further one, up to 30 s. */
function createHealth(now: () => number) {
  let failures = 0;
  let until = Number.NEGATIVE_INFINITY;
  return {
    get skipped() {
      return now() < until;
    },
    fail() {
      failures += 1;
      const over = failures - failuresUntilSkipped;
      if (over >= 0) until = now() + Math.min(longestSkip, shortestSkip * 2 ** Math.min(over, 10));
    },
    succeed() {
      failures = 0;
      until = Number.NEGATIVE_INFINITY;
    },
  };
}
