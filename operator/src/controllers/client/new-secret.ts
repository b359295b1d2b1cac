/**
 * A secret that takes the place of another one, pure: it is accepted on every replica before anybody can read it. The first
 * one of all is waited for by nobody.
 */
import type { ClientSpec } from '@nauthera/crds';
import { rfc3339 } from '../../runtime/conditions.ts';
import { digestOf, formerMark, idOfDigest, type Retiring } from './ledger.ts';
import { type Ended, endings } from './retirement.ts';
import { rotationWords } from './rotation.ts';
import { createdEvent, finish, secretWrites, shown } from './secret-plan.ts';
import type { Cause, HeldSecret, SecretEvent, SecretInputs, SecretPlan } from './secret-terms.ts';
import { type Current, marksOn, renderSecret, type SecretMarks } from './secret-values.ts';

export interface Wanted {
  readonly cause: Cause;
  readonly held: HeldSecret | undefined;
  /** What is registered, the newest first. */
  readonly older: readonly Retiring[];
}

interface Incoming extends Wanted {
  readonly digest: string;
  /** The one that stood in its place. */
  readonly former: Retiring | undefined;
}

export function planNew(inputs: SecretInputs, wanted: Wanted): SecretPlan {
  const { storedDigests, storedServed, target } = inputs;
  const digest = digestOf(inputs.fresh);
  const incoming: Incoming = { ...wanted, digest, former: formerOf(inputs, wanted, digest) };
  const ended = acceptNew(inputs, incoming);
  const ready = wanted.cause === 'first' || (storedDigests[0] === digest && storedServed);
  return ready && target?.immutable !== true
    ? written(inputs, incoming, ended)
    : registered(inputs, incoming, ended, !ready);
}

/** What is accepted beside the new one: what stands in the Secret, or stood there. */
function formerOf({ now }: SecretInputs, { held, older }: Wanted, fresh: string): Retiring | undefined {
  const others = older.filter(({ digest }) => digest !== fresh);
  if (held === undefined) return others[0];
  const { digest, createdAt } = held;
  return (
    others.find((one) => one.digest === digest) ?? { digest, createdAt, supersededAt: new Date(now).toISOString() }
  );
}

/** The old one that is asked to end ends once the new one can be read, and not with it. */
function acceptNew(inputs: SecretInputs, { cause, held, digest, former }: Incoming): Ended {
  if (cause === 'revoke-all') {
    const { storedDigests } = inputs;
    const before = held === undefined ? storedDigests : [held.digest, ...storedDigests];
    const dead = before.filter((one) => one !== digest);
    return endings(inputs, { digests: [digest], older: [] }, dead);
  }
  const { revokeOld, ...requests } = inputs.requests;
  const older = former === undefined ? [] : [former];
  const ended = endings({ ...inputs, requests }, { digests: [digest], older });
  return revokeOld === undefined ? ended : { ...ended, open: { ...ended.open, revokeOld } };
}

/** The Secret is left as it is until every live replica accepts the new secret. */
function registered(inputs: SecretInputs, { cause, held, former }: Incoming, ended: Ended, waits: boolean): SecretPlan {
  const { client, issuer, target } = inputs;
  const next = renderSecret(client, issuer, target, held, marksOn(held?.on));
  const frozen = target?.immutable === true;
  const leave = target === undefined || held === undefined || frozen;
  const plan = finish(inputs, ended, {
    ...(leave ? { name: next.name, writes: [] } : secretWrites(target, next)),
    frozen,
    waits,
  });
  return { ...plan, keepsFresh: true, accepted: cause === 'revoke-all' ? [] : shown(held ?? inForce(former), []) };
}

function inForce(old: Retiring | undefined): Pick<Current, 'id' | 'createdAt'> | undefined {
  return old === undefined ? undefined : { id: idOfDigest(old.digest), createdAt: old.createdAt };
}

function written(inputs: SecretInputs, { cause, held, digest, former }: Incoming, ended: Ended): SecretPlan {
  const { client, issuer, target, fresh, requests, now } = inputs;
  const current: Current = { id: idOfDigest(digest), value: fresh, createdAt: rfc3339(now) };
  const before = marksOn(held?.on ?? target);
  const marks: SecretMarks = {
    former: former === undefined || cause === 'revoke-all' ? undefined : formerMark(former),
    rotatedFor: requests.rotate ?? before.rotatedFor,
    revokedFor: cause === 'revoke-all' ? requests.revokeAll : before.revokedFor,
  };
  const next = renderSecret(client, issuer, target, current, marks);
  const { rotate: _, ...open } = ended.open;
  const waits = open.revokeOld !== undefined;
  const plan = finish(inputs, ended, { current, ...secretWrites(target, next), waits });
  return { ...plan, open, events: [newEvent(client.spec, next.name, cause, former), ...plan.events] };
}

function newEvent(spec: ClientSpec, name: string, cause: Cause, former: Retiring | undefined): SecretEvent {
  if (cause === 'first' || (cause === 'lost' && former === undefined)) return createdEvent(name);
  if (cause === 'revoke-all')
    return { reason: 'SecretRotated', note: `Secret "${name}" has a new secret; no other one is accepted any more` };
  const { overlap } = rotationWords(spec);
  const note = `Secret "${name}" has a new secret; the old one is accepted for ${overlap}, and for as long as it is used`;
  return { reason: cause === 'lost' ? 'SecretRecreated' : 'SecretRotated', note };
}
