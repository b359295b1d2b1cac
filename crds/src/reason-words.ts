/** PURE. What each reason means, in words for whoever reads a status: one entry for each, no more and no less. */
import type { Reason } from './reasons.ts';

/** Where several kinds share a reason, it means the same. One sentence without a full stop. */
export const reasonMeanings: Readonly<Record<Reason, string>> = {
  Accepted: 'The server takes it',
  ApplyFailed:
    'The API server refused an object of the server; the message has its words, of a quota or an admission policy for example',
  BindFailed: 'The directory did not let the service account in, for another cause than its credentials',
  BindRejected: 'The directory refused DN or password of the service account',
  BindSucceeded: 'The service account signs in',
  Blocked: 'Something before it failed; the message names the condition',
  CaNotFound: 'The object with the certificates to trust, or its key, is not there',
  CertificateExpired: 'The certificate has expired',
  CertificateNameMismatch: 'The certificate is for another name than the one that is connected to',
  CertificateUntrusted: 'The certificate leads to no authority that is trusted here',
  Conflict: 'An older object has the client id, the scope or the issuer',
  ConnectFailed: 'No server of the directory can be reached',
  ContrastTooLow: 'Text in that colour could not be read; a shade near to it is shown',
  DatabaseInUse: 'The database serves another AuthorizationServer',
  DatabaseLoginFailed: 'The database refused user or password',
  DatabasePermissionMissing: 'The database role may not do what is needed',
  DatabaseReady: 'The database answers and its tables are up to date',
  DatabaseTlsFailed: 'The connection to the database cannot be trusted',
  DatabaseUnavailable: 'The database of the AuthorizationServer does not answer, so nobody knows what is served',
  DatabaseUnreachable: 'The database does not answer',
  DatabaseVersionUnsupported: 'Postgres is older than what is supported',
  DefaultServerAmbiguous: 'It names no server, and several are annotated as the default',
  Deleting: 'It is being deleted; the message says what is waited for',
  Deployed: 'Every replica serves the newest settings',
  InvalidFilter: 'The directory does not understand a filter',
  InvalidSpec:
    'It was written in its time and does not pass the rules of today; what was accepted before stays in force',
  KeyEncryptionKeyMismatch: 'The database holds keys that this key-encryption key cannot open',
  KeyEncryptionKeyNotFound:
    'The Secret with the key-encryption key is gone although the database holds what was sealed with it',
  KeysPending: 'Signing keys are being made',
  KeysReady: 'Signing keys are published and in use',
  LogoInvalid: 'The logo is no picture that can be shown',
  LogoNotFound: 'The ConfigMap with the logo, or its key, is not there',
  MigrationFailed: 'The tables could not be brought up to date; the message is the last line of the log',
  MigrationRunning: 'The tables are being brought up to date',
  NewerVersion: 'Fields that only a newer version knows are without effect; the message names them',
  NoReplica: 'No server process reports, so nobody can say what is served',
  NotAllowedByServer: 'The owner of the server has not invited this namespace',
  NotServedYet: 'It is written, and some replicas do not serve it yet; the message names them',
  OldSecretInUse: 'A rotation waits: the secret before is still used',
  PausedByAnnotation: 'The annotation `paused` is set; what belongs to the server is left as it is',
  Pending: 'Nobody has looked at it yet',
  PolicyNotReadable:
    'The policy of passwords or accounts that the resource names cannot be read, so what each entry says counts alone',
  PolicyViolation: 'No policy of the server allows it; the message names policy and field',
  Programmed: 'Every replica serves it',
  ProxyNotTrusted: 'Requests come with forwarded headers from a peer that is not among the trusted proxies',
  Ready: 'All is well',
  RefNotPermitted: 'A reference would leave its namespace',
  RejectedByServer: 'A replica refused it; the message has its words',
  ReplicasDisagree: 'Some replicas can use a server of the directory, others cannot',
  ResolvedRefs: 'Everything that it refers to is there',
  RollingOut: 'Replicas are coming or being replaced',
  RolloutStuck: 'Pods do not come up; the message names the first and why',
  RotationOverdue: 'The next signing key should have been made more than an hour ago; the one before signs on',
  ScopeNotAllowed: 'The owner of a scope has not opened it to this namespace; that scope alone is left out',
  ScopeNotFound: 'There is no such scope; that one alone is left out',
  SearchBaseFound: 'Users can be searched for',
  SearchBaseNotFound: 'The directory has no entry at the search base',
  SearchNotPermitted: 'The service account may not read what is needed there',
  SecretImmutable: 'The Secret is immutable, so the new secret cannot be written into it',
  SecretInvalid: 'What the Secret holds cannot be used: too short, with white space, or not readable',
  SecretKeyNotFound: 'The Secret has no such key',
  SecretNotFound: 'There is no such Secret',
  SecretNotOwned: 'A Secret of that name exists, was not made for this Client and is not to be adopted',
  ServerNotFound: 'There is no AuthorizationServer of that name, or no default',
  ServerUnreachable: 'A server of the directory cannot be used, while others serve',
  SingleRole: 'The database answers; one role owns, writes and serves',
  Standalone: 'The server runs in the process that reads the folder',
  Suspended: '`spec.suspend` is set: it is served to nobody',
  SweepStopped: 'A look for users who left was stopped, as it would have ended too many',
  TLSReady: 'The directory shows a certificate that is trusted',
  TooManyOrphans: 'Registrations without a resource are kept, as they are suspiciously many',
};

