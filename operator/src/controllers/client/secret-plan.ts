/** What every plan about a Client's secret comes down to, pure. */
import type { ClientSpec, ClientStatus } from '@nauthera/crds';
import { rfc3339 } from '../../runtime/conditions.ts';
import type { NewSecret, Secret } from '../../sources/source.ts';
import { idOfDigest, type Retiring } from './ledger.ts';
import type { Ended } from './retirement.ts';
import { rotationWords } from './rotation.ts';
import type { Blocked, SecretEvent, SecretInputs, SecretPlan, SecretWrite } from './secret-terms.ts';
import {
  secretAnnotations as annotations,
  type Current,
  isSameSecret,
  remembering,
  type SecretOwnerFacts,
  unread,
} from './secret-values.ts';

export interface Rest extends Pick<SecretPlan, 'name' | 'writes'> {
  readonly current?: Pick<Current, 'id' | 'createdAt'>;
  /** It cannot be changed, and should be. */
  readonly frozen?: boolean;
  /** Milliseconds until another secret is due. */
  readonly due?: number | undefined;
  readonly waits?: boolean;
}

export function finish(
  { others, now, times, client }: Pick<SecretInputs, 'others' | 'now' | 'times' | 'client'>,
  ended: Ended,
  rest: Rest,
): SecretPlan {
  const retirement = retireOthers(others, { client, now, overlap: times.overlap });
  const blocked = blockedBy(client.spec, rest, ended);
  const ends = soonest([rest.due, ended.again, ...retirement.ends]);
  return {
    name: rest.name,
    writes: [...rest.writes, ...retirement.writes],
    digests: ended.digests,
    notes: ended.notes,
    accepted: shown(rest.current, ended.older),
    wakeIn: ends === undefined ? undefined : Math.min(longestSleep, ends),
    ends: ends === undefined ? undefined : now + ends,
    ...(blocked === undefined ? {} : { blocked }),
    events: ended.events,
    waits: rest.waits === true || ended.waits,
    keepsFresh: false,
    revokes: ended.revokes,
    open: ended.open,
  };
}

function blockedBy(spec: ClientSpec, { frozen, name }: Rest, { inUse }: Ended): Blocked | undefined {
  if (frozen === true)
    return {
      reason: 'SecretImmutable',
      message: `Secret "${name}" is immutable and was left as it is. Delete it to have it rewritten`,
    };
  if (!inUse) return undefined;
  const { quiet } = rotationWords(spec);
  return {
    reason: 'OldSecretInUse',
    message: `the secret that Secret "${name}" held before was used within ${quiet} and is accepted still. Restart what has not read the new one, or end it by the annotation auth.nauthera.io/revoke-old-secret`,
  };
}

export function createdEvent(name: string): SecretEvent {
  return { reason: 'SecretCreated', note: `Secret "${name}" written` };
}

export function secretWrites(target: Secret | undefined, next: NewSecret): Pick<SecretPlan, 'name' | 'writes'> {
  if (target === undefined) return { name: next.name, writes: [{ write: 'create', next }] };
  if (isSameSecret(target, next)) return { name: next.name, writes: [] };
  return { name: next.name, writes: [{ write: 'update', before: target, next }] };
}

/** For the status: the one in force, and the older one that is accepted beside it. */
export function shown(
  current: Pick<Current, 'id' | 'createdAt'> | undefined,
  older: readonly Retiring[],
): NonNullable<ClientStatus['secrets']> {
  return [
    ...(current === undefined ? [] : [{ id: current.id, createdAt: current.createdAt, state: 'Current' as const }]),
    ...older.map(({ digest, createdAt }) => ({ id: idOfDigest(digest), createdAt, state: 'Retiring' as const })),
  ];
}

interface Retirement {
  readonly writes: readonly SecretWrite[];
  /** Milliseconds until the next step of each. */
  readonly ends: readonly number[];
}

/** An older name is kept until every pod reads the new one. */
function retireOthers(others: readonly Secret[], terms: Terms): Retirement {
  const { now, overlap } = terms;
  const until = (other: Secret): string | undefined => other.annotations[annotations.removeAfter];
  return {
    writes: others.flatMap((other) => retire(other, until(other), terms)),
    ends: others.map((other) => Date.parse(until(other) ?? rfc3339(now + overlap)) - now),
  };
}

interface Terms {
  readonly client: SecretOwnerFacts;
  readonly now: number;
  readonly overlap: number;
}

function retire(other: Secret, until: string | undefined, terms: Terms): SecretWrite[] {
  const { client, now, overlap } = terms;
  if (until !== undefined && Date.parse(until) <= now) return [{ write: 'delete', before: other }];
  if (until !== undefined && !Number.isNaN(Date.parse(until))) return [];
  // The one under the newer name remembers it.
  const { [annotations.madeFor]: _, ...rest } = remembering(other, undefined).annotations;
  // Nobody is promised this one: from now on it goes with its Client.
  const { name, uid } = client;
  const next = {
    ...unread(other),
    owner: { kind: 'Client', name, uid },
    annotations: { ...rest, [annotations.removeAfter]: rfc3339(now + overlap) },
  };
  return [{ write: 'update', before: other, next }];
}

/** A timer cannot be set for much longer. */
const longestSleep = 86_400_000;

function soonest(delays: readonly (number | undefined)[]): number | undefined {
  const left = delays.filter((delay) => delay !== undefined && !Number.isNaN(delay)) as readonly number[];
  return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
}
