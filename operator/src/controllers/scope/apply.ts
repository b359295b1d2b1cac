/** Carries out a Scope's plan. */
import type { Observed } from '../../sources/source.ts';
import { belongsTo } from '../attachment.ts';
import { leaveOtherServers, type Registered, register, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredScope } from './inputs.ts';
import type { ScopePlan } from './plan.ts';

export async function applyScope(
  world: World,
  { inputs, registry }: GatheredScope,
  plan: ScopePlan,
): Promise<Registered> {
  const registered = await register(world, registry, inputs.stored, plan);
  await leaveOtherServers(
    world,
    inputs.scope,
    { registry, resolved: inputs.attachment.outcome !== 'unresolved' },
    plan,
  );
  return registered;
}

export function removeScope(world: World, scope: Observed<'Scope'>): Promise<void> {
  return unregister(world, 'scope', scope, belongsTo(scope));
}
