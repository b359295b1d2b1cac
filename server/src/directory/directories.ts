/**
 * The directory port over every directory that the registry serves: picks by name, asks, keeps the time, and looks at each
 * server every half minute. Directories follow the snapshot: what changed is closed and opened anew.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../protocol/time.ts';
import type { DirectoryProbe } from '../registry/report.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { Log } from '../telemetry/log.ts';
import {
  type AuthenticationOutcome,
  type Candidate,
  type DirectoryPort,
  DirectoryUnavailable,
  type DirectoryUser,
  type LookedUp,
  type PasswordChange,
} from './directory.ts';
import type { Found } from './ldap/find.ts';
import { type DirectoryPorts, LdapDirectory } from './ldap/ldap-directory.ts';
import type { LdapOperation } from './ldap/operation.ts';
import type { LdapServer } from './ldap/server.ts';
import type { ServiceBindLedger } from './ldap/service-bind.ts';
import { type ResolveSrv, resolveSrvHere } from './ldap/srv.ts';
import { type Connect, connectTls } from './ldap/target.ts';
import { defaultLimits, type Limits, leftOf } from './limits.ts';
import { createProber, type Prober } from './prober.ts';
import { isPassword, isUsername, nameMatches, unknownThrottleKey } from './typed.ts';

export interface DirectoriesOptions {
  readonly snapshots: SnapshotSource;
  readonly serviceBinds: ServiceBindLedger;
  /** 256 bits, equal on all replicas and kept from whoever reads the database. */
  readonly fingerprintKey: KeyObject;
  readonly clock: Clock;
  readonly log: Log;
  /** Each operation once, when it ended: for metrics, and for tests that count. */
  readonly observe?: (operation: LdapOperation) => void;
  /** Default: {@link defaultLimits}. */
  readonly limits?: Limits;
  /** How connections are opened; default: TLS as `ldap/target.ts` says. */
  readonly connect?: Connect;
  /** Who is asked for the servers of a domain; default: the resolvers of this system. */
  readonly resolveSrv?: ResolveSrv;
  /** Milliseconds until it is asked again; default: a minute. */
  readonly lookUpEvery?: number;
}

/** What one directory says of a typed name. */
export type Finding = { readonly directory: string; readonly priority: number } & (
  | { readonly outcome: 'found'; readonly user: DirectoryUser }
  /** `several`: entries share the name, so nobody signs in with it. `not_asked`: its `matches` leave the name out. */
  | { readonly outcome: 'nobody' | 'several' | 'not_asked' }
  | { readonly outcome: 'unavailable'; readonly detail: string }
);

export interface Directories extends DirectoryPort {
  /** For explanations: what every directory says of the name, in the order in which they count. */
  findEverywhere(username: string, signal: AbortSignal): Promise<readonly Finding[]>;
  /** What this replica found last, for its report; directories not looked at yet are absent. */
  probes(): readonly DirectoryProbe[];
  /** Runs after each look at a directory that changed what {@link probes} says. */
  onProbe(listener: () => void): () => void;
  /** Every server as it stands now, for metrics. */
  servers(): readonly ServerState[];
  /** Begins to look at the directories. Asking works before. */
  start(): void;
  /** Ends every connection and timer. */
  stop(): void;
}

export interface ServerState {
  readonly directory: string;
  readonly server: string;
  /** `false`: it failed repeatedly, and has not succeeded since; others are asked first. */
  readonly up: boolean;
  readonly connections: LdapServer['counts'];
}

/** Resolvers keep an answer for as long as its records allow, so asking costs little and hears of a change when they do. */
const defaultLookUpEvery = 60_000;

/** What was found, behind the candidate's back: DNs go nowhere else. */
interface Known {
  readonly directory: LdapDirectory;
  readonly found: Found | null;
  /** Milliseconds that finding took. */
  readonly spent: number;
}

export function createDirectories(options: DirectoriesOptions): Directories {
  return new RegisteredDirectories(options);
}

class RegisteredDirectories implements Directories {
  readonly #options: DirectoriesOptions;
  readonly #limits: Limits;
  readonly #ports: DirectoryPorts;
  readonly #prober: Prober;
  readonly #known = new WeakMap<Candidate, Known>();
  readonly #unfollow: () => void;
  #directories: ReadonlyMap<string, LdapDirectory> = new Map();

