/**
 * The keys of this replica: read from the database every four seconds, made and retired on schedule by whichever replica
 * comes first. Signing and verifying never wait for the database.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../protocol/terms.ts';
import { type Clock, clockSkew, type EpochSeconds, epochSeconds } from '../protocol/time.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createSigningKey, openPrivateKey, sealPrivateKey } from './create-key.ts';
import type { KeySet, Signer, SigningKeyStore, StoredSigningKey } from './keys.ts';
import {
  activeKey,
  isOverdue,
  type KeyState,
  nextRotation,
  planRotation,
  type RotationSettings,
  stateOf,
} from './rotation.ts';
import type { KeyedSealer } from './sealer.ts';
import { createSigner, type SigningKey, signature } from './signer.ts';
import { createVerifier, signatureHolds, type VerificationKey } from './verify.ts';

export type KeysState = 'pending' | 'ready' | 'key_encryption_key_mismatch';

export interface Keys {
  readonly signer: Signer;
  readonly keySet: KeySet;
  state(): KeysState;
  /** Whether the next key of an algorithm should have been made more than an hour ago. */
  isRotationOverdue(): boolean;
  /** When the table was last read, by {@link KeysOptions.monotonic}; `undefined`: never. */
  confirmedAt(): number | undefined;
  /** Our clock minus the database's, in seconds, as of the last reading: see {@link clockSkew}. */
  clockSkew(): number;
  /** Reads the table now, and does what is due. Errors are logged. */
  refresh(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

export interface KeysOptions {
  readonly store: SigningKeyStore;
  readonly sealer: KeyedSealer;
  /** `undefined` until the operator has declared the server: no key is made before that. */
  readonly settings: () => RotationSettings | undefined;
  readonly issuer: () => string | undefined;
  readonly clock: Clock;
  /** Milliseconds, never going backwards. */
  readonly monotonic: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told of every signature checked. */
  readonly onVerified?: () => void;
}

const pollEvery = 4000;
/** After a reading that failed: a replica that cannot confirm its keys for 10 s stops issuing. */
const retryEvery = 1000;

interface LoadedKey extends StoredSigningKey, VerificationKey {
  readonly publicKey: KeyObject;
  /** `null`: it does not open. */
  readonly signing: SigningKey | null;
}

/** The keys that sign, as of one second and one reading. */
interface ActiveKeys {
  readonly now: EpochSeconds | undefined;
  readonly keys: readonly LoadedKey[];
  readonly byAlgorithm: Map<SigningAlgorithm, LoadedKey | undefined>;
}

export function createKeys(options: KeysOptions): Keys {
  return new ReplicaKeys(options);
}

class ReplicaKeys implements Keys {
  readonly signer: Signer;
  readonly keySet: KeySet;
  readonly #options: KeysOptions;
  #keys: readonly LoadedKey[] = [];
  #published: ReadonlyMap<string, LoadedKey> = new Map();
  #jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] } = { keys: [] };
  #active: ActiveKeys = { now: undefined, keys: [], byAlgorithm: new Map() };
  #confirmedAt: number | undefined;
  #skew = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #refreshing: Promise<void> | undefined;

  constructor(options: KeysOptions) {
    this.#options = options;
    const { issuer, clock, metrics, onVerified } = options;
    this.signer = createSigner({
      active: (algorithm) => this.#activeNow(algorithm)?.signing ?? undefined,
      onSigned: (alg, seconds) => metrics.signingDuration.observe({ alg }, seconds),
    });
    const verify = createVerifier({
      key: (kid) => this.#published.get(kid),
      issuer,
      clock,
      ...(onVerified === undefined ? {} : { onVerified }),
    });
    this.keySet = {
      jwks: () => this.#jwks,
      verify: (jwt, type) => verify(jwt, type),
      readHint: (idToken) => Promise.resolve(verify(idToken, 'JWT', 'any')),
    };
  }

  confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  clockSkew(): number {
    return this.#skew;
  }

  state(): KeysState {
    const settings = this.#options.settings();
    if (settings === undefined || this.#confirmedAt === undefined) return 'pending';
    let state: KeysState = 'ready';
    for (const algorithm of settings.algorithms) {
      const key = this.#activeNow(algorithm);
      if (key === undefined) state = 'pending';
      else if (key.signing === null) return 'key_encryption_key_mismatch';
    }
    return state;
  }

  isRotationOverdue(): boolean {
    const settings = this.#options.settings();
    return settings !== undefined && isOverdue(this.#keys, settings, this.#options.clock.now());
  }

  /** Asked at every request, more than once: looked for again when the second or the keys are others. */
  #activeNow(algorithm: SigningAlgorithm): LoadedKey | undefined {
    const now = this.#options.clock.now();
    if (now !== this.#active.now || this.#keys !== this.#active.keys) {
      this.#active = { now, keys: this.#keys, byAlgorithm: new Map() };
    }
    const { byAlgorithm } = this.#active;
    if (!byAlgorithm.has(algorithm)) byAlgorithm.set(algorithm, activeKey(this.#keys, algorithm, now));
    return byAlgorithm.get(algorithm);
  }

  start(): void {
    const tick = async (): Promise<void> => {
      const before = this.#confirmedAt;
      await this.refresh();
      const delay = this.#confirmedAt === before ? retryEvery : pollEvery;
      if (!this.#stopped) this.#timer = setTimeout(() => void tick(), delay).unref();
    };
    void tick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#refreshing;
  }

  /** One at a time: a second caller waits for a reading that began after its call. */
  async refresh(): Promise<void> {
    while (this.#refreshing !== undefined) await this.#refreshing;
    this.#refreshing = this.#refresh()
      .catch((error: unknown) => this.#options.log.warn('signing keys could not be read', errorName(error)))
      .finally(() => {
        this.#refreshing = undefined;
      });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const before = await this.#load();
    if (before.wished) await this.#options.store.fulfil();
    const { now } = before.wished ? await this.#load() : before;
    const settings = this.#options.settings();
    if (settings === undefined || this.state() === 'key_encryption_key_mismatch') return;
    const { create, remove } = planRotation(this.#keys, settings, now);
    for (const plan of create) {
      const key = await createSigningKey(plan, this.#options.sealer);
      const made = await this.#options.store.insert({ ...key, activated: key.activeFrom <= now });
      if (made) this.#options.log.info('signing key published', { 'nauthera.kid': key.kid });
    }
    if (remove.length > 0) await this.#options.store.remove(remove);
    await this.#tellActivations(settings, now);
    await this.#resealOld();
    if (create.length > 0 || remove.length > 0) await this.#load();
  }

  async #load(): Promise<{ readonly now: EpochSeconds; readonly wished: boolean }> {
    const { store, clock, monotonic } = this.#options;
    const asked = monotonic();
    const before = clock.now();
    const { now, keys, wished } = await store.load();
    const known = new Map(this.#keys.map((key) => [key.kid, key]));
    this.#keys = keys.map((stored) => this.#toLoaded(stored, known.get(stored.kid)));
    this.#skew = clockSkew({ before, after: clock.now() }, now);
    this.#confirmedAt = asked;
    this.#publish(clock.now());
    return { now, wished };
  }

  /** A key that opened once stays open: it is the same key, whatever it is sealed with by now. */
  #toLoaded(stored: StoredSigningKey, known: LoadedKey | undefined): LoadedKey {
    if (known !== undefined && known.signing !== null) return { ...known, ...stored };
    const { sealer, log } = this.#options;
    const privateKey = openPrivateKey(stored, sealer);
    if (privateKey === null && known === undefined) {
      const detail = sealer.knowsKeyOf(stored.sealedPrivateKey)
        ? 'it was altered or moved from another row'
        : 'it is sealed with another key-encryption key';
      log.error('a signing key does not open', { 'nauthera.kid': stored.kid, 'error.detail': detail });
    }
    const publicKey = createPublicKey({ key: { ...stored.publicJwk }, format: 'jwk' });
    const { kid, algorithm } = stored;
    const signing = privateKey === null ? null : { kid, algorithm, privateKey };
    // One signature and one check before the key is used: a pair that does not fit would sign what nobody can verify.
    if (signing !== null && !signatureHolds({ algorithm, publicKey }, kid, signature(signing, kid))) {
      log.error('a signing key does not fit its public key', { 'nauthera.kid': kid });
      return { ...stored, publicKey, signing: null };
    }
    return { ...stored, publicKey, signing };
  }

  /** A key becomes active by the passing of time: whoever sees it first tells. */
  async #tellActivations({ algorithms }: RotationSettings, now: EpochSeconds): Promise<void> {
    for (const algorithm of algorithms) {
      const active = activeKey(this.#keys, algorithm, now);
      if (active !== undefined && !active.activated) await this.#options.store.activate(active.kid);
    }
  }

  /** The published set follows the clock as well as the table. Its object changes only when its content does. */
  #publish(now: EpochSeconds): void {
    const settings = this.#options.settings();
    const states = new Map<LoadedKey, KeyState>();
    for (const key of this.#keys) {
      const state = settings === undefined ? null : stateOf(key, this.#keys, settings, now);
      if (state !== null) states.set(key, state);
    }
    // The verifier remembers keys by identity: an unchanged key keeps its object.
    const before = this.#published;
    this.#published = new Map([...states.keys()].map((key) => [key.kid, before.get(key.kid) ?? key]));
    const jwks = { keys: [...states.keys()].map(toJwk) };
    if (JSON.stringify(jwks) !== JSON.stringify(this.#jwks)) this.#jwks = jwks;
    this.#measure(states, settings);
  }

  #measure(states: ReadonlyMap<LoadedKey, KeyState>, settings: RotationSettings | undefined): void {
    const { metrics, clock } = this.#options;
    metrics.signingKeys.reset();
    for (const [key, state] of states) metrics.signingKeys.inc({ alg: key.algorithm, state });
    // An algorithm that is used no more must not look overdue for ever.
    metrics.signingKeyNextRotation.reset();
    for (const alg of settings?.algorithms ?? []) {
      const next = settings === undefined ? undefined : nextRotation(this.#keys, settings, alg);
      metrics.signingKeyNextRotation.set({ alg }, next ?? clock.now());
    }
    metrics.clockSkew.set(this.#skew);
  }

  /** While a key-encryption key is replaced, keys move to the new one; the old one can then be dropped. */
  async #resealOld(): Promise<void> {
    const { sealer, store } = this.#options;
    for (const { kid, signing, sealedPrivateKey } of this.#keys) {
      if (signing === null || sealer.isNewest(sealedPrivateKey)) continue;
      await store.reseal(kid, sealedPrivateKey, sealPrivateKey(signing.privateKey, kid, sealer));
    }
  }
}

function toJwk(key: LoadedKey): Readonly<Record<string, unknown>> {
  return { ...key.publicJwk, kid: key.kid, alg: key.algorithm, use: 'sig' };
}

function errorName(error: unknown): { 'error.type': string } {
  return { 'error.type': error instanceof Error ? error.name : typeof error };
}

/** Whole seconds by the system's clock. */
export const systemClock: Clock = { now: () => epochSeconds(Math.floor(Date.now() / 1000)) };
