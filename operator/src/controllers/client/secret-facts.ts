/** What the plans about a Client's secret look at, whatever its kind: pure. */
import type { SecretNotes } from '@nauthera/server/registry';
import { isOwner } from '../ownership.ts';
import type { ClientInputs } from './client-inputs.ts';
import { requestsOf } from './requests.ts';
import { rotationRules } from './rotation.ts';
import { hasSecret, type SecretInputs } from './secret-terms.ts';

export type SecretFacts = Omit<SecretInputs, 'issuer' | 'target' | 'fresh'>;

type Registered = Pick<ClientInputs, 'client' | 'stored' | 'source'>;

export function secretFacts(inputs: ClientInputs): SecretFacts {
  const { client, otherSecrets, now, storedServed = true, secretUse, rotation = rotationRules } = inputs;
  const storedNotes = ownNotes(inputs);
  return {
    client,
    others: otherSecrets,
    storedDigests: ownDigests(inputs),
    storedNotes,
    storedServed,
    known: client.status.secrets ?? [],
    requests: requestsOf(client, storedNotes?.handled),
    times: rotation.times(client.spec),
    judge: rotation.judge,
    use: secretUse,
    now,
  };
}

/** For a Client about whose secret nothing is decided. */
export function keptSecrets(inputs: Registered): {
  readonly secretDigests: readonly string[];
  readonly secretNotes: SecretNotes | undefined;
} {
  const kept = hasSecret(inputs.client.spec);
  return { secretDigests: kept ? ownDigests(inputs) : [], secretNotes: kept ? ownNotes(inputs) : undefined };
}

function ownDigests(inputs: Registered): readonly string[] {
  return isOwn(inputs) ? (inputs.stored?.secretDigests ?? []) : [];
}

export function ownNotes(inputs: Registered): SecretNotes | undefined {
  return isOwn(inputs) ? inputs.stored?.secretNotes : undefined;
}

/**
 * Whoever deletes a Client and makes it anew under its name has ended its secrets: by uid, not by name. What was taken over
 * from a cluster that is gone is claimed by name.
 */
function isOwn({ client, stored, source }: Registered): boolean {
  if (stored === null) return false;
  return stored.owner.uid === client.uid || (stored.adopted === true && isOwner(stored.owner, source, client));
}
