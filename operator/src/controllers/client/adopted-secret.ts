/** A Secret that somebody else wrote and a Client uses as it is, pure: whether it can be used, and what is accepted then. */
import type { ClientSpec } from '@nauthera/crds';
import { rfc3339 } from '../../runtime/conditions.ts';
import type { Secret } from '../../sources/source.ts';
import { digestOf, idOfDigest, olderSecrets } from './ledger.ts';
import { type Ended, endings } from './retirement.ts';
import { finish, type Rest } from './secret-plan.ts';
import { hasSecret, type SecretEvent, type SecretInputs, type SecretPlan } from './secret-terms.ts';
import { secretKeyOf } from './secret-values.ts';

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
  revoked: readonly string[] | 'all' = [],
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
  const isRevoked = revoked === 'all' || revoked.includes(digestOf(value));
  const problem = problemOf(value) ?? (isRevoked ? 'holds a secret that was revoked' : undefined);
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

/** The secret that was in force before is accepted beside this one until it may end. */
export function planAdopted(
  inputs: AdoptedInputs,
  { name, value }: Extract<Adopted, { outcome: 'usable' }>,
): SecretPlan {
  const { known, now } = inputs;
  const digest = digestOf(value);
  const id = idOfDigest(digest);
  const seen = known.find((one) => one.id === id && one.state === 'Current');
  const current = { id, createdAt: seen?.createdAt ?? rfc3339(now) };
  const ended = endings(inputs, { digests: [digest], older: olderSecrets(inputs, digest) });
  const plan = planRead(inputs, ended, { name, current });
  const adopted: SecretEvent = { reason: 'SecretAdopted', note: `Secret "${name}" is used as it is` };
  return { ...plan, events: [...(seen === undefined ? [adopted] : []), ...plan.events] };
}

/** What stands in it is accepted no longer, and nobody but its owner can write another secret. */
export function planRevokedAdopted(inputs: AdoptedInputs, name: string, found: Adopted): SecretPlan {
  const own = found.outcome === 'usable' ? [digestOf(found.value)] : [];
  const ended = endings(inputs, { digests: [], older: [] }, [...own, ...inputs.storedDigests]);
  return planRead(inputs, ended, { name });
}

type AdoptedInputs = Omit<SecretInputs, 'issuer' | 'target' | 'fresh'>;

function planRead(inputs: AdoptedInputs, ended: Ended, rest: Omit<Rest, 'writes'>): SecretPlan {
  const plan = finish(inputs, ended, { ...rest, writes: [] });
  // Whoever owns it rotates it.
  const { rotate: _, ...open } = plan.open;
  return { ...plan, open };
}
