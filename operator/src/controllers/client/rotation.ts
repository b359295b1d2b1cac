/** When a secret is due to be replaced, and when the one before it ends: pure. */
import { type ClientSpec, durationMilliseconds, secretRotationDefaults } from '@nauthera/crds';
import type { SecretUse } from '@nauthera/server/registry';

/** Milliseconds. */
export interface RotationTimes {
  /** Left out: never by itself. */
  readonly every?: number;
  readonly overlap: number;
  readonly quiet: number;
  /** Left out: for as long as it is used. */
  readonly maxOverlap?: number;
}

export function rotationTimes({ secret }: ClientSpec): RotationTimes {
  const { every, overlap, quiet, maxOverlap } = { ...secretRotationDefaults, ...secret?.rotation };
  return {
    ...(every === undefined ? {} : { every: durationMilliseconds(every) }),
    overlap: durationMilliseconds(overlap),
    quiet: durationMilliseconds(quiet),
    ...(maxOverlap === undefined ? {} : { maxOverlap: durationMilliseconds(maxOverlap) }),
  };
}

/** Left out times and all, for people. */
export function rotationWords({ secret }: ClientSpec): {
  readonly overlap: string;
  readonly quiet: string;
  readonly maxOverlap: string;
} {
  return { maxOverlap: '', ...secretRotationDefaults, ...secret?.rotation };
}

export interface RetirementFacts {
  /** Epoch milliseconds: since when a newer secret is accepted beside it. */
  readonly supersededAt: number;
  /** Epoch milliseconds: since when a newer one stands in its place. Default {@link supersededAt}. */
  readonly replacedAt?: number;
  /** Epoch milliseconds by the database's clock, as all of these. */
  readonly now: number;
  readonly times: RotationTimes;
  /** `undefined`: not asked, as nothing can end yet. */
  readonly use: SecretUse | undefined;
}

export type RetirementVerdict =
  | { readonly retire: 'unused' | 'maxOverlap' }
  | {
      readonly retire: 'not yet';
      /** Milliseconds until this may be another. */
      readonly again: number;
      /** The overlap is over, and it was used since it was replaced. */
      readonly inUse: boolean;
    };

export type JudgeRetirement = (facts: RetirementFacts) => RetirementVerdict;

/** What decides, where a test decides otherwise. */
export interface RotationRules {
  times(spec: ClientSpec): RotationTimes;
  readonly judge: JudgeRetirement;
}

export const rotationRules: RotationRules = {
  times: (spec) => rotationTimes(spec),
  judge: (facts) => judgeRetirement(facts),
};

/** Whether uses are to be asked for: before the overlap is over nothing ends. */
export function mayRetire(facts: Pick<RetirementFacts, 'supersededAt' | 'now' | 'times'>): boolean {
  return facts.now >= facts.supersededAt + facts.times.overlap;
}

/**
 * An old secret ends when it was accepted beside the new one for `overlap`, and was not used for `quiet` by the database's
 * clock, as far as that is known of every replica; after `maxOverlap` whatever uses it. A job that runs once a day does not
 * run to the second: a twenty-fourth is added. Where the registry was lost, so were the uses: only `maxOverlap` goes on.
 */
export const judgeRetirement: JudgeRetirement = ({ supersededAt, replacedAt = supersededAt, now, times, use }) => {
  const end = Math.min(supersededAt, replacedAt) + (times.maxOverlap ?? Number.POSITIVE_INFINITY);
  if (now >= end) return { retire: 'maxOverlap' };
  const wait = (milliseconds: number, inUse: boolean): RetirementVerdict => ({
    retire: 'not yet',
    again: Math.min(milliseconds, end - now),
    inUse,
  });
  if (!mayRetire({ supersededAt, now, times })) return wait(supersededAt + times.overlap - now, false);
  if (use === undefined) return wait(soon, false);
  const { usedAt, unseenAt } = use;
  const seen = Math.max(supersededAt, usedAt ?? supersededAt, unseenAt ?? supersededAt);
  const quietEnd = seen + times.quiet + times.quiet / 24;
  if (use.knownUntil >= quietEnd) return { retire: 'unused' };
  // What the replicas know is behind by a report or two.
  return wait(Math.max(quietEnd - use.now, soon), usedAt !== undefined && usedAt > supersededAt);
};

const soon = 1_000;

/** Milliseconds until a secret is to be replaced by itself; `undefined`: never. */
export function dueIn(createdAt: string, { every }: RotationTimes, now: number): number | undefined {
  return every === undefined ? undefined : Math.max(0, Date.parse(createdAt) + every - now);
}
