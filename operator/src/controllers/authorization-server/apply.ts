/** Carries out an AuthorizationServer's plan. */

import { DatabaseUnavailable } from '@nauthera/server/registry';
import type { Observed } from '../../sources/source.ts';
import { adoptFromAnnotation, asks, confirmRetirementAnnotation } from '../annotations.ts';
import { nameOf } from '../attachment.ts';
import { forgetRows, type Registered, register } from '../registering.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import type { World } from '../world.ts';
import type { GatheredServer } from './inputs.ts';
import type { ServerPlan } from './plan.ts';

export interface AppliedServer extends Registered {
  /** Annotations that were acted upon. */
  readonly acted: readonly string[];
}

export async function applyServer(
  world: World,
  { inputs, registry }: GatheredServer,
  plan: ServerPlan,
): Promise<AppliedServer> {
  const { server, retirementHeld } = inputs;
  // Before anything is registered: until then the database serves the server of the cluster that is gone.
  const adopted = plan.action === 'put' && registry !== undefined ? await adopt(world, registry, inputs) : [];
  const registered = await register(world, registry, null, plan);
  // Said beforehand it would be a yes to nobody knows what: it counts while something is held back.
  if (retirementHeld === 0 || !asks(server, confirmRetirementAnnotation)) return { ...registered, acted: adopted };
  world.databases.confirmRetirement(server);
  return { ...registered, acted: [...adopted, confirmRetirementAnnotation] };
}

/** The annotation, once it was acted upon. A database that is away is told by the write that follows. */
async function adopt(
  { source }: World,
  registry: RegistryHandle,
  { server }: GatheredServer['inputs'],
): Promise<readonly string[]> {
  const from = server.annotations[adoptFromAnnotation];
  if (from === undefined || from === '' || !asks(server, adoptFromAnnotation)) return [];
  // What it has already it need not take over.
  if (from === source.name) return [adoptFromAnnotation];
  try {
    if ((await registry.adopt(from, server)) === 'refused') return [];
    forgetRows(registry);
    return [adoptFromAnnotation];
  } catch (failure) {
    if (failure instanceof DatabaseUnavailable) return [];
    throw failure;
  }
}

/** The rows first: a server process that lost its settings serves nothing. */
export async function removeServer(world: World, server: Observed<'AuthorizationServer'>): Promise<void> {
  await world.databases.reachForRemoval(server);
  await world.registryOf(nameOf(server))?.delete('server', server.uid);
  await world.databases.remove(server);
}
