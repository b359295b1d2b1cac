/** A Secret that somebody else wrote and a Client uses as it is, pure: whether it can be used, and what is accepted then. */
import type { ClientSpec } from '@nauthera/crds';
import { rfc3339 } from '../../runtime/conditions.ts';
import type { Secret } from '../../sources/source.ts';
import {
  acceptedOf,
  digestOf,
  hasSecret,
  idOfDigest,
  overlap,
  retireOthers,
  type SecretInputs,
  type SecretPlan,
  soonest,
} from './secret.ts';
import { type Retiring, secretKeyOf } from './secret-values.ts';

export type Adopted =
  | { readonly outcome: 'usable'; readonly name: string; readonly value: string }
  | {
      readonly outcome: 'unusable';
      readonly reason: 'SecretNotFound' | 'SecretKeyNotFound' | 'SecretInvalid';
      readonly message: string;
    };

const shortest = 32;
/** No request carries a longer one. */
const longest = 1024;

/** Name of the Secret that is adopted; `undefined`: a secret is generated, or none is needed. */
export function adoptedNameOf(spec: ClientSpec): string | undefined {
  return hasSecret(spec) ? spec.secret?.adopt : undefined;
}

export function readAdopted(
  { namespace, spec }: { readonly namespace: string; readonly spec: ClientSpec },
  name: string,
  secret: Secret | undefined,
): Adopted {
  const unusable = (reason: Extract<Adopted, { outcome: 'unusable' }>['reason'], message: string): Adopted => ({
    outcome: 'unusable',
    reason,
    message,
  });
  if (secret === undefined)
    return unusable(
      'SecretNotFound',
      `Secret "${name}" named in spec.secret.adopt does not exist in namespace ${namespace}. Waiting; nothing is generated in its place`,
    );
  const key = secretKeyOf(spec);
  const value = secret.data[key];
  if (value === undefined) {
    const keys = Object.keys(secret.data).sort().join(', ');
    return unusable(
      'SecretKeyNotFound',
      `Secret "${name}" has no key "${key}" (keys: ${keys === '' ? 'none' : keys}). Add it, or name it in spec.secret.keys, for example {client-secret: password}`,
    );
  }
  const problem = problemOf(value);
  if (problem === undefined) return { outcome: 'usable', name, value };
  return unusable(
    'SecretInvalid',
    `Secret "${name}", key "${key}": ${problem}. Write a new one, for example with: openssl rand -hex 32`,
  );
}

/** Refused, never trimmed: the application sends what it reads, to the last byte. */
function problemOf(value: string): string | undefined {
  if (/[\r\n]$/.test(value)) return 'ends in a newline';
  if (/^\s/.test(value)) return 'begins with white space';
  if (/\s$/.test(value)) return 'ends in white space';
  if (!/^[ -~]*$/.test(value)) return 'holds something else than printable ASCII';
  if (value.length < shortest)
    return `has ${value.length} ${value.length === 1 ? 'character' : 'characters'}, ${shortest} are needed`;
  if (value.length > longest) return `has ${value.length} characters, ${longest} are the most that is taken`;
  return undefined;
}

/** The secret that was in force before is accepted until {@link overlap} after this one was first seen. */
export function planAdopted(
  inputs: Pick<SecretInputs, 'others' | 'storedDigests' | 'known' | 'now'>,
  { name, value }: Extract<Adopted, { outcome: 'usable' }>,
): SecretPlan {
  const { others, known, now } = inputs;
  const digest = digestOf(value);
  const id = idOfDigest(digest);
  const seen = known.find((one) => one.id === id && one.state === 'Current');
  const createdAt = seen?.createdAt ?? rfc3339(now);
  const retiring = previous(inputs, id, createdAt);
  const retirement = retireOthers(others, now);
  return {
    name,
    writes: retirement.writes,
    ...acceptedOf({ current: { id, value, digest, createdAt }, retiring }),
    wakeIn: soonest([retiring?.until, ...retirement.ends], now),
    ...(seen === undefined ? { event: { reason: 'SecretAdopted', note: `Secret "${name}" is used as it is` } } : {}),
  };
}

function previous(
  { known, storedDigests, now }: Pick<SecretInputs, 'known' | 'storedDigests' | 'now'>,
  currentId: string,
  since: string,
): Retiring | undefined {
  const until = Date.parse(since) + overlap;
  if (!(until > now)) return undefined;
  const inOrder = [...known].sort((one, other) => Number(other.state === 'Current') - Number(one.state === 'Current'));
  for (const { id, createdAt } of inOrder) {
    const digest = id === currentId ? undefined : storedDigests.find((one) => idOfDigest(one) === id);
    if (digest !== undefined) return { digest, createdAt, until: rfc3339(until) };
  }
  return undefined;
}
