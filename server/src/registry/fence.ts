import { type Fence, RegistryFenced } from './registry.ts';

/** The first three parameters of every statement that writes. */
export function admission({ source, leaseCreated, leaseTransitions }: Fence): readonly [string, number, number] {
  return [source, leaseCreated, leaseTransitions];
}

export function fenced(): RegistryFenced {
  return new RegistryFenced('a newer leader of this source has written to the registry');
}
