/** Carries out a Scope's plan. */
import type { Observed } from '../../sources/source.ts';
import { leaveFormerServer, type Registered, register, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredScope } from './inputs.ts';
import type { ScopePlan } from './plan.ts';

export async function applyScope(
  world: World,
  { inputs, registry }: GatheredScope,
  plan: ScopePlan,
): Promise<Registered> {
  const registered = await register(world, registry, inputs.stored, plan);
  await leaveFormerServer(world, 'scope', inputs.scope, registry);
  return registered;
}

export function removeScope(world: World, scope: Observed<'Scope'>): Promise<void> {
  return unregister(world, 'scope', scope);
}
