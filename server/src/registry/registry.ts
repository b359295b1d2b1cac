/**
 * The registry as the operator uses it: the one library that it may import from the server. It writes what resources
 * declare, one transaction each, fenced by leadership, and reads back what is there.
 */
import type { Stop } from '../store/database.ts';
import type { AllowedBy, Owner, RegistrationByKind, RegistrationKind, SecretNotes } from './registration.ts';
import type { LiveReport } from './report.ts';
import type { Revision } from './snapshot.ts';

/** Who writes: a smaller (leaseCreated, leaseTransitions) than the recorded one of that source is refused. */
export interface Fence {
  readonly source: string;
  /** Creation time of the Lease, or start of the process where there is none; epoch milliseconds. */
  readonly leaseCreated: number;
  readonly leaseTransitions: number;
}

/** A newer leader of this source has written: stop writing. */
export class RegistryFenced extends Error {
  readonly code = 'registry_fenced';
}

/** The values break a rule that the endpoints trust (schema, redirect URIs, …). `problem` is one sentence without a secret. */
export class RegistrationInvalid extends Error {
  readonly code = 'registration_invalid';
  readonly problem: string;
  constructor(problem: string) {
    super(problem);
    this.problem = problem;
  }
}

export type Registration = {
  [K in RegistrationKind]: {
    readonly kind: K;
    readonly id: string;
    readonly owner: Owner;
    readonly value: RegistrationByKind[K];
    /** Kept with its owner and id, but served to nobody (suspended, refused by policy). Default `false`. */
    readonly withdrawn?: boolean;
    /** The trace in which it is written (W3C Trace Context). No part of what is declared: it alone changes no row. */
    readonly traceparent?: string;
    /** Of clients. No part of what is served, nor of the fingerprint; another one is written all the same. */
    readonly allowedBy?: AllowedBy;
  };
}[RegistrationKind];

export type PutResult =
  | { readonly outcome: 'written' | 'unchanged'; readonly revision: Revision }
  /** The id has an older owner, or is reserved for the namespace that freed it within 24 h. */
  | { readonly outcome: 'conflict'; readonly owner: Owner; readonly reserved: boolean }
  | { readonly outcome: 'invalid'; readonly problem: string }
  /** Not written: a live replica is of an older version, which does not know this format. Once it is gone it can be. */
  | { readonly outcome: 'held'; readonly format: number };

export interface StoredRegistration {
  readonly kind: RegistrationKind;
  readonly id: string;
  readonly owner: Owner;
  readonly withdrawn: boolean;
  readonly revision: Revision;
  /** Over every column that is served, as it stands in the row now: an edit by hand in SQL changes it. */
  readonly fingerprint: string;
  /** Of a client: the digests that the row accepts now. Empty for other kinds, and for a row that is not readable. */
  readonly secretDigests: readonly string[];
  /** What the operator noted beside them; of clients alone. */
  readonly secretNotes?: SecretNotes;
  /** Taken over from another source, and not claimed yet: who claims it inherits its secrets and grants. */
  readonly adopted?: true;
}

export type StoredOwner = Pick<StoredRegistration, 'kind' | 'id' | 'owner' | 'withdrawn'>;

/** That a row, and all that its writer looked at for it, were found as they should be. */
export interface Check {
  readonly kind: RegistrationKind;
  readonly id: string;
  /** Of the row. */
  readonly revision: Revision;
  /** What was looked at, in its writer's words; at most 4,096 characters. */
  readonly state: string;
}

export type StoredCheck = Pick<Check, 'kind' | 'id' | 'state'> & { readonly owner: Owner };

/** What is kept of a resource where no API server keeps it (folder source): its minted uid and last accepted content. */
export interface ResourceIdentity {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** The last accepted resource, for transition rules and for a file that is broken at start. */
  readonly accepted: unknown;
}

/** What is known of the use of a secret; epoch milliseconds by the database's clock. */
export interface SecretUse {
  readonly now: number;
  /** Left out: no use was seen. */
  readonly usedAt?: number;
  /** Until then it may have been used unseen: a replica died, or does not look. Left out: never. */
  readonly unseenAt?: number;
  /** Every use that a live replica saw until then is told here. */
  readonly knownUntil: number;
}

/** What is wished of the signing keys. The same wish counts once. */
export interface KeyWish {
  /** The next key of each algorithm now; or that this key is refused everywhere. */
  readonly kind: 'rotate' | 'revoke';
  /** Of `revoke` the kid; of `rotate` anything, another one for each time. At most 256 characters. */
  readonly wish: string;
}

/** `pending`: no server has carried it out yet. `unknown`: there is no such key. */
export type KeyWishState = 'pending' | 'done' | 'unknown';

export interface Registry {
  /** The fingerprint that `put` would leave behind. */
  fingerprint(registration: Registration): string;
  put(registration: Registration): Promise<PutResult>;
  /** ≤ 500 registrations as one statement and one revision; results in the order given. */
  putMany(registrations: readonly Registration[]): Promise<readonly PutResult[]>;
  /** Removes by owner uid; leaves a tombstone that reserves the id for its namespace for 24 h. Absent: `null`. */
  delete(kind: RegistrationKind, uid: string): Promise<Revision | null>;
  get(kind: RegistrationKind, id: string): Promise<StoredRegistration | null>;
  /**
   * Takes over every row of another source, for the server of that namespace and name; a resource of the same namespace and
   * name as the former owner's then claims it with ids, secrets and grants. `refused`: the database serves somebody else.
   * Again, or with nothing there: `adopted`.
   */
  adopt(from: string, server: Pick<Owner, 'namespace' | 'name'>): Promise<'adopted' | 'refused'>;
  /** Whose every row of this source is, in pages; without their content, of which there may be very much. */
  scanOwners(): AsyncIterable<StoredOwner>;
  /** Checks of this source whose rows did not move since, in pages. */
  scanChecks(): AsyncIterable<readonly StoredCheck[]>;
  /** ≤ 500. Writes only what differs, moves no row, and raises no revision. One whose row moved meanwhile is left out. */
  noteChecks(checks: readonly Check[]): Promise<void>;
  /** Whether `put` would leave the row as it was read, and say `unchanged`. `false` where only the database can tell. */
  stands(registration: Registration, stored: StoredRegistration): boolean;
  /** Runs for each id whose row moved (`all` after a new epoch or at the start), by NOTIFY and by polling, until stopped. */
  follow(onChange: (changed: readonly { kind: RegistrationKind; id: string }[] | 'all') => void): Promise<Stop>;
  reports(): Promise<readonly LiveReport[]>;
  /** The database's clock, epoch milliseconds. */
  clock(): Promise<number>;
  /** When a secret that is not the current one was used last. */
  secretUse(digest: string): Promise<SecretUse>;
  /** Ends every grant of the client with this owner, and every token that it was issued until now. Absent is fine. */
  revokeTokens(uid: string): Promise<void>;
  /** Wishes it, if nobody has, and says what became of it. */
  wishKeys(wish: KeyWish): Promise<KeyWishState>;
  identities(): Promise<readonly ResourceIdentity[]>;
  putIdentity(identity: ResourceIdentity): Promise<void>;
  deleteIdentity(identity: Pick<ResourceIdentity, 'kind' | 'namespace' | 'name'>): Promise<void>;
}
