/** What a replica tells about itself, written with its heartbeat (`replica_reports`) and read by the operator. */
import type { RegistrationKind } from './registration.ts';
import type { Revision } from './snapshot.ts';

/** `ok`, or the reason in the words of the LdapBinding's conditions. */
export type ProbeStep<R extends string> =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: R; readonly message: string };

/** One server of a directory, as this replica found it. A step after a failed one is absent. */
export interface DirectoryServerProbe {
  readonly url: string;
  readonly tls?: ProbeStep<'ConnectFailed' | 'CertificateUntrusted' | 'CertificateNameMismatch' | 'CertificateExpired'>;
  readonly bind?: ProbeStep<'BindRejected' | 'BindFailed'>;
  readonly searchBase?: ProbeStep<'SearchBaseNotFound' | 'SearchNotPermitted' | 'InvalidFilter'>;
  /** The policy that holds where an entry names none. Left out: the registration names none either, or a step before failed. */
  readonly policy?: ProbeStep<'PolicyNotReadable'>;
}

/** What a sign-in with a sample name would find. Lists are bounded and in a fixed order; no value of a claim is in it. */
export type SampleUser = { readonly username: string } & (
  | { readonly outcome: 'nobody' | 'several' | 'not_asked' | 'unreadable' }
  | {
      readonly outcome: 'found';
      /** An `AccountState`. */
      readonly account: string;
      readonly subject: string;
      /** Names of the first of them. */
      readonly groups: readonly string[];
      readonly groupCount: number;
      /** Names. */
      readonly claims: readonly string[];
      readonly rules: readonly { readonly rule: string; readonly holds: boolean; readonly why: string }[];
      readonly scopes: readonly {
        readonly scope: string;
        readonly allowed: boolean;
        readonly rules: readonly string[];
        readonly why: string;
      }[];
    }
);

/** A round of the sweep for leavers that ended nobody, as it would have ended too many. */
export interface SweepReport {
  readonly users: number;
  readonly leavers: number;
}

export interface DirectoryProbe {
  /** Id of the directory registration. */
  readonly directory: string;
  /** Uid of its owner and fingerprint of what was probed: a report about an older registration says nothing. */
  readonly uid: string;
  readonly fingerprint: string;
  readonly servers: readonly DirectoryServerProbe[];
  /** Left out: the last round ended as it should, or nobody has looked yet. */
  readonly sweepHalted?: SweepReport;
  /** In the order of the registration, as of the last look that found an answer; left out: no such names, or none yet. */
  readonly samples?: readonly SampleUser[];
}

export interface ReplicaReport {
  readonly replica: string;
  /** The newest registration format that this replica reads. */
  readonly format: number;
  readonly revision: Revision;
  /** Rows that this replica left out, and why (one sentence, no secret). */
  readonly rejected: readonly {
    readonly kind: RegistrationKind;
    readonly id: string;
    readonly uid: string;
    readonly problem: string;
  }[];
  readonly directories: readonly DirectoryProbe[];
  /** `rotation_overdue`: ready, but the next signing key should have been made more than an hour ago. */
  readonly keys: 'ready' | 'pending' | 'key_encryption_key_mismatch' | 'rotation_overdue';
  /** Requests come with forwarded headers from a peer that is not among the trusted proxies. */
  readonly untrustedProxy: boolean;
}

export interface LiveReport extends ReplicaReport {
  /** Heartbeat younger than 15 s by the database's `now()`. */
  readonly live: boolean;
  /** When it was written, epoch milliseconds by the same clock: another number is another report. */
  readonly reportedAt: number;
}
