/** PURE. Why a condition is what it is: the closed list, and who must act. */
import type { Kind } from './kinds.ts';

/**
 * `Reconciling`: nobody needs to edit this object, something is under way or may still arrive. `Stalled`: only an edit
 * helps. `None`: neither, e.g. because it does not keep `Ready` from True.
 */
export type Standing = 'Reconciling' | 'Stalled' | 'None';

/** Whose move it is: of this object, of the AuthorizationServer, of the directory, of another object, nobody's. */
export type Actor = 'author' | 'server owner' | 'directory admin' | 'other owner' | 'nobody';

export interface ReasonInfo {
  readonly standing: Standing;
  readonly actor: Actor;
}

const R = (actor: Actor): ReasonInfo => ({ standing: 'Reconciling', actor });
const S = (actor: Actor): ReasonInfo => ({ standing: 'Stalled', actor });
const N = (actor: Actor): ReasonInfo => ({ standing: 'None', actor });
const fine = N('nobody');

/** A condition whose prerequisite failed names the blocker; one that nobody has looked at yet is pending. */
const waiting = { Blocked: R('nobody'), Pending: R('nobody') } as const;

const ready = { Ready: fine, ...waiting, Deleting: fine } as const;

const attached = {
  ServerNotFound: R('author'),
  DefaultServerAmbiguous: S('server owner'),
  RefNotPermitted: S('author'),
} as const;

const references = {
  ResolvedRefs: fine,
  ...waiting,
  ...attached,
  ScopeNotFound: R('other owner'),
  SecretNotFound: R('other owner'),
  SecretKeyNotFound: R('other owner'),
  SecretInvalid: S('other owner'),
} as const;

const accepted = {
  Accepted: fine,
  ...waiting,
  NotAllowedByServer: S('server owner'),
  PolicyViolation: S('author'),
  Conflict: S('author'),
  InvalidSpec: S('author'),
} as const;

const programmed = {
  Programmed: fine,
  ...waiting,
  NotServedYet: R('nobody'),
  NoReplica: R('server owner'),
  DatabaseUnavailable: R('server owner'),
  RejectedByServer: S('author'),
} as const;

/** On every kind: fields that came with a newer version are in use. */
const unknownFields = { UnknownFields: { NewerVersion: N('author') } } as const;

