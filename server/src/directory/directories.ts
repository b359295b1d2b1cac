/**
 * The directory port over every directory that the registry serves: picks by name, asks, keeps the time, and looks at each
 * server every half minute. Directories follow the snapshot: what changed is closed and opened anew.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../protocol/time.ts';
import type { DirectoryProbe } from '../registry/report.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { Log } from '../telemetry/log.ts';
import { type Candidate, type DirectoryPort, DirectoryUnavailable } from './directory.ts';
import { createLdapDirectory, type DirectoryPorts, type Found, type LdapDirectory } from './ldap/ldap-directory.ts';
import type { LdapOperation, LdapServer } from './ldap/server.ts';
import type { ServiceBindLedger } from './ldap/service-bind.ts';
import { type Connect, connectTls } from './ldap/target.ts';
import { createProber } from './prober.ts';
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
  /** Milliseconds that directories may take in all for one login (find and authenticate), and for one user read anew. */
  readonly limits?: { readonly login: number; readonly lookup: number };
  /** How connections are opened; default: TLS as `ldap/target.ts` says. */
  readonly connect?: Connect;
}

export interface Directories extends DirectoryPort {
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
  /** `false`: it failed repeatedly, and others are asked first for a while. */
  readonly up: boolean;
  readonly connections: LdapServer['counts'];
}

const defaultLimits = { login: 3000, lookup: 2000 };

interface Known {
  readonly directory: LdapDirectory;
  readonly found: Found | null;
  /** Milliseconds that finding took. */
  readonly spent: number;
}

export function createDirectories(options: DirectoriesOptions): Directories {
  const { snapshots, clock, log, limits = defaultLimits } = options;
  const ports: DirectoryPorts = {
    ledger: options.serviceBinds,
    fingerprintKey: options.fingerprintKey,
    connect: options.connect ?? connectTls,
    observe: options.observe ?? (() => undefined),
    now: () => performance.now(),
    time: () => clock.now(),
    onAmbiguous: (id) => log.warn('a user name finds several entries', { 'nauthera.directory': id }),
  };
  let directories: ReadonlyMap<string, LdapDirectory> = new Map();
  const prober = createProber(() => [...directories.values()], log);
  // What was found, behind the candidate's back: DNs go nowhere else.
  const known = new WeakMap<Candidate, Known>();

  const follow = () => {
    const next = new Map<string, LdapDirectory>();
    for (const registered of snapshots.current.directories()) {
      const id = `${registered.owner.namespace}/${registered.owner.name}`;
      const before = directories.get(id);
      const same = before !== undefined && JSON.stringify(before.registered) === JSON.stringify(registered);
      next.set(id, same ? before : createLdapDirectory(id, registered, ports));
    }
    const replaced = [...directories.values()].filter((one) => next.get(one.id) !== one);
    directories = next;
    for (const directory of replaced) directory.close();
    prober.refresh();
  };
  follow();
  const unfollow = snapshots.onSwap(follow);

  /** In the order in which they are asked; among equals by id, so that every replica agrees. */
  const responsibleFor = (username: string): readonly LdapDirectory[] =>
    [...directories.values()]
      .filter((one) => nameMatches(one.registered.value.matches, username))
      .toSorted(
        (one, other) => one.registered.value.priority - other.registered.value.priority || (one.id < other.id ? -1 : 1),
      );

  return told(log, {
    async find(username, signal) {
      const throttleKey = unknownThrottleKey(username);
      if (!isUsername(username)) return { known: false, directory: null, throttleKey };
      const start = ports.now();
      const limit = within(signal, limits.lookup);
      const responsible = responsibleFor(username);
      // All of them at once, also those behind the first that knows the name: the work must not tell who knows it.
      const answers = await Promise.all(responsible.map((one) => settled(one.find(username, limit))));
      for (const [index, answer] of answers.entries()) {
        if ('error' in answer) throw answer.error;
        const directory = responsible[index];
        if (directory === undefined || answer.value === null) continue;
        const { user } = answer.value;
        const candidate: Candidate = { known: true, user, throttleKey: `entry:${user.subject}` };
        known.set(candidate, { directory, found: answer.value, spent: ports.now() - start });
        return candidate;
      }
      const [first] = responsible;
      const candidate: Candidate = { known: false, directory: first?.id ?? null, throttleKey };
      if (first !== undefined) known.set(candidate, { directory: first, found: null, spent: ports.now() - start });
      return candidate;
    },

    async authenticate(candidate, password, signal) {
      const behind = known.get(candidate);
      if (behind === undefined) {
        if (candidate.known) throw new TypeError('authenticate takes what find returned');
        return { outcome: 'rejected', reason: 'credentials' };
      }
      if (!isPassword(password)) return { outcome: 'rejected', reason: 'credentials' };
      const limit = within(signal, Math.max(0, limits.login - behind.spent));
      const { directory, found } = behind;
      return found === null
        ? directory.authenticateNobody(password, limit)
        : directory.authenticate(found, password, limit);
    },

    async lookup({ directory: id, entryId }, signal) {
      const directory = directories.get(id);
      // Nobody has said that its users left.
      if (directory === undefined) throw new DirectoryUnavailable(id, 'it is not registered');
      return directory.lookup(entryId, within(signal, limits.lookup));
    },

    servers: () =>
      [...directories.values()].flatMap(({ id, servers }) =>
        servers.map(({ url, skipped, counts }) => ({ directory: id, server: url, up: !skipped, connections: counts })),
      ),
    probes: () => prober.results(),
    onProbe: (listener) => prober.onResult(listener),
    start: () => prober.start(),
    stop() {
      unfollow();
      prober.stop();
      for (const directory of directories.values()) directory.close();
      directories = new Map();
    },
  });
}

/** Says in the log why a directory could not be asked; whoever asked learns only that. */
function told(log: Log, directories: Directories): Directories {
  const tell = (error: unknown): never => {
    if (error instanceof DirectoryUnavailable) {
      const { directory, detail } = error;
      log.warn('a directory could not be asked', { 'nauthera.directory': directory, 'error.detail': detail });
    }
    throw error;
  };
  return {
    ...directories,
    find: (username, signal) => directories.find(username, signal).catch(tell),
    authenticate: (candidate, password, signal) => directories.authenticate(candidate, password, signal).catch(tell),
    lookup: (reference, signal) => directories.lookup(reference, signal).catch(tell),
  };
}

function within(signal: AbortSignal, milliseconds: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(milliseconds))]);
}

async function settled<T>(work: Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}
