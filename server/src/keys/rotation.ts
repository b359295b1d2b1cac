/** PURE. When a signing key is made, used, retired and removed. */
import type { SigningAlgorithm } from '../protocol/terms.ts';
import type { EpochSeconds } from '../protocol/time.ts';

/** What the schedule knows of a key. */
export interface ScheduledKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** Counts up per algorithm. */
  readonly generation: number;
  /** From then on it signs, until a newer one does. */
  readonly activeFrom: EpochSeconds;
  readonly revoked: boolean;
  /** Somebody wants its successor now. */
  readonly rotationAsked?: boolean;
}

/** Whole seconds. */
export interface RotationSettings {
  readonly algorithms: readonly SigningAlgorithm[];
  readonly rotate_every: number;
  readonly publish_before: number;
  readonly retire_after: number;
}

export type KeyState = 'published' | 'active' | 'retiring';

export interface RotationPlan {
  readonly create: readonly {
    readonly algorithm: SigningAlgorithm;
    readonly generation: number;
    readonly activeFrom: EpochSeconds;
  }[];
  /** Keys whose last token has expired. */
  readonly remove: readonly string[];
}

const newestFirst = (one: ScheduledKey, other: ScheduledKey): number => other.generation - one.generation;

function keysOf(keys: readonly ScheduledKey[], algorithm: SigningAlgorithm): readonly ScheduledKey[] {
  return keys.filter((key) => key.algorithm === algorithm).sort(newestFirst);
}

/**
 * The key that signs now: the newest one that is not revoked and whose time has come. Is there none (our clock is behind
 * the database's, or the active one was revoked), the next published one signs early rather than nobody.
 */
export function activeKey<K extends ScheduledKey>(
  keys: readonly K[],
  algorithm: SigningAlgorithm,
  now: EpochSeconds,
): K | undefined {
  const usable = keys.filter((key) => key.algorithm === algorithm && !key.revoked).sort(newestFirst);
  return usable.find((key) => key.activeFrom <= now) ?? usable.at(-1);
}

/**
 * Seconds that a key is published longer than asked: until every replica knows it and serves it, and for clocks that differ.
 * A relying party that fetched the set from the slowest replica has the key before it first signs, too.
 */
export const spread = 60;

/** What a key is for now; `null`: nothing any more (revoked, or its successor has been active for `retire_after`). */
export function stateOf(
  key: ScheduledKey,
  keys: readonly ScheduledKey[],
  settings: Pick<RotationSettings, 'retire_after'>,
  now: EpochSeconds,
): KeyState | null {
  if (key.revoked) return null;
  if (activeKey(keys, key.algorithm, now)?.kid === key.kid) return 'active';
  if (key.activeFrom > now) return 'published';
  const successor = successorOf(key, keys, now);
  return successor === undefined || successor.activeFrom + settings.retire_after > now ? 'retiring' : null;
}

/** The key that took over from this one: the oldest of the newer ones that have become active. */
function successorOf(key: ScheduledKey, keys: readonly ScheduledKey[], now: EpochSeconds): ScheduledKey | undefined {
  return keysOf(keys, key.algorithm)
    .filter((other) => other.generation > key.generation && !other.revoked && other.activeFrom <= now)
    .at(-1);
}

/**
 * What is due. The first key of an algorithm is used at once: there is no older one that anybody could know. Every later
 * one is published `publish_before` and {@link spread} ahead, so that relying parties with a cached key set have seen it
 * when it first signs, also one that somebody asked for.
 * After a revocation without a published successor a new key is used at once too.
 */
export function planRotation(
  keys: readonly ScheduledKey[],
  settings: RotationSettings,
  now: EpochSeconds,
): RotationPlan {
  const create = settings.algorithms.flatMap((algorithm) => {
    const known = keysOf(keys, algorithm);
    const newest = known.find((key) => !key.revoked);
    const generation = (known[0]?.generation ?? 0) + 1;
    if (newest === undefined) return [{ algorithm, generation, activeFrom: now }];
    const ahead = settings.publish_before + spread;
    const due = newest.rotationAsked === true ? now + ahead : newest.activeFrom + settings.rotate_every;
    if (now < due - ahead) return [];
    return [{ algorithm, generation, activeFrom: Math.max(due, now + ahead) as EpochSeconds }];
  });
  const remove = keys.filter((key) => !key.revoked && stateOf(key, keys, settings, now) === null).map((key) => key.kid);
  return { create, remove };
}

/** When the next key of an algorithm is due to be made. */
export function nextRotation(
  keys: readonly ScheduledKey[],
  settings: RotationSettings,
  algorithm: SigningAlgorithm,
): EpochSeconds | undefined {
  const newest = keysOf(keys, algorithm).find((key) => !key.revoked);
  if (newest === undefined) return undefined;
  return (newest.activeFrom + settings.rotate_every - settings.publish_before - spread) as EpochSeconds;
}

/** Seconds: whichever replica comes first makes it within moments, so nothing less is worth a word. */
const overdueAfter = 3600;

/** Whether the next key of an algorithm should have been made long ago: the one before signs on, which nobody would notice. */
export function isOverdue(keys: readonly ScheduledKey[], settings: RotationSettings, now: EpochSeconds): boolean {
  return settings.algorithms.some((algorithm) => {
    const next = nextRotation(keys, settings, algorithm);
    return next !== undefined && now - next > overdueAfter;
  });
}
