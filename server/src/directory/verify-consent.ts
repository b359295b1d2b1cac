/**
 * PURE. Whether a directory confirms what a user consented to. The only place that can make a {@link VerifiedConsent}.
 */
import type { EpochSeconds } from '../protocol/time.ts';
import type { DirectoryUser } from './directory.ts';

/** The part of a directory registration that decides. */
export interface ConsentRules {
  readonly consent_rules: readonly {
    readonly name: string;
    readonly scopes: readonly string[];
    readonly groups: readonly string[];
    readonly filter?: string;
  }[];
  readonly unlisted_scopes: 'allow' | 'deny';
}

export interface ConsentQuestion {
  /** The grant that this yes would make: one id per authorization request or per refresh. */
  readonly grantId: string;
  readonly clientId: string;
  readonly accessGroups: readonly string[];
  readonly onRefusedScope: 'drop' | 'deny';
  readonly scopes: readonly string[];
  /** When the directory was asked. */
  readonly askedAt: EpochSeconds;
}

export interface RefusedScope {
  readonly scope: string;
  /** The rules that name the scope, none of which held; empty: `unlistedScopes`. */
  readonly rules: readonly string[];
}

/** Proof that the directory was asked for this request; `Issue` cannot be built without one. */
export class VerifiedConsent {
  readonly #brand = true;
  readonly grantId: string;
  readonly clientId: string;
  readonly user: DirectoryUser;
  /** Confirmed scopes, in the order asked. */
  readonly scopes: readonly string[];
  readonly refused: readonly RefusedScope[];
  /** Names of the rules that allowed something. */
  readonly rules: readonly string[];
  readonly askedAt: EpochSeconds;
  private constructor(fields: Omit<VerifiedConsent, never>) {
    this.grantId = fields.grantId;
    this.clientId = fields.clientId;
    this.user = fields.user;
    this.scopes = fields.scopes;
    this.refused = fields.refused;
    this.rules = fields.rules;
    this.askedAt = fields.askedAt;
  }
  static is(value: unknown): value is VerifiedConsent {
    return typeof value === 'object' && value !== null && #brand in value;
  }
}

export type Verification =
  | { readonly outcome: 'verified'; readonly consent: VerifiedConsent }
  | {
      readonly outcome: 'refused';
      /** `account_inactive` and `not_a_member` end more than this request: see the refresh grant. */
      readonly reason: 'account_inactive' | 'not_a_member' | 'scope_refused';
      readonly refused: readonly RefusedScope[];
    };

// verifyConsent(user: DirectoryUser | null, rules: ConsentRules, question: ConsentQuestion): Verification
