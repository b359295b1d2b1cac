/** Look-ups that several kinds need for their inputs. */
import { scopeNameOf } from '../registrations/scope.ts';
import { attach, type ServerResource, type WithSpec } from './attachment.ts';
import { isChosen, type NamespaceFacts } from './invitation.ts';
import type { RegistryHandle } from './registry-handle.ts';
import type { World } from './world.ts';

export async function namespaceFacts(world: World, name: string): Promise<NamespaceFacts> {
  return { name, labels: await world.source.namespaceLabels(name) };
}

/** Whether the server's own row is in its database: only then its resources are registered there. */
export async function serverHolds(
  registry: RegistryHandle,
  server: ServerResource,
): Promise<'yes' | 'not yet' | 'other'> {
  const stored = await registry.get('server', 'self');
  if (stored === null) return 'not yet';
  return stored.owner.uid === server.uid ? 'yes' : 'other';
}

/** Scopes that are registered on a server, by name: open to the namespace or not. One that is withdrawn is not there. */
export async function openScopes(
  world: World,
  registry: RegistryHandle,
  namespace: NamespaceFacts,
): Promise<Map<string, 'open' | 'closed'>> {
  const found = new Map<string, 'open' | 'closed'>();
  for (const scope of await world.source.list('Scope')) {
    if (scope.spec === undefined || scope.deleting) continue;
    const resource: WithSpec<'Scope'> = { ...scope, spec: scope.spec };
    const stored = await registry.get('scope', scopeNameOf(resource));
    if (stored === null || stored.withdrawn || stored.owner.uid !== scope.uid) continue;
    const open = isChosen(resource.spec.allowedClients.namespaces, scope.namespace, namespace);
    found.set(scopeNameOf(resource), open ? 'open' : 'closed');
  }
  return found;
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