const tables = {
  AuthorizationServer: {
    Ready: ready,
    DatabaseReady: {
      DatabaseReady: fine,
      SingleRole: fine,
      ...waiting,
      SecretNotFound: R('server owner'),
      SecretKeyNotFound: R('server owner'),
      CaNotFound: R('server owner'),
      DatabaseUnreachable: R('server owner'),
      DatabaseLoginFailed: S('server owner'),
      DatabaseTlsFailed: S('server owner'),
      DatabasePermissionMissing: S('server owner'),
      DatabaseVersionUnsupported: S('server owner'),
      DatabaseInUse: S('server owner'),
      MigrationRunning: R('nobody'),
      MigrationFailed: S('server owner'),
    },
    Deployed: {
      Deployed: fine,
      Standalone: fine,
      ...waiting,
      Conflict: S('server owner'),
      // No Accepted condition stands on this kind; an edit that cannot be used shows here.
      InvalidSpec: S('server owner'),
      RollingOut: R('nobody'),
      ApplyFailed: R('server owner'),
      RolloutStuck: S('server owner'),
      // Of the Secret that spec.tls names.
      SecretNotFound: R('server owner'),
      SecretKeyNotFound: R('server owner'),
      SecretInvalid: S('server owner'),
      CertificateExpired: S('server owner'),
      CertificateNameMismatch: S('server owner'),
    },
    KeysReady: {
      KeysReady: fine,
      ...waiting,
      KeysPending: R('nobody'),
      KeyEncryptionKeyNotFound: S('server owner'),
      KeyEncryptionKeyMismatch: S('server owner'),
      RotationOverdue: R('server owner'),
    },
    BrandingAdjusted: {
      ContrastTooLow: N('server owner'),
      LogoNotFound: N('server owner'),
      LogoInvalid: N('server owner'),
    },
    ClientAddressUnknown: { ProxyNotTrusted: N('server owner') },
    RetirementHeld: { TooManyOrphans: N('server owner') },
    Paused: { PausedByAnnotation: N('server owner') },
    ...unknownFields,
  },
  Client: {
    Ready: { ...ready, Suspended: N('author') },
    ResolvedRefs: {
      ...references,
      ScopeNotAllowed: S('other owner'),
      SecretNotOwned: S('author'),
      LogoNotFound: R('other owner'),
      LogoInvalid: S('other owner'),
    },
    Accepted: accepted,
    Programmed: programmed,
    RotationBlocked: { OldSecretInUse: N('author'), SecretImmutable: N('author') },
    ...unknownFields,
  },
  Scope: {
    Ready: ready,
    Accepted: { ...accepted, ...attached },
    Programmed: programmed,
    ...unknownFields,
  },
  LdapBinding: {
    Ready: ready,
    ResolvedRefs: { ...references, CaNotFound: R('directory admin') },
    Accepted: accepted,
    Programmed: programmed,
    TLSReady: {
      TLSReady: fine,
      ...waiting,
      ConnectFailed: R('directory admin'),
      CertificateUntrusted: S('directory admin'),
      CertificateNameMismatch: S('directory admin'),
      CertificateExpired: S('directory admin'),
      NoReplica: R('server owner'),
    },
    BindSucceeded: {
      BindSucceeded: fine,
      ...waiting,
      BindRejected: S('directory admin'),
      BindFailed: R('directory admin'),
      NoReplica: R('server owner'),
    },
    SearchBaseFound: {
      SearchBaseFound: fine,
      ...waiting,
      SearchBaseNotFound: S('directory admin'),
      SearchNotPermitted: S('directory admin'),
      InvalidFilter: S('directory admin'),
      NoReplica: R('server owner'),
    },
    Degraded: {
      ServerUnreachable: N('directory admin'),
      SweepStopped: N('directory admin'),
      PolicyNotReadable: N('directory admin'),
      ReplicasDisagree: N('server owner'),
    },
    ...unknownFields,
  },
} as const satisfies Record<Kind, Record<string, Record<string, ReasonInfo>>>;

type Tables = typeof tables;
export type ConditionType<K extends Kind = Kind> = K extends Kind ? keyof Tables[K] & string : never;
/** Reasons that a condition of a kind may have. */
export type ReasonOf<K extends Kind, C extends ConditionType<K>> = keyof Tables[K][C] & string;
type EveryReason<K extends Kind> = K extends Kind
  ? { [C in ConditionType<K>]: ReasonOf<K, C> }[ConditionType<K>]
  : never;
/** Every reason there is. */
export type Reason = EveryReason<Kind>;

export const reasons: Readonly<Record<Kind, Readonly<Record<string, Readonly<Record<string, ReasonInfo>>>>>> = tables;

/** Types that `Ready` depends on, in the order in which it copies the first one that is not True. */
export const readyOrder = {
  AuthorizationServer: ['DatabaseReady', 'Deployed', 'KeysReady'],
  Client: ['ResolvedRefs', 'Accepted', 'Programmed'],
  Scope: ['Accepted', 'Programmed'],
  LdapBinding: ['ResolvedRefs', 'Accepted', 'Programmed', 'TLSReady', 'BindSucceeded', 'SearchBaseFound'],
} as const satisfies { [K in Kind]: readonly ConditionType<K>[] };

export function reasonInfo(kind: Kind, type: string, reason: string): ReasonInfo | undefined {
  return reasons[kind][type]?.[reason];
}

/** @throws RangeError for a reason that is not in the table of that condition. */
export function standing(kind: Kind, type: string, reason: string): Standing {
  const info = reasonInfo(kind, type, reason);
  if (info === undefined) throw new RangeError(`${kind} has no reason ${reason} for ${type}`);
  return info.standing;
}
