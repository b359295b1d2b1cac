/** The databases of AuthorizationServers: as their controller sees them, and as the operator runs them. */
import type { LiveReport } from '@nauthera/server/registry';
import type { ConditionDraft } from '../runtime/conditions.ts';
import type { Observed } from '../sources/source.ts';
import type { ServerResource } from './attachment.ts';
import type { NamedRoles } from './database-secrets.ts';
import type { Looked } from './polling.ts';
import type { Changed, RegistryHandle } from './registry-handle.ts';

export interface DatabaseState {
  /** `DatabaseReady`, before anything is written there. */
  readonly ready: ConditionDraft;
  /** Why the key-encryption key cannot be had; `undefined`: it is there, or nobody knows yet. */
  readonly keyProblem: string | undefined;
  /** The key-encryption key is not the one that sealed what stands there. */
  readonly isKeyAnother?: true;
  /** Whether its tables are those of this version; `undefined`: it cannot be asked. */
  readonly tables?: 'current' | 'missing' | undefined;
  /** Whose rights go with the tables; left out: one role does everything. */
  readonly roles?: NamedRoles;
  /** TCP ports that it is reached on. */
  readonly ports?: readonly number[];
  /** What was read for it. */
  readonly looked: readonly Looked[];
}

export interface ServerDatabases {
  /** Looks after the database of a server: opens it, follows a Secret that changed. Waits for no database. */
  look(server: ServerResource): Promise<DatabaseState>;
  /**
   * Before a server goes: sees to it that the rows of its registry can be reached.
   *
   * @throws DatabaseUnavailable they cannot be at the moment; a change of that wakes the server
   */
  reachForRemoval(server: Observed<'AuthorizationServer'>): Promise<void>;
  /** The server goes and its rows are gone: what else was made for it goes too, and its connections end. */
  remove(server: Observed<'AuthorizationServer'>): Promise<void>;
  /** Lets the retirement that is held back on this server's registry happen. */
  confirmRetirement(server: ServerResource): void;
  /** Somebody has brought its tables up to date: one that waits for that looks at once. */
  migrated(server: ServerResource): void;
  /** What a `DatabaseUnavailable` means for `DatabaseReady`. */
  explain(server: ServerResource, failure: unknown): { readonly reason: string; readonly message: string };
}

/** What happens on registries, told to whoever wakes resources. Nothing of it may throw. */
export interface RegistriesListener {
  onMoved(handle: RegistryHandle, changed: Changed): void;
  onReports(
    handle: RegistryHandle,
    pending: readonly string[],
    before: readonly LiveReport[],
    after: readonly LiveReport[],
  ): void;
  onAway(handle: RegistryHandle): void;
  onRecovery(handle: RegistryHandle): void;
  onHeld(handle: RegistryHandle): void;
  /** The state of a server's database changed. */
  onState(server: string): void;
  /** Work in the background failed and will come again. */
  onError(what: string, error: unknown): void;
}

export interface Registries extends ServerDatabases {
  /** Each AuthorizationServer has its own. */
  readonly perServer: boolean;
  registryOf(server: string): RegistryHandle | undefined;
  registries(): Iterable<RegistryHandle>;
  pend(dependent: string, on: RegistryHandle | undefined): void;
  lookAtStray(handle: RegistryHandle, row: Exclude<Changed, 'all'>[number]): void;
  /** Before the first pass. `servers`: those that there are. */
  start(listener: RegistriesListener, servers: readonly Observed<'AuthorizationServer'>[]): Promise<void>;
  /** There is no such server any more, however it went. */
  drop(server: string): void;
  /** Once the controllers run. */
  follow(): Promise<void>;
  /** Resolves when every server's database was tried once, or after that many milliseconds. */
  tried(patience: number): Promise<void>;
  /** Nothing is woken any more. */
  unfollow(): Promise<void>;
  /** After the last pass. */
  stop(): Promise<void>;
}
