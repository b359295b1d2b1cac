/** Carries out an LdapBinding's plan. */
import type { Observed } from '../../sources/source.ts';
import { belongsTo } from '../attachment.ts';
import { leaveOtherServers, type Registered, register, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredLdapBinding } from './inputs.ts';
import type { LdapBindingPlan } from './plan.ts';

export async function applyLdapBinding(
  world: World,
  { inputs, registry }: GatheredLdapBinding,
  plan: LdapBindingPlan,
): Promise<Registered> {
  const registered = await register(world, registry, inputs.stored, plan);
  await leaveOtherServers(
    world,
    inputs.binding,
    { registry, resolved: inputs.attachment.outcome !== 'unresolved' },
    plan,
  );
  return registered;
}

export function removeLdapBinding(world: World, binding: Observed<'LdapBinding'>): Promise<void> {
  return unregister(world, 'directory', binding, belongsTo(binding));
}
