/**
 * The registry in memory, as requests read it: immutable, swapped when the revision moves. No request reads
 * configuration from the database.
 */
import type {
  AllowedBy,
  ClientRegistration,
  DirectoryRegistration,
  Owner,
  RegistrationKind,
  ScopeRegistration,
  ServerRegistration,
} from './registration.ts';

export interface Registered<T> {
  readonly owner: Owner;
  readonly value: T;
  /** As `StoredRegistration.fingerprint`; directories alone carry it, for reports about what was probed. */
  readonly fingerprint?: string;
  /** Clients alone carry it, for the audit. */
  readonly allowedBy?: AllowedBy;
}

/** `epoch` changes when the database was rebuilt or restored: then nothing known before holds. */
export interface Revision {
  readonly epoch: string;
  readonly n: number;
}

export interface Snapshot {
  readonly revision: Revision;
  /** `undefined` until the operator has declared the server. */
  readonly server: Registered<ServerRegistration> | undefined;
  client(clientId: string): Registered<ClientRegistration> | undefined;
  /** Whether any client lists it among its `allowed_origins`. */
  isAllowedOrigin(origin: string): boolean;
  scope(scope: string): Registered<ScopeRegistration> | undefined;
  scopes(): Iterable<Registered<ScopeRegistration>>;
  directory(id: string): Registered<DirectoryRegistration> | undefined;
  directories(): Iterable<Registered<DirectoryRegistration>>;
  counts(): Readonly<Record<RegistrationKind, number>>;
}

/** What requests hold: always the newest snapshot. */
export interface SnapshotSource {
  readonly current: Snapshot;
  /** Runs after each swap with the ids that changed (`all` after a reload). */
  onSwap(listener: (changed: readonly { kind: RegistrationKind; id: string }[] | 'all') => void): () => void;
}
