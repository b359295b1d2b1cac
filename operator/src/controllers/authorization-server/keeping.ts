/** An AuthorizationServer that is deleted while it serves Clients: an accident more often than not. */
import { DatabaseUnavailable } from '@nauthera/server/registry';
import type { Observed } from '../../sources/source.ts';
import { confirmDeletionAnnotation } from '../annotations.ts';
import { mayBeKept, nameOf } from '../attachment.ts';
import { deletionPatience } from '../deletion.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import type { World } from '../world.ts';

/**
 * Why it stays, in words for its owner; `undefined`: it goes. While its database is away nobody can count, and it stays for
 * ten minutes of that and no longer.
 */
export async function keptBy(world: World, server: Observed<'AuthorizationServer'>): Promise<string | undefined> {
  const registry = world.registryOf(nameOf(server));
  if (!mayBeKept(server) || registry === undefined) return undefined;
  const waiting = `AuthorizationServer/${nameOf(server)}`;
  try {
    const count = await servedClients(world, registry, server);
    world.patience.over(waiting);
    if (count === 0) return undefined;
    const [clients, them] = count === 1 ? ['1 Client', 'it'] : [`${count} Clients`, 'them'];
    return `Goes on serving ${clients}. Delete ${them} first, or let go of ${them} with the annotation ${confirmDeletionAnnotation}: "yes"`;
  } catch (failure) {
    if (!(failure instanceof DatabaseUnavailable)) throw failure;
    return world.patience.waited(waiting, server.uid) < deletionPatience
      ? 'Waiting for its database, to see which Clients it serves; for 10 minutes at most'
      : undefined;
  }
}

/** Of its own registry: the rows behind which a resource stands. */
async function servedClients(
  { source }: World,
  registry: RegistryHandle,
  server: Observed<'AuthorizationServer'>,
): Promise<number> {
  const own = await registry.get('server', 'self');
  if (own?.owner.uid !== server.uid) return 0;
  const uids = new Set((await source.keys('Client')).map(({ uid }) => uid));
  let count = 0;
  for await (const { kind, withdrawn, owner } of registry.registry.scanOwners())
    if (kind === 'client' && !withdrawn && uids.has(owner.uid)) count += 1;
  return count;
}