  constructor(options: DirectoriesOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultLimits;
    this.#prober = createProber(() => [...this.#directories.values()], options.log);
    this.#ports = { ...portsOf(options, this.#prober), longest: this.#limits.lookup };
    this.#follow();
    this.#unfollow = options.snapshots.onSwap(() => this.#follow());
  }

  /** Takes over what the snapshot says; a directory that did not change keeps its connections. */
  #follow(): void {
    const next = new Map<string, LdapDirectory>();
    for (const registered of this.#options.snapshots.current.directories()) {
      const id = `${registered.owner.namespace}/${registered.owner.name}`;
      const before = this.#directories.get(id);
      const same = before !== undefined && JSON.stringify(before.registered) === JSON.stringify(registered);
      next.set(id, same ? before : new LdapDirectory(id, registered, this.#ports));
    }
    const replaced = [...this.#directories.values()].filter((one) => next.get(one.id) !== one);
    this.#directories = next;
    for (const directory of replaced) directory.close();
    this.#prober.refresh();
  }

  /** In the order in which they count; among equals by id, so that every replica agrees. */
  #inOrder(): readonly LdapDirectory[] {
    const priority = (one: LdapDirectory) => one.registered.value.priority;
    return [...this.#directories.values()].toSorted(
      (one, other) => priority(one) - priority(other) || (one.id < other.id ? -1 : 1),
    );
  }

  #responsibleFor(username: string): readonly LdapDirectory[] {
    return this.#inOrder().filter((one) => nameMatches(one.registered.value.matches, username));
  }

