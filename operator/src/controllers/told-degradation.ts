/** Tells people of servers that fail or are back, once each. */
import type { Kind, ResourceByKind } from '@nauthera/crds';
import type { Observed } from '../sources/source.ts';
import { degradation } from './degradation.ts';
import type { World } from './world.ts';

/** By resource: those of which the last word was that nobody serves. A process that begins has said nothing yet. */
const toldOf = new WeakMap<World, Set<string>>();

export function tellDegradation<K extends Kind>(
  world: World,
  resource: Observed<K>,
  after: ResourceByKind[K]['status'],
): void {
  const told = toldOf.get(world) ?? new Set();
  toldOf.set(world, told);
  const event = degradation(resource.kind, resource.status, after, told.has(resource.uid));
  if (event === undefined) return;
  if (event.reason === 'ServerDegraded') told.add(resource.uid);
  else told.delete(resource.uid);
  world.events.record(resource, event);
}
