/** A database for each AuthorizationServer, as its Secret names it. */
import { randomBytes } from 'node:crypto';
import { DatabaseUnavailable, type Fence, RegistryFenced } from '@nauthera/server/registry';
import type { ConfigMapReader, Observed, ResourceSource, Secret, SecretStore } from '../sources/source.ts';
import { nameOf, type ServerResource } from './attachment.ts';
import type { OnRegistryWrite } from './counted-registry.ts';
import { explainFailure } from './database-failure.ts';
import { type Bundle, connectionsOf, databaseFields } from './database-secrets.ts';
import { keyProblemOf, readyOf, tablesOf } from './database-standing.ts';
import { isGenerated, keySecretName, newKeySecret, readKeys, serverLabel } from './key-encryption.ts';
import type { OrphanTimes } from './orphans.ts';
import type { Looked } from './polling.ts';
import type { DatabaseState, Registries, RegistriesListener } from './registries.ts';
import type { Changed, RegistryHandle } from './registry-handle.ts';
import { ServerDatabase } from './server-database.ts';
import type { EventSink } from './world.ts';

export interface ServerRegistriesOptions {
  readonly source: ResourceSource;
  readonly secrets: SecretStore;
  readonly configMaps: Pick<ConfigMapReader, 'read'>;
  readonly fence: Fence;
  readonly events: EventSink;
  /** One line about something that repairs itself, without a secret. */
  readonly onProblem: (server: string, problem: string) => void;
  readonly orphans?: OrphanTimes;
  /** A row of a registry was written. */
  readonly onWrite?: OnRegistryWrite;
  /** `wait`: the tables are made by somebody else. Default `run`. */
  readonly migrations?: 'run' | 'wait';
  /** One line about what was done or is waited for. */
  readonly onProgress?: (server: string, line: string) => void;
}

/** Milliseconds that the pass of a server waits for a first answer of its own database. */
const patience = 3_000;

interface Entry {
  readonly database: ServerDatabase;
  /** It had its database once: whoever needs it waits, instead of saying that there is none. */
  had: boolean;
  resource: Observed<'AuthorizationServer'>;
}

export class ServerRegistries implements Registries {
  readonly perServer = true;
  readonly #options: ServerRegistriesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();
  /** Uids of servers whose rows are gone. */
  readonly #removed = new Set<string>();
  #listener: RegistriesListener | undefined;

  constructor(options: ServerRegistriesOptions) {
    this.#options = options;
  }

  start(listener: RegistriesListener, servers: readonly Observed<'AuthorizationServer'>[]): Promise<void> {
    this.#listener = listener;
    // Before the first pass of anybody: what was served must not look as if it never was.
    for (const server of servers) this.#entry(server);
    return Promise.resolve();
  }

  follow(): Promise<void> {
    return Promise.resolve();
  }