interface EventWords {
  /** Kinds of the resource that it is told of. */
  readonly kinds: readonly string[];
  readonly type: 'Normal' | 'Warning' | 'Normal or Warning';
  /** One sentence without a full stop. */
  readonly about: string;
}

const server = ['AuthorizationServer'] as const;
const client = ['Client'] as const;
const normal = (kinds: readonly string[], about: string): EventWords => ({ kinds, type: 'Normal', about });
const warning = (kinds: readonly string[], about: string): EventWords => ({ kinds, type: 'Warning', about });

/** Events beside the one that is told whenever `Ready` changes status or reason. */
export const eventWords = {
  SecretCreated: normal([...client, ...server], 'A Secret was made, with a new secret, key or certificate in it'),
  SecretRotated: normal([...client, ...server], 'A new secret or certificate took the place of the one before'),
  OldSecretRetired: normal(client, 'The secret before is accepted no longer; the note says why'),
  SecretAdopted: normal(client, 'A Secret of somebody else is used as it is'),
  SecretRecreated: {
    kinds: [...client, ...server],
    type: 'Normal or Warning',
    about: 'A Secret was gone and is made anew; a certificate authority that was lost is a warning',
  },
  DriftRepaired: normal(
    [...client, ...server],
    'Somebody changed or deleted what belongs to it; it is as before again',
  ),
  MigrationStarted: normal(server, 'The tables are being brought up to date'),
  MigrationCompleted: normal(server, 'The tables are up to date'),
  KeyRotated: normal(server, 'The next signing keys that somebody asked for are published'),
  KeyRevoked: {
    kinds: server,
    type: 'Normal or Warning',
    about: 'Tokens signed with a key are refused everywhere; a warning where there is no such key',
  },
  ServerDegraded: warning(
    [...server, 'LdapBinding'],
    'No replica serves any more that did; or one server of a directory fails while others serve',
  ),
  ServerRecovered: normal(
    [...server, 'LdapBinding'],
    'It serves again; or every server of the directory answers again',
  ),
  SweepStopped: warning(
    ['LdapBinding'],
    'A look for users who left would have ended over a fifth of them, and over ten: it ended nobody',
  ),
  PolicyNotReadable: warning(
    ['LdapBinding'],
    'The policy that `accountStatus.defaultPolicy` names cannot be read: who is out by it alone stays in',
  ),
  FinalizerReleased: warning(
    [...server, ...client, 'Scope'],
    'It was let go although its database was away for ten minutes; what is registered there ends when it is back',
  ),
} as const satisfies Readonly<Record<string, EventWords>>;
