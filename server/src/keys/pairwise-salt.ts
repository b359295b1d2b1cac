/**
 * The salt of pairwise subjects: 256 random bits, made by whichever replica comes first and never changed, because with it
 * every pairwise client would lose its users. Read once; a replica is not ready before.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';
import type { SealedSecretStore } from './keys.ts';
import type { KeyedSealer } from './sealer.ts';

export type SaltState = 'pending' | 'ready' | 'key_encryption_key_mismatch';

export interface PairwiseSalt {
  state(): SaltState;
  /** @throws SaltMissing unless `ready` */
  current(): KeyObject;
  /** Reads the salt, or makes it. Errors are logged. */
  refresh(): Promise<void>;
  /** Refreshes until the salt is there. */
  start(): void;
  stop(): Promise<void>;
}

export interface PairwiseSaltOptions {
  readonly store: SealedSecretStore;
  readonly sealer: KeyedSealer;
  readonly log: Log;
}

/** Answered as 503: this replica must not issue yet. */
export class SaltMissing extends Error {
  readonly code = 'not_serving';
  constructor() {
    super('the salt of pairwise subjects is not there yet');
    this.name = 'SaltMissing';
  }
}

/** Name of the row. */
const name = 'pairwise_salt';
const place: readonly string[] = ['sealed_secrets', name];
const length = 32;
/** Milliseconds. */
const retryEvery = 1000;

export function createPairwiseSalt({ store, sealer, log }: PairwiseSaltOptions): PairwiseSalt {
  let salt: KeyObject | undefined;
  let mismatch = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  const load = async (): Promise<void> => {
    let sealed = await store.read(name);
    if (sealed === null) {
      // Of several replicas one wins; all take what stands there then.
      await store.insert(name, sealer.seal(randomBytes(length), place));
      sealed = await store.read(name);
    }
    const plain = sealed === null ? null : sealer.open(sealed, place);
    if (sealed === null || plain?.length !== length) {
      if (!mismatch) log.error('the salt of pairwise subjects does not open');
      mismatch = true;
      return;
    }
    salt = createSecretKey(plain);
    mismatch = false;
    // While a key-encryption key is replaced, the salt moves to the new one; the old one can then be dropped.
    if (!sealer.isNewest(sealed)) await store.reseal(name, sealed, sealer.seal(plain, place));
  };
  const refresh = (): Promise<void> =>
    load().catch((error: unknown) => {
      const type = error instanceof Error ? error.name : typeof error;
      log.warn('the salt of pairwise subjects could not be read', { 'error.type': type });
    });
  const tick = (): void => {
    running = refresh().finally(() => {
      if (!stopped && salt === undefined) timer = setTimeout(tick, retryEvery).unref();
    });
  };
  return {
    state: () => (salt !== undefined ? 'ready' : mismatch ? 'key_encryption_key_mismatch' : 'pending'),
    current() {
      if (salt === undefined) throw new SaltMissing();
      return salt;
    },
    refresh,
    start: tick,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
