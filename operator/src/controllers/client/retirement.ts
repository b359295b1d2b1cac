/** What becomes of the secret beside the current one, and of what is asked about it by annotation: pure. */
import type { SecretNotes } from '@nauthera/server/registry';
import { notesOf, type Retiring } from './ledger.ts';
import type { SecretRequests } from './requests.ts';
import { rotationWords } from './rotation.ts';
import type { SecretEvent, SecretInputs } from './secret-terms.ts';

export type RetirementInputs = Omit<SecretInputs, 'client' | 'issuer' | 'target' | 'others' | 'fresh'> & {
  readonly client: Pick<SecretInputs['client'], 'spec'>;
};

/** What would be accepted if nothing ended. */
export interface Kept {
  /** The current one, or none. */
  readonly digests: readonly string[];
  /** The newest first; the first alone is accepted. */
  readonly older: readonly Retiring[];
}

export interface Ended {
  readonly digests: readonly string[];
  readonly older: readonly Retiring[];
  readonly notes: SecretNotes | undefined;
  readonly events: readonly SecretEvent[];
  /** Milliseconds until something else may end. */
  readonly again: number | undefined;
  readonly inUse: boolean;
  readonly waits: boolean;
  readonly revokes: boolean;
  readonly open: SecretRequests;
}

/** @param dead digests that the caller revokes */
export function endings(inputs: RetirementInputs, kept: Kept, dead: readonly string[] = []): Ended {
  const { requests, storedNotes, storedDigests, storedServed } = inputs;
  const old = kept.older[0];
  const revoking = requests.revokeOld !== undefined || requests.revokeAll !== undefined;
  const ending = old === undefined ? undefined : endOf(inputs, old, revoking);
  const older = old === undefined || ending?.why !== undefined ? [] : [old];
  const digests = [...kept.digests, ...older.map(({ digest }) => digest)];
  const settled = revoking && storedServed && isSame(storedDigests, digests);
  // Asked for together with a new one, it is the one that is in force now that must end.
  const done: Done = !settled ? {} : requests.rotate === undefined ? requests : { revokeAll: requests.revokeAll };
  return {
    digests,
    older,
    notes: notesOf(storedNotes, older[0], {
      revoked: [...(ending?.why === 'revoked' && old !== undefined ? [old.digest] : []), ...dead],
      handled: {
        ...(done.revokeOld === undefined ? {} : { revoke_old: done.revokeOld }),
        ...(done.revokeAll === undefined ? {} : { revoke_all: done.revokeAll }),
      },
    }),
    events: ending?.why === undefined ? [] : [retired(inputs, ending.why)],
    again: ending?.again,
    inUse: ending?.inUse ?? false,
    waits: revoking && !settled,
    // When nothing more is to be had with it, and once more when no replica gives anything for it any more.
    revokes: revoking && (settled || !isSame(storedDigests, digests)),
    open: without(requests, done),
  };
}

interface Done {
  readonly revokeOld?: string | undefined;
  readonly revokeAll?: string | undefined;
}

function without({ rotate, revokeOld, revokeAll }: SecretRequests, done: Done): SecretRequests {
  return {
    ...(rotate === undefined ? {} : { rotate }),
    ...(revokeOld === undefined || done.revokeOld !== undefined ? {} : { revokeOld }),
    ...(revokeAll === undefined || done.revokeAll !== undefined ? {} : { revokeAll }),
  };
}

type Why = 'unused' | 'maxOverlap' | 'revoked';

interface Ending {
  readonly why: Why | undefined;
  readonly again?: number;
  readonly inUse?: boolean;
}

function endOf(inputs: RetirementInputs, old: Retiring, isRevoked: boolean): Ending {
  if (isRevoked) return { why: 'revoked' };
  const { now, times, judge, use, storedDigests } = inputs;
  // What is known of uses is of the one that is registered as the older one.
  const told = storedDigests[1] === old.digest ? use : undefined;
  const verdict = judge({
    supersededAt: Date.parse(old.supersededAt),
    ...(old.replacedAt === undefined ? {} : { replacedAt: Date.parse(old.replacedAt) }),
    now,
    times,
    use: told,
  });
  return verdict.retire === 'not yet'
    ? { why: undefined, again: verdict.again, inUse: verdict.inUse }
    : { why: verdict.retire };
}

function retired({ client }: RetirementInputs, why: Why): SecretEvent {
  const { quiet, maxOverlap } = rotationWords(client.spec);
  const reasons: Readonly<Record<Why, string>> = {
    unused: `it was not used for ${quiet}`,
    maxOverlap: `spec.secret.rotation.maxOverlap (${maxOverlap}) is over`,
    revoked: 'it was revoked, and so was everything that this Client had obtained',
  };
  return { reason: 'OldSecretRetired', note: `the old secret is no longer accepted: ${reasons[why]}` };
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((digest, index) => digest === other[index]);
}
