/** Carries out an LdapBinding's plan. */
import type { Observed } from '../../sources/source.ts';
import { leaveFormerServer, type Registered, register, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import type { GatheredLdapBinding } from './inputs.ts';
import type { LdapBindingPlan } from './plan.ts';

export async function applyLdapBinding(
  world: World,
  { inputs, registry }: GatheredLdapBinding,
  plan: LdapBindingPlan,
): Promise<Registered> {
  const registered = await register(world, registry, inputs.stored, plan);
  await leaveFormerServer(world, 'directory', inputs.binding, registry);
  return registered;
}

export function removeLdapBinding(world: World, binding: Observed<'LdapBinding'>): Promise<void> {
  return unregister(world, 'directory', binding);
}