  async tried(limit: number): Promise<void> {
    // Their first passes begin now, and tell which databases there are.
    const end = performance.now() + limit;
    const left = () => Math.max(0, end - performance.now());
    const expected = [...this.#entries.values()].filter(({ resource }) => resource.spec !== undefined);
    await Promise.all(expected.map(({ database }) => database.asked(left())));
    await Promise.all(expected.map(({ database }) => database.tried(left())));
  }

  async unfollow(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ database }) => database.unfollow()));
  }

  async stop(): Promise<void> {
    for (const name of this.#entries.keys()) this.drop(name);
    await Promise.all(this.#closing);
  }

  registryOf(server: string): RegistryHandle | undefined {
    const entry = this.#entries.get(server);
    return entry === undefined || !(entry.had || entry.database.handle.isOpen) ? undefined : entry.database.handle;
  }

  registries(): Iterable<RegistryHandle> {
    return [...this.#entries.values()].map(({ database }) => database.handle).filter((handle) => handle.isOpen);
  }

  pend(dependent: string, on: RegistryHandle | undefined): void {
    for (const { database } of this.#entries.values()) database.pend(dependent, Object.is(database.handle, on));
  }

  lookAtStray(handle: RegistryHandle, row: Exclude<Changed, 'all'>[number]): void {
    this.#entries.get(handle.name)?.database.running?.lookAtStray(row);
  }

  confirmRetirement(server: ServerResource): void {
    this.#entries.get(nameOf(server))?.database.running?.confirmRetirement();
  }

  migrated(server: ServerResource): void {
    this.#entries.get(nameOf(server))?.database.migrated();
  }

  explain({ spec }: ServerResource, failure: unknown): { readonly reason: string; readonly message: string } {
    return explainFailure(failure, (spec.database?.operatorSecretRef ?? spec.database?.secretRef)?.name ?? '');
  }

  async look(server: ServerResource): Promise<DatabaseState> {
    const { secrets } = this.#options;
    const { namespace, spec } = server;
    const keyName = keySecretName(server);
    const looked: Looked[] = [];
    const named: Partial<Record<(typeof databaseFields)[number], Secret>> = {};
    for (const field of databaseFields) {
      const name = spec.database?.[field]?.name;
      if (name === undefined) continue;
      const secret = await secrets.read(namespace, name);
      if (secret !== undefined) named[field] = secret;
      looked.push({ kind: 'Secret', namespace, name, found: secret });
    }
    const bundle = await this.#bundle(server, looked);
    const keySecret = await secrets.read(namespace, keyName);
    looked.push({ kind: 'Secret', namespace, name: keyName, found: keySecret });
    const { database } = this.#entry(server);
    const found = connectionsOf(server, named, bundle);
    if ('ready' in found) {
      // A Secret that is gone for a moment, or was broken by an edit, ends nothing that runs.
      database.wantNothing();
      return { ready: found.ready, keyProblem: undefined, looked };
    }
    const keys = readKeys(keySecret);
    database.want({
      ...found.own,
      migrator: found.migrator,
      roles: found.roles,
      keys: keys.found === 'keys' ? keys.keys : undefined,
      makeKeys: isGenerated(server) && keys.found === 'nothing' ? () => this.#makeKeys(server) : undefined,
    });
    await database.tried(patience);
    // It may have been made meanwhile.
    const now = keys.found === 'nothing' ? readKeys(await secrets.read(namespace, keyName)) : keys;
    return {
      ready: readyOf(database.state, found.roles !== undefined),
      keyProblem: keyProblemOf(server, database.state, now),
      ...(database.state.standing === 'open' && database.state.keys === 'another'
        ? { isKeyAnother: true as const }
        : {}),
      ...tablesOf(database.state),
      ports: found.ports,
      ...(found.roles === undefined ? {} : { roles: found.roles }),
      looked,
    };
  }

  /** What `spec.database.caBundleRef` names. */
  async #bundle({ namespace, spec }: ServerResource, looked: Looked[]): Promise<Bundle | undefined> {
    const reference = spec.database?.caBundleRef;
    if (reference === undefined) return undefined;
    const { kind, name, key } = reference;
    const { secrets, configMaps } = this.#options;
    const found = await (kind === 'Secret' ? secrets : configMaps).read(namespace, name);
    looked.push({ kind, namespace, name, found: found?.data[key] });
    return found;
  }

  async reachForRemoval(server: Observed<'AuthorizationServer'>): Promise<void> {
    if (this.#removed.has(server.uid)) return;
    const entry = this.#entry(server);
    if (!entry.database.handle.isOpen && server.spec !== undefined) await this.look({ ...server, spec: server.spec });
    if (entry.had && !entry.database.handle.isOpen)
      throw new DatabaseUnavailable('the database of the server cannot be reached to remove what is registered there');
  }

  async remove(server: Observed<'AuthorizationServer'>): Promise<void> {
    const { secrets } = this.#options;
    if (server.spec?.deletionPolicy === 'Delete') {
      const secret = await secrets.read(server.namespace, `${server.name}-key-encryption-key`);
      if (secret?.labels[serverLabel] === server.name) await secrets.delete(secret);
    }
    this.#removed.add(server.uid);
    this.drop(nameOf(server));
  }

  drop(server: string): void {
    const entry = this.#entries.get(server);
    if (entry === undefined) return;
    this.#entries.delete(server);
    const closing = entry.database.close().catch(() => undefined);
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }

  #entry(server: Observed<'AuthorizationServer'>): Entry {
    const name = nameOf(server);
    const known = this.#entries.get(name);
    if (known !== undefined) {
      known.resource = server;
      return known;
    }
    const entry: Entry = { database: this.#open(name), had: server.status.issuer !== undefined, resource: server };
    this.#entries.set(name, entry);
    return entry;
  }

  #open(name: string): ServerDatabase {
    const { source, fence, orphans, migrations = 'run', onWrite, onProblem, onProgress, events } = this.#options;
    const tell = (what: (listener: RegistriesListener, handle: RegistryHandle) => void) => {
      const entry = this.#entries.get(name);
      if (entry !== undefined && this.#listener !== undefined) what(this.#listener, entry.database.handle);
    };
    return new ServerDatabase({
      server: name,
      source,
      fence,
      migrations,
      ...(orphans === undefined ? {} : { orphans }),
      onWrite,
      onProblem: (problem) => onProblem(name, problem),
      onProgress: (line) => onProgress?.(name, line),
      onState: () => {
        const entry = this.#entries.get(name);
        if (entry?.database.state.standing === 'open') entry.had = true;
        this.#listener?.onState(name);
      },
      onMigration: (reason, names) => {
        const resource = this.#entries.get(name)?.resource;
        const note = `${reason === 'MigrationStarted' ? 'bringing the database up to date' : 'the database is up to date'}: ${names.join(', ')}`;
        if (resource !== undefined) events.record(resource, { type: 'Normal', reason, note });
      },
      listener: {
        onMoved: (changed) =>
          tell((listener, handle) => {
            handle.forget(changed);
            listener.onMoved(handle, changed);
          }),
        onReports: (...reports) => tell((listener, handle) => listener.onReports(handle, ...reports)),
        onAway: () => tell((listener, handle) => listener.onAway(handle)),
        onRecovery: () => tell((listener, handle) => listener.onRecovery(handle)),
        onHeld: () => tell((listener, handle) => listener.onHeld(handle)),
        onError: (error) =>
          tell((listener) => {
            // A tenant's database that is away is told by its server's status.
            if (error instanceof RegistryFenced || !(error instanceof DatabaseUnavailable))
              listener.onError('orphans', error);
          }),
      },
    });
  }

  async #makeKeys(server: ServerResource): Promise<readonly Uint8Array[]> {
    const { secrets, events } = this.#options;
    const key = randomBytes(32);
    const made = await secrets.create(newKeySecret(server, key));
    if (made === 'created') {
      const note = `made the key-encryption key ${keySecretName(server)}: keep a copy, the database cannot be read without it`;
      events.record(server, { type: 'Normal', reason: 'SecretCreated', note });
      return [key];
    }
    const found = readKeys(await secrets.read(server.namespace, keySecretName(server)));
    if (found.found === 'keys') return found.keys;
    throw new Error('the key-encryption key was made by somebody else, and cannot be read');
  }
}
