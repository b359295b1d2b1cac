/** Look-ups that several kinds need for their inputs. */
import { scopeNameOf } from '../registrations/scope.ts';
import type { Observed } from '../sources/source.ts';
import { attach, type ServerResource } from './attachment.ts';
import { isChosen, type NamespaceFacts } from './invitation.ts';
import { isOwner } from './ownership.ts';
import type { RegistryHandle } from './registry-handle.ts';
import type { World } from './world.ts';

export async function namespaceFacts(world: World, name: string): Promise<NamespaceFacts> {
  return { name, labels: await world.source.namespaceLabels(name) };
}

/**
 * Whether the server has its database: only then its resources are registered there. A row that somebody changed or
 * deleted by hand is about to be repaired, and moves nobody else.
 */
export async function serverHolds(
  { source }: World,
  registry: RegistryHandle,
  server: ServerResource,
): Promise<'yes' | 'not yet' | 'other'> {
  const stored = await registry.get('server', 'self');
  if (stored === null) return isTrue(server, 'DatabaseReady') ? 'yes' : 'not yet';
  return isOwner(stored.owner, source.name, server) ? 'yes' : 'other';
}

/**
 * Scopes that are registered on a server, by name: open to the namespace or not. One that is withdrawn is not there,
 * unless it was accepted and its row is about to be repaired.
 */
export async function openScopes(
  { source }: World,
  registry: RegistryHandle,
  namespace: NamespaceFacts,
): Promise<Map<string, 'open' | 'closed'>> {
  const found = new Map<string, 'open' | 'closed'>();
  for (const scope of await source.list('Scope')) {
    if (scope.spec === undefined || scope.deleting) continue;
    const name = scopeNameOf({ name: scope.name, spec: scope.spec });
    const stored = await registry.get('scope', name);
    if (stored !== null && !isOwner(stored.owner, source.name, scope)) continue;
    if ((stored === null || stored.withdrawn) && !isTrue(scope, 'Accepted')) continue;
    const open = isChosen(scope.spec.allowedClients.namespaces, scope.namespace, namespace);
    found.set(name, open ? 'open' : 'closed');
  }
  return found;
}

/** Of the content that is in force. */
function isTrue({ status, specGeneration }: Observed, type: string): boolean {
  const condition = status.conditions.find((one) => one.type === type);
  return condition?.status === 'True' && condition.observedGeneration >= specGeneration;
}

/** Whether anybody could sign in. */
export async function hasDirectoryOn(world: World, server: ServerResource): Promise<boolean> {
  for (const binding of await world.source.list('LdapBinding')) {
    if (binding.spec === undefined || binding.deleting) continue;
    const facts = await namespaceFacts(world, binding.namespace);
    if (attach({ ...binding, spec: binding.spec }, [server], facts).outcome === 'attached') return true;
  }
  return false;
}
