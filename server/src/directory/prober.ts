/**
 * When servers are looked at: at once where a directory is new or changed, then every half minute; one that failed as soon
 * as it is due to be tried again, so that no login has to find out whether it is back.
 */
import type { DirectoryProbe, DirectoryServerProbe, SampleUser } from '../registry/report.ts';
import type { Log } from '../telemetry/log.ts';
import type { LdapDirectory } from './ldap/ldap-directory.ts';
import { probeServer, registrationProblem } from './ldap/probe.ts';
import type { LdapServer } from './ldap/server.ts';
import { lookAtSamples } from './samples.ts';

export interface Prober {
  results(): readonly DirectoryProbe[];
  onResult(listener: () => void): () => void;
  /** The directories changed: forgets those that are gone, looks at new ones now. */
  refresh(): void;
  /** A server failed: it is looked at again when its health says so. */
  tryAgain(directory: LdapDirectory, server: LdapServer): void;
  start(): void;
  stop(): void;
}

const every = 30_000;
/** Between two tries of one server at least. */
const soonest = 5000;
/** A look ends by then, whatever the servers do. */
const longest = 8000;
/** The search for sample users, after a look that found a server well. */
const longestForSamples = 3000;

/** Where it happened; messages of strangers may hold what no log may. */
const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');

export function createProber(directories: () => readonly LdapDirectory[], log: Log): Prober {
  return new DirectoryProber(directories, log);
}

/** What is known of one directory that is served. */
interface Watched {
  timer: NodeJS.Timeout;
  readonly found: Map<LdapServer, DirectoryServerProbe>;
  /** Of servers that failed. */
  readonly retries: Map<LdapServer, NodeJS.Timeout>;
  /** What sign-ins of sample users would find, as it was when a server was well. */
  samples: readonly SampleUser[] | undefined;
  result: DirectoryProbe | undefined;
}

class DirectoryProber implements Prober {
  readonly #directories: () => readonly LdapDirectory[];
  readonly #log: Log;
  readonly #watched = new Map<LdapDirectory, Watched>();
  readonly #listeners = new Set<() => void>();
  readonly #stopping = new AbortController();
  #started = false;

  constructor(directories: () => readonly LdapDirectory[], log: Log) {
    this.#directories = directories;
    this.#log = log;
  }

  results(): readonly DirectoryProbe[] {
    return [...this.#watched.values()].flatMap(({ result }) => (result === undefined ? [] : [result]));
  }

  onResult(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  refresh(): void {
    if (!this.#started || this.#stopping.signal.aborted) return;
    const now = new Set(this.#directories());
    for (const [directory, { result }] of this.#watched) {
      if (now.has(directory)) continue;
      this.#forget(directory);
      if (result !== undefined) this.#announce();
    }
    for (const directory of now) {
      if (this.#watched.has(directory)) continue;
      const timer = this.#lookIn(directory, 0);
      this.#watched.set(directory, {
        timer,
        found: new Map(),
        retries: new Map(),
        samples: undefined,
        result: undefined,
      });
    }
  }

  tryAgain(directory: LdapDirectory, server: LdapServer): void {
    const watched = this.#watched.get(directory);
    if (watched === undefined || watched.retries.has(server)) return;
    const again = async () => {
      // DNS may name it no more.
      if (!directory.servers.includes(server)) return void watched.retries.delete(server);
      await server.health.trial;
      // Where it has failed once more since, it is due later.
      if (server.health.dueIn === 0 && server.health.state !== 'well') await this.#look(directory, [server]);
      watched.retries.delete(server);
      if (server.health.state !== 'well') this.tryAgain(directory, server);
    };
    // Timers may come a little early.
    const timer = setTimeout(() => void again(), Math.max(soonest, server.health.dueIn) + 20);
    watched.retries.set(server, timer.unref());
  }

  start(): void {
    this.#started = true;
    this.refresh();
  }

  stop(): void {
    this.#stopping.abort();
    for (const directory of this.#watched.keys()) this.#forget(directory);
  }

  #forget(directory: LdapDirectory): void {
    const watched = this.#watched.get(directory);
    this.#watched.delete(directory);
    if (watched === undefined) return;
    for (const timer of [watched.timer, ...watched.retries.values()]) clearTimeout(timer);
  }

  #lookIn(directory: LdapDirectory, delay: number): NodeJS.Timeout {
    const look = async () => {
      const watched = this.#watched.get(directory);
      if (watched === undefined) return;
      // Which servers there are may be a question to DNS.
      await directory.ready(AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(longest)]));
      // One that failed is tried when it is due, and not before.
      const { found, retries } = watched;
      const isDue = (server: LdapServer) => !retries.has(server) || !found.has(server);
      await this.#look(directory, directory.servers.filter(isDue));
      if (this.#watched.has(directory)) watched.timer = this.#lookIn(directory, every);
    };
    return setTimeout(() => void look(), delay).unref();
  }

  async #look(directory: LdapDirectory, servers: readonly LdapServer[]): Promise<void> {
    const limit = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(longest)]);
    try {
      const found = await Promise.all(
        servers.map(async (server) => [server, await probeServer(directory, server, limit)] as const),
      );
      const watched = this.#watched.get(directory);
      if (watched === undefined) return;
      const partly = watched.result === undefined && !directory.servers.every((one) => servers.includes(one));
      for (const [server, probe] of found) watched.found.set(server, probe);
      // Half of a first look would be taken for all that there is.
      if (partly) return;
      if (found.some(([, { searchBase }]) => searchBase?.ok === true)) await this.#lookAtSamples(directory, watched);
      if (this.#watched.has(directory)) this.#tell(directory, watched);
    } catch (error) {
      // The database that remembers refused passwords, or a mistake of ours: what was found before stays.
      this.#warn(directory, error);
    }
  }

  async #lookAtSamples(directory: LdapDirectory, watched: Watched): Promise<void> {
    const limit = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(longestForSamples)]);
    try {
      watched.samples = await lookAtSamples(directory, watched.samples, limit);
    } catch (error) {
      // What was found at the servers is to be told all the same.
      this.#warn(directory, error);
    }
  }

  #warn(directory: LdapDirectory, error: unknown): void {
    this.#log.warn('looking at a directory failed', {
      'nauthera.directory': directory.id,
      'error.type': error instanceof Error ? error.name : typeof error,
      ...(error instanceof Error && error.stack !== undefined ? { 'error.stack': framesOf(error.stack) } : {}),
    });
  }

  #tell(directory: LdapDirectory, watched: Watched): void {
    const { owner, fingerprint = '' } = directory.registered;
    const servers = registrationProblem(directory) ?? inOrderOf(directory.servers, watched.found);
    const { samples } = watched;
    const told = samples === undefined ? {} : { samples };
    const result = { directory: directory.id, uid: owner.uid, fingerprint, servers, ...told };
    const changed = JSON.stringify(watched.result) !== JSON.stringify(result);
    watched.result = result;
    if (changed) this.#announce();
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Servers that are no longer those of the directory are forgotten. */
function inOrderOf(
  servers: readonly LdapServer[],
  found: Map<LdapServer, DirectoryServerProbe>,
): readonly DirectoryServerProbe[] {
  for (const server of found.keys()) if (!servers.includes(server)) found.delete(server);
  return servers.flatMap((server) => found.get(server) ?? []);
}