  findEverywhere(username: string, signal: AbortSignal): Promise<readonly Finding[]> {
    const limit = within(signal, this.#limits.lookup);
    return Promise.all(this.#inOrder().map((one) => findingOf(one, username, limit)));
  }

  async find(username: string, signal: AbortSignal): Promise<Candidate> {
    const unknown = { known: false, throttleKey: unknownThrottleKey(username) } as const;
    if (!isUsername(username)) return { ...unknown, directory: null };
    const start = this.#ports.now();
    const limit = within(signal, this.#limits.lookup);
    const responsible = this.#responsibleFor(username);
    // All of them at once, also those behind the first that knows the name: the work must not tell who knows it.
    const answers = await Promise.all(responsible.map((one) => settled(one, one.find(username, limit))));
    const spent = this.#ports.now() - start;
    for (const answer of answers) {
      if ('error' in answer) throw answer.error;
      const { directory, value: found } = answer;
      if (found === null) continue;
      const { user } = found;
      return this.#keep({ known: true, user, throttleKey: `entry:${user.subject}` }, { directory, found, spent });
    }
    const [first] = responsible;
    if (first === undefined) return { ...unknown, directory: null };
    return this.#keep({ ...unknown, directory: first.id }, { directory: first, found: null, spent });
  }

  #keep(candidate: Candidate, known: Known): Candidate {
    this.#known.set(candidate, known);
    return candidate;
  }

  async authenticate(candidate: Candidate, password: string, signal: AbortSignal): Promise<AuthenticationOutcome> {
    const known = this.#known.get(candidate);
    if (known === undefined && candidate.known) throw new TypeError('authenticate takes what find returned');
    if (known === undefined || !isPassword(password)) return { outcome: 'rejected', reason: 'credentials' };
    const { directory, found, spent } = known;
    const limit = within(signal, leftOf(this.#limits, spent));
    return found === null
      ? directory.authenticateNobody(password, limit)
      : directory.authenticate(found, password, limit);
  }

  async findAgain(
    { directory: id, entryId }: { directory: string; entryId: string },
    signal: AbortSignal,
  ): Promise<Candidate> {
    const directory = this.#directories.get(id);
    if (directory === undefined) throw new DirectoryUnavailable(id, 'it is not registered');
    const start = this.#ports.now();
    const found = await directory.findAgain(entryId, within(signal, this.#limits.lookup));
    const known: Known = { directory, found, spent: this.#ports.now() - start };
    if (found === null) return this.#keep({ known: false, directory: id, throttleKey: `gone:${id} ${entryId}` }, known);
    const { user } = found;
    return this.#keep({ known: true, user, throttleKey: `entry:${user.subject}` }, known);
  }

  async changePassword(
    candidate: Candidate,
    current: string,
    next: string,
    signal: AbortSignal,
  ): Promise<PasswordChange> {
    const known = this.#known.get(candidate);
    if (known === undefined && candidate.known) throw new TypeError('changePassword takes what find returned');
    const wrong = { outcome: 'rejected', reason: 'credentials' } as const;
    if (known === undefined || !isPassword(current)) return wrong;
    const { directory, found, spent } = known;
    const limit = within(signal, leftOf(this.#limits, spent));
    if (found !== null) return directory.changePassword(found, { current, next }, limit);
    await directory.authenticateNobody(current, limit);
    return wrong;
  }

  async lookup(
    { directory: id, entryId }: { directory: string; entryId: string },
    signal: AbortSignal,
  ): Promise<DirectoryUser | null> {
    const directory = this.#directories.get(id);
    // Nobody has said that its users left.
    if (directory === undefined) throw new DirectoryUnavailable(id, 'it is not registered');
    return directory.lookup(entryId, within(signal, this.#limits.lookup));
  }

  async lookupMany(
    id: string,
    entryIds: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, LookedUp>> {
    const directory = this.#directories.get(id);
    if (directory === undefined) throw new DirectoryUnavailable(id, 'it is not registered');
    return directory.lookupMany(entryIds, signal);
  }

  async showsGroups({ directory: id, server }: { directory: string; server: string }, signal: AbortSignal) {
    const directory = this.#directories.get(id);
    if (directory === undefined) throw new DirectoryUnavailable(id, 'it is not registered');
    return directory.showsGroups(server, within(signal, this.#limits.lookup));
  }

  servers(): readonly ServerState[] {
    return [...this.#directories.values()].flatMap(({ id, servers }) =>
      servers.map(({ url, health, counts }) => ({
        directory: id,
        server: url,
        up: health.state !== 'open',
        connections: counts,
      })),
    );
  }

  probes(): readonly DirectoryProbe[] {
    return this.#prober.results();
  }

  onProbe(listener: () => void): () => void {
    return this.#prober.onResult(listener);
  }

  start(): void {
    this.#prober.start();
  }

  stop(): void {
    this.#unfollow();
    this.#prober.stop();
    for (const directory of this.#directories.values()) directory.close();
    this.#directories = new Map();
  }
}

function portsOf(options: DirectoriesOptions, prober: Prober): Omit<DirectoryPorts, 'longest'> {
  const { serviceBinds, fingerprintKey, connect, resolveSrv, lookUpEvery, observe, clock, log } = options;
  return {
    onFailure: (directory, server) => prober.tryAgain(directory, server),
    ledger: serviceBinds,
    fingerprintKey,
    connect: connect ?? connectTls,
    resolveSrv: resolveSrv ?? resolveSrvHere,
    lookUpEvery: lookUpEvery ?? defaultLookUpEvery,
    random: Math.random,
    onLookUpFailed: (id, code) =>
      log.warn('DNS names no servers of a directory', { 'nauthera.directory': id, 'error.type': code }),
    observe: observe ?? (() => undefined),
    now: () => performance.now(),
    time: () => clock.now(),
    onPolicyUnreadable: (id) =>
      log.warn('a policy of passwords or accounts cannot be read', { 'nauthera.directory': id }),
    onAmbiguous: (id) => log.warn('a user name finds several entries', { 'nauthera.directory': id }),
  };
}

function within(signal: AbortSignal, milliseconds: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(milliseconds))]);
}

async function findingOf(directory: LdapDirectory, username: string, signal: AbortSignal): Promise<Finding> {
  const { id, registered } = directory;
  const from = { directory: id, priority: registered.value.priority };
  if (!isUsername(username) || !nameMatches(registered.value.matches, username))
    return { ...from, outcome: 'not_asked' };
  try {
    const [only, ...more] = await directory.readAll(username, signal);
    if (only === undefined) return { ...from, outcome: 'nobody' };
    return more.length > 0 ? { ...from, outcome: 'several' } : { ...from, outcome: 'found', user: only };
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    return { ...from, outcome: 'unavailable', detail: error.detail };
  }
}

type Settled<T> = { readonly directory: LdapDirectory; readonly value: T } | { readonly error: unknown };

async function settled<T>(directory: LdapDirectory, work: Promise<T>): Promise<Settled<T>> {
  try {
    return { directory, value: await work };
  } catch (error) {
    return { error };
  }
}
