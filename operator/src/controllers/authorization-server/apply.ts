/** Carries out an AuthorizationServer's plan. */
import type { Observed } from '../../sources/source.ts';
import { asks, confirmRetirementAnnotation } from '../annotations.ts';
import { nameOf } from '../attachment.ts';
import { type Registered, register } from '../registering.ts';
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
  const registered = await register(world, registry, null, plan);
  // Said beforehand it would be a yes to nobody knows what: it counts while something is held back.
  if (retirementHeld === 0 || !asks(server, confirmRetirementAnnotation)) return { ...registered, acted: [] };
  world.databases.confirmRetirement(server);
  return { ...registered, acted: [confirmRetirementAnnotation] };
}

/** The rows first: a server process that lost its settings serves nothing. */
export async function removeServer(world: World, server: Observed<'AuthorizationServer'>): Promise<void> {
  await world.databases.reachForRemoval(server);
  await world.registryOf(nameOf(server))?.delete('server', server.uid);
  await world.databases.remove(server);
}
