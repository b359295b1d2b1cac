/**
 * The Client's Secret, pure: which secret is in force, which older one is still accepted, what is to be written. The Secret
 * is the truth; the registry keeps digests only. An annotation ties the value to its digest, so that an edited value is
 * noticed.
 */
import type { Secret } from '../../sources/source.ts';
import { digestOf, idOfDigest, olderSecrets, type Retiring, readFormerMark } from './ledger.ts';
import { planNew } from './new-secret.ts';
import { endings } from './retirement.ts';
import { dueIn } from './rotation.ts';
import { createdEvent, finish, secretWrites } from './secret-plan.ts';
import { type Cause, type HeldSecret, hasSecret, type SecretInputs, type SecretPlan } from './secret-terms.ts';
import {
  secretAnnotations as annotations,
  isSameContent,
  marksOn,
  remembering,
  renderSecret,
  type SecretMarks,
} from './secret-values.ts';

export { digestOf, idOfDigest } from './ledger.ts';

export function planSecret(inputs: SecretInputs): SecretPlan {
  if (!hasSecret(inputs.client.spec)) return planWithoutSecret(inputs);
  const held = heldIn(inputs);
  const { rotate, ...others } = inputs.requests;
  const done = rotate !== undefined && marksOn(held?.on).rotatedFor === rotate;
  const left = done ? { ...inputs, requests: others } : inputs;
  const older = olderThan(inputs, held);
  const cause = whyNew(left, held, older);
  const isFrozen = inputs.target?.immutable === true && cause !== 'revoke-all';
  if (cause !== undefined && !isFrozen) return planNew(left, { cause, held, older: olderThan(inputs, undefined) });
  return held === undefined ? planUnreadable(left) : planHeld(left, held, { older, isDue: cause !== undefined });
}

function planWithoutSecret(inputs: SecretInputs): SecretPlan {
  const { client, issuer, target } = inputs;
  const ended = endings(inputs, { digests: [], older: [] });
  const { rotate: _, ...open } = ended.open;
  const plan = finish(inputs, ended, secretWrites(target, renderSecret(client, issuer, target, undefined)));
  const created = target === undefined ? [createdEvent(plan.name)] : [];
  return { ...plan, open, events: [...created, ...plan.events] };
}

/** The secret that stands in a Secret of ours, as we wrote it. One that was revoked counts as gone. */
function heldIn({ target, others, storedNotes }: SecretInputs): HeldSecret | undefined {
  for (const on of target === undefined ? others : [target]) {
    const current = readCurrent(on);
    if (current !== undefined && storedNotes?.revoked?.includes(current.digest) !== true) return { ...current, on };
  }
  return undefined;
}

function readCurrent(secret: Secret): Omit<HeldSecret, 'on'> | undefined {
  const value = secret.data[secret.annotations[annotations.key] ?? ''];
  const createdAt = secret.annotations[annotations.createdAt];
  if (value === undefined || createdAt === undefined) return undefined;
  const digest = digestOf(value);
  const id = idOfDigest(digest);
  return secret.annotations[annotations.id] === id ? { id, value, digest, createdAt } : undefined;
}

function olderThan(inputs: SecretInputs, held: HeldSecret | undefined): readonly Retiring[] {
  const { target, others } = inputs;
  const lost = lostWith(inputs, held);
  if (lost !== undefined) return [lost];
  if (inputs.storedDigests.length === 0 && held !== undefined) return [];
  const former = [target, ...others].map((one) => readFormerMark(marksOn(one).former));
  const ids = former.map((one) => (one === undefined ? undefined : idOfDigest(one.digest)));
  const older = olderSecrets(inputs, held?.digest, [
    ...ids,
    ...[target, ...others].map((one) => one?.annotations[annotations.id]),
  ]);
  return older.map((one) => {
    const mark = former.find((of) => of?.digest === one.digest);
    return mark === undefined ? one : { ...one, replacedAt: mark.supersededAt };
  });
}

/**
 * The registration is lost, or from before the secret that is held: what the Secret remembers was accepted beside that one
 * and is again, until it may end. Who used it meanwhile is lost as well, so the time for that begins anew.
 */
function lostWith(
  { storedDigests, storedNotes, now }: SecretInputs,
  held: HeldSecret | undefined,
): Retiring | undefined {
  if (held === undefined || storedDigests.includes(held.digest)) return undefined;
  const mark = readFormerMark(marksOn(held.on).former);
  if (mark === undefined || mark.digest === held.digest) return undefined;
  if (storedNotes?.revoked?.includes(mark.digest) === true) return undefined;
  return { ...mark, supersededAt: new Date(now).toISOString(), replacedAt: mark.supersededAt };
}

/** `undefined`: no other secret is needed. A rotation waits until the one before has come to its end. */
function whyNew(
  { requests, times, now, storedDigests }: SecretInputs,
  held: HeldSecret | undefined,
  older: readonly Retiring[],
): Cause | undefined {
  if (requests.revokeAll !== undefined && marksOn(held?.on).revokedFor !== requests.revokeAll) return 'revoke-all';
  if (held === undefined) return storedDigests.length === 0 ? 'first' : 'lost';
  if (older.length > 0) return undefined;
  return requests.rotate !== undefined || dueIn(held.createdAt, times, now) === 0 ? 'rotate' : undefined;
}

/** What stands in the Secret stays there. */
function planHeld(
  inputs: SecretInputs,
  held: HeldSecret,
  { older, isDue }: { readonly older: readonly Retiring[]; readonly isDue: boolean },
): SecretPlan {
  const { client, issuer, target, times, now } = inputs;
  const ended = endings(inputs, { digests: [held.digest], older });
  const marks = marksLeft(held.on, ended.older);
  const next = renderSecret(client, issuer, target, held, marks);
  const isStuck = target?.immutable === true && !isSameContent(target, next);
  const frozen = isStuck || (target?.immutable === true && isDue);
  const due = dueIn(held.createdAt, times, now);
  // Overdue: as soon as the one before has ended.
  const sleeps = due === undefined || (due === 0 && (frozen || ended.older.length > 0));
  const plan = finish(inputs, ended, {
    current: held,
    ...secretWrites(target, isStuck ? remembering(target, marks.former) : next),
    frozen,
    ...(sleeps ? {} : { due }),
  });
  const created = target === undefined ? [createdEvent(next.name)] : [];
  return { ...plan, events: [...created, ...plan.events] };
}

/** What is accepted no longer is not remembered: it must not come back with an older registration, or on another server. */
function marksLeft(on: Secret, older: readonly Retiring[]): SecretMarks {
  const { former, ...others } = marksOn(on);
  const digest = readFormerMark(former)?.digest;
  return older.some((one) => one.digest === digest) ? { former, ...others } : others;
}

/** Immutable, and nobody can tell what stands in it: what was accepted goes on being accepted. */
function planUnreadable(inputs: SecretInputs): SecretPlan {
  const { client, storedDigests, storedNotes, known, target } = inputs;
  const ids = storedDigests.map(idOfDigest);
  const ended = endings(inputs, { digests: storedDigests, older: [] });
  const name = target?.name ?? client.name;
  const { retiring } = storedNotes ?? {};
  return {
    ...finish(inputs, ended, { name, writes: [], frozen: true }),
    notes: retiring === undefined ? ended.notes : { ...ended.notes, retiring },
    accepted: known.filter(({ id }) => ids.includes(id)),
  };
}
