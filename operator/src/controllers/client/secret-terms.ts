/** What the plans about a Client's secret are given, and what they say. */
import type { ClientSpec, ClientStatus } from '@nauthera/crds';
import type { SecretNotes, SecretUse } from '@nauthera/server/registry';
import type { NewSecret, Secret } from '../../sources/source.ts';
import type { LedgerInputs } from './ledger.ts';
import type { SecretRequests } from './requests.ts';
import type { JudgeRetirement, RotationTimes } from './rotation.ts';
import type { Current, SecretOwnerFacts } from './secret-values.ts';

export interface SecretInputs extends LedgerInputs {
  readonly client: SecretOwnerFacts;
  readonly issuer: string;
  /** Of the wanted name; made for this Client. */
  readonly target: Secret | undefined;
  /** Made for this Client under an older name. */
  readonly others: readonly Secret[];
  /** 256 random bits, base64url; used when a new secret is needed, and the same until it was written. */
  readonly fresh: string;
  /** Every live replica serves the row that the digests are from. */
  readonly storedServed: boolean;
  readonly requests: SecretRequests;
  readonly times: RotationTimes;
  readonly judge: JudgeRetirement;
  /** Of the second of the registered digests; `undefined`: nothing can end yet. */
  readonly use: SecretUse | undefined;
}

export type SecretWrite =
  | { readonly write: 'create'; readonly next: NewSecret }
  | { readonly write: 'update'; readonly before: Secret; readonly next: NewSecret }
  | { readonly write: 'delete'; readonly before: Secret };

export interface SecretEvent {
  readonly reason:
    | 'SecretCreated'
    | 'SecretRecreated'
    | 'SecretRotated'
    | 'OldSecretRetired'
    | 'SecretAdopted'
    | 'DriftRepaired';
  readonly note: string;
}

export interface Blocked {
  readonly reason: 'SecretImmutable' | 'OldSecretInUse';
  readonly message: string;
}

export interface SecretPlan {
  readonly name: string;
  /** In this order, before anything is registered. */
  readonly writes: readonly SecretWrite[];
  /** Accepted from now on, the current one first. */
  readonly digests: readonly string[];
  readonly notes: SecretNotes | undefined;
  readonly accepted: NonNullable<ClientStatus['secrets']>;
  /** Milliseconds until something of this ends, or is looked at again because that takes long. */
  readonly wakeIn: number | undefined;
  /** Epoch milliseconds at which something of this ends. */
  readonly ends: number | undefined;
  /** What keeps a rotation from its end. */
  readonly blocked?: Blocked;
  /** To be told once it is written. */
  readonly events: readonly SecretEvent[];
  /** It goes on when every live replica serves what is registered now. */
  readonly waits: boolean;
  /** The fresh secret is registered and stands nowhere yet: it must be the same in the next pass. */
  readonly keepsFresh: boolean;
  /** Ends every token of before, first of all. */
  readonly revokes: boolean;
  /** What was asked for and is not carried out to the end. */
  readonly open: SecretRequests;
}

export function hasSecret({ authentication: { method } }: ClientSpec): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}

/** A secret as it stands in a Secret of ours. */
export interface HeldSecret extends Current {
  readonly digest: string;
  readonly on: Secret;
}

/** Why another secret is needed. */
export type Cause = 'first' | 'lost' | 'rotate' | 'revoke-all';
