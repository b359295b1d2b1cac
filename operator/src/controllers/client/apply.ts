/** Carries out a Client's plan: the Secret first, so that a crash in between repeats safely, then the registration. */
import type { Observed, RetainedSecret, Secret } from '../../sources/source.ts';
import { leaveOtherServers, type Registered, register } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredClient } from './inputs.ts';
import type { ClientPlan } from './plan.ts';
import { retain } from './retaining.ts';
import { SecretMoved } from './secret-moved.ts';
import type { SecretWrite } from './secret-terms.ts';
import { releasedSecret, secretAnnotations } from './secret-values.ts';

export interface AppliedClient extends Registered {
  /** The Secret that from this pass on stays when its Client goes. */
  readonly retained: RetainedSecret | undefined;
}

export async function applyClient(
  world: World,
  { inputs, registry }: GatheredClient,
  plan: ClientPlan,
): Promise<AppliedClient> {
  const { client } = inputs;
  if (plan.secret?.revokes === true) await registry?.revokeTokens(client.uid);
  for (const write of plan.secret?.writes ?? []) await writeSecret(world, write);
  const retained = await retain(world, client, plan);
  for (const event of plan.secret?.events ?? []) world.events.record(client, { type: 'Normal', ...event });
  const registered = await register(world, registry, inputs.stored, plan);
  await leaveOtherServers(world, client, { registry, resolved: inputs.attachment.outcome !== 'unresolved' }, plan);
  return { ...registered, retained };
}

/**
 * Deletes what was written for a Client that goes; one that is to stay is of nobody from then on, so that nothing collects
 * it. What its Client said stands on the Secret too: a Client that is gone already cannot be asked.
 */
export async function discardSecrets(world: World, client: Observed<'Client'>): Promise<void> {
  const { secrets } = world;
  for (const secret of await secrets.ownedBy(client)) {
    if (!stays(client, secret)) await secrets.delete(secret);
    else if ((await secrets.update(secret, releasedSecret(secret))) === 'changed') throw new SecretMoved(secret.name);
  }
  const [left] = await secrets.ownedBy(client);
  if (left !== undefined) throw new SecretMoved(left.name);
}

function stays({ spec }: Observed<'Client'>, { annotations }: Secret): boolean {
  if (annotations[secretAnnotations.removeAfter] !== undefined) return false;
  const policy = spec === undefined ? annotations[secretAnnotations.deletionPolicy] : spec.deletionPolicy;
  return policy === 'Retain';
}

async function writeSecret({ secrets }: World, write: SecretWrite): Promise<void> {
  switch (write.write) {
    case 'create':
      if ((await secrets.create(write.next)) === 'exists') throw new SecretMoved(write.next.name);
      return;
    case 'update':
      if ((await secrets.update(write.before, write.next)) === 'changed') throw new SecretMoved(write.next.name);
      return;
    case 'delete':
      return secrets.delete(write.before);
  }
}
