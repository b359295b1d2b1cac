/** What a Client's plan looks at. */
import type { SecretUse, StoredRegistration } from '@nauthera/server/registry';
import type { ConfigMap, Secret } from '../../sources/source.ts';
import type { Attachment, WithSpec } from '../attachment.ts';
import type { NamespaceFacts } from '../invitation.ts';
import type { Trust } from '../trust.ts';
import type { RotationRules } from './rotation.ts';

/** Read by `inputs.ts`, all of it before anything is decided. */
export interface ClientInputs {
  readonly source: string;
  readonly client: WithSpec<'Client'>;
  readonly namespace: NamespaceFacts;
  readonly attachment: Attachment;
  /** Whether the server has its database: `other`: another AuthorizationServer has it. */
  readonly serverHolds: 'yes' | 'not yet' | 'other';
  readonly issuer: string | undefined;
  /** Default: the certificate of the issuer is of no authority that is known here. */
  readonly trust?: Trust;
  /** Scopes of that server which are registered: open to this namespace or not. */
  readonly scopes: ReadonlyMap<string, 'open' | 'closed'>;
  /** Of the name to write, or to adopt. */
  readonly secret: Secret | undefined;
  /** Made for this Client, under other names. */
  readonly otherSecrets: readonly Secret[];
  /** The one that `spec.logo` names. */
  readonly logo?: ConfigMap | undefined;
  /** The row that has the client id. */
  readonly stored: StoredRegistration | null;
  /** Every live replica serves that row. Default `true`. */
  readonly storedServed?: boolean;
  /** Of the older one of two registered secrets; left out: nothing of it can end yet. */
  readonly secretUse?: SecretUse | undefined;
  /** Other rules than those of `rotation.ts`. */
  readonly rotation?: RotationRules;
  readonly hasDirectory: boolean;
  /** The resources come from a folder: there is no cluster whose ServiceAccounts could be meant. */
  readonly withoutCluster?: boolean;
  /** As for a plan of its secret. */
  readonly fresh: string;
  /** Epoch milliseconds, by the clock of the database wherever there is one. */
  readonly now: number;
}
