/** Carries out an AuthorizationServer's plan. */
import type { Observed } from '../../sources/source.ts';
import { type Registered, register, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredServer } from './inputs.ts';
import type { ServerPlan } from './plan.ts';

export function applyServer(world: World, { registry }: GatheredServer, plan: ServerPlan): Promise<Registered> {
  return register(world, registry, null, plan);
}

export function removeServer(world: World, server: Observed<'AuthorizationServer'>): Promise<void> {
  return unregister(world, 'server', server);
}
