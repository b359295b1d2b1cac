/** Signing keys and sealing, as tokens, endpoints and the store see them. */
import type { SigningAlgorithm } from '../protocol/terms.ts';
import type { EpochSeconds } from '../protocol/time.ts';

export interface Signer {
  /**
   * Signs a JWT with the active key of `algorithm`; `kid` and `alg` are set. Signatures of one event-loop turn are made together.
   * @param type the `typ` header: `at+jwt` (RFC 9068 §2.1) or `JWT`.
   */
  sign(algorithm: SigningAlgorithm, type: string, claims: Readonly<Record<string, unknown>>): Promise<string>;
}

export interface KeySet {
  /** The JWK set as published (RFC 7517 §5): every key from its publication until the last token signed with it has expired. */
  jwks(): { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /**
   * Verifies a JWT of ours: one fixed `alg` per key, `typ`, `iss`, expiry. `null` when anything is wrong. Nothing is waited
   * for; a token that was verified before has the same object as its claims, as long as it is remembered.
   * @param type the expected `typ` header.
   */
  verify(jwt: string, type: string): Readonly<Record<string, unknown>> | null;
  /**
   * Reads an ID token of ours that came as a hint (`id_token_hint`): as {@link verify}, but one that has expired is as
   * good (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §4). It proves whom it was issued about, and nothing else.
   */
  readHint(idToken: string): Promise<Readonly<Record<string, unknown>> | null>;
}

/**
 * Authenticated encryption of values that leave the process (AES-256-GCM). The additional data binds a value to its place,
 * so that a copy elsewhere does not open.
 */
export interface Sealer {
  seal(plain: Uint8Array, place: readonly string[]): Buffer;
  /**
   * As {@link seal}, but equal values at one place seal to equal bytes under one key, so that whoever compares can see that
   * nothing changed. It tells an onlooker just that.
   */
  sealStable(plain: Uint8Array, place: readonly string[]): Buffer;
  /** `null` when it does not open: altered, other place, unknown key. */
  open(sealed: Uint8Array, place: readonly string[]): Buffer | null;
}

/** A signing key as it stands in the table. */
export interface StoredSigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** Counts up per algorithm; the table holds each once, so that of several replicas one makes the next key. */
  readonly generation: number;
  readonly activeFrom: EpochSeconds;
  readonly revoked: boolean;
  /** Its first use was told. */
  readonly activated: boolean;
  /** Somebody wants its successor now. */
  readonly rotationAsked: boolean;
  /** Members of the public key alone (RFC 7517). */
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** PKCS #8 in DER, sealed for the place `signing_keys`, kid. */
  readonly sealedPrivateKey: Buffer;
}

export type NewSigningKey = Omit<StoredSigningKey, 'revoked' | 'rotationAsked'>;

export interface SigningKeyStore {
  /** Every key, the time by the database, and whether something is wished that nobody has carried out. */
  load(): Promise<{
    readonly now: EpochSeconds;
    readonly keys: readonly StoredSigningKey[];
    readonly wished: boolean;
  }>;
  /** With its audit row, and one more when it is used at once. `false`: another replica made this generation. */
  insert(key: NewSigningKey): Promise<boolean>;
  /** It signs from now on; with its audit row, once. */
  activate(kid: string): Promise<void>;
  /** With an audit row each. */
  remove(kids: readonly string[]): Promise<void>;
  /** With its audit row. */
  revoke(kid: string): Promise<'revoked' | 'revoked_before' | 'unknown'>;
  /** The newest key of each algorithm is to have a successor. Those whose keys have none yet. */
  askRotation(): Promise<readonly SigningAlgorithm[]>;
  /** Carries out what is wished, each wish once; with its audit rows. */
  fulfil(): Promise<void>;
  /** Puts the same key sealed anew in the place of `before`. */
  reseal(kid: string, before: Buffer, sealedPrivateKey: Buffer): Promise<void>;
}

/** Secrets of the server by name; each is sealed for the place `sealed_secrets`, name. */
export interface SealedSecretStore {
  read(name: string): Promise<Buffer | null>;
  /** Does nothing where one stands already. */
  insert(name: string, sealed: Buffer): Promise<void>;
  /** Puts the same secret sealed anew in the place of `before`. */
  reseal(name: string, before: Buffer, sealed: Buffer): Promise<void>;
}
