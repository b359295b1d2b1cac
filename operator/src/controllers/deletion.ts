/**
 * A resource that is going: what it registered ends first, then it is released. Bounded: a database that stays away keeps
 * nobody's deletion for ever, and its rows are retired when it is back.
 */
import { type Kind, type ResourceByKind, readyOrder, standing } from '@nauthera/crds';
import { DatabaseUnavailable } from '@nauthera/server/registry';
import { type ConditionDraft, deriveConditions, rfc3339 } from '../runtime/conditions.ts';
import type { Outcome } from '../runtime/controller.ts';
import type { Observed } from '../sources/source.ts';
import { nameOf } from './attachment.ts';
import { type KindController, noteConclusion, type Tools } from './kind.ts';
import { StillRegistered } from './registering.ts';
import { registryReference } from './registry-handle.ts';
import { isSameStatus } from './same-status.ts';

/** Milliseconds that a deletion waits for a database, since it was first met away. */
export const deletionPatience = 600_000;

export async function letGo<K extends Kind>(
  controller: KindController<K>,
  tools: Tools,
  resource: Observed<K>,
): Promise<Outcome> {
  const { world, references } = tools;
  const dependent = `${resource.kind}/${nameOf(resource)}`;
  world.pend(dependent, undefined);
  const servers = await stillRegistered(controller, resource);
  // Whoever knows no beginning waits for the database alone: nothing holds such a resource.
  const bounded = servers !== undefined && resource.deletingSince !== undefined;
  const left = deletionPatience - (bounded ? world.patience.waited(dependent, resource.uid) : 0);
  if (servers !== undefined && left > 0 && resource.rightsEnd !== true) {
    references.record(dependent, [
      'AuthorizationServer',
      ...servers.flatMap((server) => registryReference(world.registryOf(server), server)),
    ]);
    await writeWaiting(tools, resource, servers);
    return { outcome: 'waiting', on: 'the database', lookAgainAfter: Math.min(left, 30_000) };
  }
  await controller.discard?.(resource);
  await world.source.release(resource);
  world.patience.over(dependent);
  references.record(dependent, []);
  // Nothing can be told in a namespace that ends.
  if (servers !== undefined && resource.rightsEnd !== true)
    world.events.record(resource, {
      type: 'Warning',
      reason: 'FinalizerReleased',
      note: `released after ${deletionPatience / 60_000} minutes without the database of AuthorizationServer ${servers.join(', ')}. What is registered there ends when it is back`,
    });
  return { outcome: 'done' };
}

/** Servers whose databases are away, or `undefined`: nothing is left anywhere that can be reached. */
async function stillRegistered<K extends Kind>(
  controller: KindController<K>,
  resource: Observed<K>,
): Promise<readonly string[] | undefined> {
  try {
    await controller.cleanUp(resource);
    return undefined;
  } catch (failure) {
    if (failure instanceof StillRegistered) return failure.servers;
    if (failure instanceof DatabaseUnavailable) return [nameOf(resource)];
    throw failure;
  }
}

/** Not for what is gone already: there is nothing to write to. */
async function writeWaiting<K extends Kind>(
  tools: Tools,
  resource: Observed<K>,
  servers: readonly string[],
): Promise<void> {
  const { kind, generation, status, deletingSince } = resource;
  if (deletingSince === undefined) return;
  const own = status.conditions.filter(({ type }) => !['Ready', 'Reconciling', 'Stalled'].includes(type));
  const ready: ConditionDraft = {
    type: 'Ready',
    status: 'False',
    reason: 'Deleting',
    message: `Waiting for the database of AuthorizationServer ${servers.join(', ')}, to end what is registered there; for 10 minutes at most`,
  };
  const conditions = deriveConditions(
    { order: readyOrder[kind], standing: (type, reason) => standing(kind, type, reason) },
    { previous: status.conditions, drafts: own, generation, readyMessage: '', ready, now: rfc3339(tools.world.now()) },
  );
  const next = {
    ...status,
    observedGeneration: generation,
    conditions: [...conditions],
  } as ResourceByKind[K]['status'];
  if (!isSameStatus(next, status)) await tools.world.source.writeStatus(resource, next);
  noteConclusion(tools, resource, conditions);
}
