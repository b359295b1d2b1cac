/**
 * The Client's Secret, pure: which secret is in force, which older one is still accepted, what is to be written. The Secret
 * is the truth; the registry keeps digests only. An annotation ties the value to its digest, so that an edited value is
 * noticed.
 */
import { createHash } from 'node:crypto';
import type { ClientSpec, ClientStatus } from '@nauthera/crds';
import { rfc3339 } from '../../runtime/conditions.ts';
import type { NewSecret, Secret } from '../../sources/source.ts';
import {
  secretAnnotations as annotations,
  type Current,
  isSameSecret,
  type Retiring,
  renderSecret,
  type SecretOwnerFacts,
} from './secret-values.ts';

/** How long an older secret is accepted, and a Secret with an older name is kept: 24 h, in milliseconds. */
export const overlap = 86_400_000;

export interface SecretInputs {
  readonly client: SecretOwnerFacts;
  readonly issuer: string;
  /** Of the wanted name; made for this Client. */
  readonly target: Secret | undefined;
  /** Made for this Client under an older name. */
  readonly others: readonly Secret[];
  /** Of this Client's own row. */
  readonly storedDigests: readonly string[];
  /**
   * From the Client's status. Whoever forges it can only have a digest of this Client's own row accepted longer, for this
   * Client.
   */
  readonly known: NonNullable<ClientStatus['secrets']>;
  /** 256 random bits, base64url; used when a new secret is needed. */
  readonly fresh: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

export type SecretWrite =
  | { readonly write: 'create'; readonly next: NewSecret }
  | { readonly write: 'update'; readonly before: Secret; readonly next: NewSecret }
  | { readonly write: 'delete'; readonly before: Secret };

export interface SecretEvent {
  readonly reason: 'SecretCreated' | 'SecretRecreated' | 'SecretAdopted' | 'DriftRepaired';
  readonly note: string;
}

export interface SecretPlan {
  readonly name: string;
  /** In this order, before anything is registered. */
  readonly writes: readonly SecretWrite[];
  /** Accepted from now on, the current one first. */
  readonly digests: readonly string[];
  readonly accepted: NonNullable<ClientStatus['secrets']>;
  /** Milliseconds until something of this ends. */
  readonly wakeIn: number | undefined;
  /** A change that is needed and cannot be made: the Secret is immutable. */
  readonly blocked?: string;
  /** To be told once it is written. */
  readonly event?: SecretEvent;
}

/** SHA-256, base64url: what the registry keeps of a secret. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Says nothing about the secret, and little about its digest. */
export function idOfDigest(digest: string): string {
  return createHash('sha256').update(`nauthera secret id\0${digest}`).digest('base64url').slice(0, 16);
}

export function hasSecret({ authentication: { method } }: ClientSpec): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}

export function planSecret(inputs: SecretInputs): SecretPlan {
  const { client, issuer, target, others, now } = inputs;
  const chosen = hasSecret(client.spec) ? secretsOf(inputs) : nothing;
  const next = renderSecret(client, issuer, target, chosen);
  const retirement = retireOthers(others, now);
  if (target?.immutable === true && !isSameSecret(target, next)) return leftAlone(inputs, target, chosen, retirement);
  const writes: SecretWrite[] = [];
  if (target === undefined) writes.push({ write: 'create', next });
  else if (!isSameSecret(target, next)) writes.push({ write: 'update', before: target, next });
  const event = eventOf(inputs, next.name, chosen);
  return {
    name: next.name,
    writes: [...writes, ...retirement.writes],
    ...acceptedOf(chosen),
    wakeIn: soonest([chosen.retiring?.until, ...retirement.ends], now),
    ...(event === undefined ? {} : { event }),
  };
}

export interface Chosen {
  readonly current: (Current & { readonly digest: string }) | undefined;
  readonly retiring: Retiring | undefined;
}

const nothing: Chosen = { current: undefined, retiring: undefined };

export function acceptedOf({ current, retiring }: Chosen): Pick<SecretPlan, 'digests' | 'accepted'> {
  return {
    digests: [current?.digest, retiring?.digest].filter((digest) => digest !== undefined),
    accepted: [
      ...(current === undefined ? [] : [{ id: current.id, createdAt: current.createdAt, state: 'Current' as const }]),
      ...(retiring === undefined
        ? []
        : [{ id: idOfDigest(retiring.digest), createdAt: retiring.createdAt, state: 'Retiring' as const }]),
    ],
  };
}

/** An immutable Secret cannot follow. What stands in it goes on being accepted; only who deletes it has it rewritten. */
function leftAlone(
  { storedDigests, known, now }: SecretInputs,
  target: Secret,
  chosen: Chosen,
  { writes, ends }: Retirement,
): SecretPlan {
  const ids = storedDigests.map(idOfDigest);
  const readable = readCurrent(target) !== undefined;
  return {
    name: target.name,
    writes,
    ...(readable
      ? acceptedOf(chosen)
      : { digests: [...storedDigests], accepted: known.filter(({ id }) => ids.includes(id)) }),
    wakeIn: soonest([readable ? chosen.retiring?.until : undefined, ...ends], now),
    blocked: `Secret "${target.name}" is immutable and was left as it is. Delete it to have it rewritten`,
  };
}

