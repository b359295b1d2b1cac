/** Carries out a Client's plan: the Secret first, so that a crash in between repeats safely, then the registration. */
import type { Observed } from '../../sources/source.ts';
import { leaveFormerServer, type Registered, register, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredClient } from './inputs.ts';
import type { ClientPlan } from './plan.ts';
import type { SecretWrite } from './secret.ts';

export async function applyClient(
  world: World,
  { inputs, registry }: GatheredClient,
  plan: ClientPlan,
): Promise<Registered> {
  for (const write of plan.secret?.writes ?? []) await writeSecret(world, write);
  const registered = await register(world, registry, inputs.stored, plan);
  await leaveFormerServer(world, 'client', inputs.client, registry);
  return registered;
}

/** The registration first: an application whose Secret is gone must not find its id still valid. */
export async function removeClient(world: World, client: Observed<'Client'>): Promise<void> {
  await unregister(world, 'client', client);
  for (const secret of await world.secrets.ownedBy(client)) await world.secrets.delete(secret);
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

/** Somebody else wrote it meanwhile: decide anew. */
class SecretMoved extends Error {
  readonly code = 'secret_moved';
  constructor(name: string) {
    super(`Secret ${name} changed while it was written`);
  }
}