function eventOf(
  { target, others }: SecretInputs,
  name: string,
  { current, retiring }: Chosen,
): SecretEvent | undefined {
  const renewed = current !== undefined && ![target, ...others].some((one) => one !== undefined && holds(one, current));
  if (renewed && retiring !== undefined)
    return {
      reason: 'SecretRecreated',
      note: `Secret "${name}" has a new secret; the old one is accepted until ${retiring.until}`,
    };
  return target === undefined ? { reason: 'SecretCreated', note: `Secret "${name}" written` } : undefined;
}

function holds(secret: Secret, current: NonNullable<Chosen['current']>): boolean {
  return readCurrent(secret)?.id === current.id;
}

function secretsOf(inputs: SecretInputs): Chosen {
  const { target, others, fresh, now } = inputs;
  for (const secret of target === undefined ? others : [target]) {
    const current = readCurrent(secret);
    if (current === undefined) continue;
    const kept = readRetiring(secret, now);
    return { current, retiring: formerlyCurrent(inputs, current.id, kept) ?? kept };
  }
  const digest = digestOf(fresh);
  return {
    current: { id: idOfDigest(digest), value: fresh, digest, createdAt: rfc3339(now) },
    retiring: lost(inputs),
  };
}

function readCurrent(secret: Secret): Chosen['current'] {
  const value = secret.data[secret.annotations[annotations.key] ?? ''];
  const createdAt = secret.annotations[annotations.createdAt];
  if (value === undefined || createdAt === undefined) return undefined;
  const digest = digestOf(value);
  const id = idOfDigest(digest);
  return secret.annotations[annotations.id] === id ? { id, value, digest, createdAt } : undefined;
}

function readRetiring(secret: Secret, now: number): Retiring | undefined {
  const [digest, createdAt, until] = secret.annotations[annotations.retiring]?.split(' ') ?? [];
  if (digest === undefined || createdAt === undefined || until === undefined) return undefined;
  return Date.parse(until) > now ? { digest, createdAt, until } : undefined;
}

/** Another secret than the one in the Secret was in force until now: an adopted one. Pods may still have it. */
function formerlyCurrent(
  { storedDigests, known, now }: SecretInputs,
  currentId: string,
  kept: Retiring | undefined,
): Retiring | undefined {
  const before = known.find(({ state }) => state === 'Current');
  if (before === undefined || before.id === currentId) return undefined;
  if (kept !== undefined && idOfDigest(kept.digest) === before.id) return undefined;
  const digest = storedDigests.find((one) => idOfDigest(one) === before.id);
  if (digest === undefined) return undefined;
  return { digest, createdAt: before.createdAt, until: rfc3339(now + overlap) };
}

/**
 * The Secret was deleted or edited: its value is gone, but running pods still have it. Of the registered digests that one
 * counts which was known as the current one; nothing that only the database says.
 */
function lost({ target, storedDigests, known, now }: SecretInputs): Retiring | undefined {
  const before = known.find(({ state }) => state === 'Current');
  const id = target?.annotations[annotations.id] ?? before?.id;
  const digest = id === undefined ? storedDigests[0] : storedDigests.find((one) => idOfDigest(one) === id);
  if (digest === undefined) return undefined;
  return { digest, createdAt: before?.createdAt ?? rfc3339(now), until: rfc3339(now + overlap) };
}

export interface Retirement {
  readonly writes: readonly SecretWrite[];
  /** RFC 3339: when the next step is due. */
  readonly ends: readonly string[];
}

/** An older name is kept until every pod reads the new one. */
export function retireOthers(others: readonly Secret[], now: number): Retirement {
  return {
    writes: others.flatMap((other) => retire(other, now)),
    ends: others.map((other) => other.annotations[annotations.removeAfter] ?? rfc3339(now + overlap)),
  };
}

function retire(other: Secret, now: number): SecretWrite[] {
  const until = other.annotations[annotations.removeAfter];
  if (until !== undefined && Date.parse(until) <= now) return [{ write: 'delete', before: other }];
  if (until !== undefined && !Number.isNaN(Date.parse(until))) return [];
  const { version: _version, immutable: _immutable, ...rest } = other;
  const next = { ...rest, annotations: { ...other.annotations, [annotations.removeAfter]: rfc3339(now + overlap) } };
  return [{ write: 'update', before: other, next }];
}

export function soonest(times: readonly (string | undefined)[], now: number): number | undefined {
  const left = times.filter((time) => time !== undefined).map((time) => Math.max(0, Date.parse(time) - now));
  return left.length === 0 ? undefined : Math.min(...left);
}
