/** Look-ups that several kinds need for their inputs. */
import type { StoredRegistration } from '@nauthera/server/registry';
import { scopeNameOf } from '../registrations/scope.ts';
import type { Observed } from '../sources/source.ts';
import { attach, nameOf, type ServerResource, type WithSpec } from './attachment.ts';
import { isChosen, type NamespaceFacts } from './invitation.ts';
import { anyDatabase } from './kind.ts';
import { isOwner } from './ownership.ts';
import type { RegistryHandle } from './registry-handle.ts';
import { planScope } from './scope/plan.ts';
import type { World } from './world.ts';

/** Where a resource is registered; while nobody knows, everywhere it might be. */
export function registriesOf(world: World, registry: RegistryHandle | undefined): readonly RegistryHandle[] {
  return registry === undefined ? [...world.registries()] : [registry];
}

/**
 * What wakes a resource that may have left a row where nobody can look now: some server's database is away.
 */
export function elsewhere(
  world: World,
  servers: readonly Observed<'AuthorizationServer'>[],
  registry: RegistryHandle | undefined,
): readonly string[] {
  const others = servers.map((server) => world.registryOf(nameOf(server))).filter((one) => one !== registry);
  return others.some((one) => one !== undefined && !one.isOpen) ? [anyDatabase] : [];
}

export async function namespaceFacts(world: World, name: string): Promise<NamespaceFacts> {
  return { name, labels: await world.source.namespaceLabels(name) };
}

/**
 * Whether the server has its database: only then its resources are registered there. A row that somebody changed or
 * deleted by hand is about to be repaired, and moves nobody else. Whoever forges the status of his own server reaches
 * nothing but the database whose credentials that server's Secret holds.
 */
export async function serverHolds(
  { source }: World,
  registry: RegistryHandle,
  server: ServerResource,
): Promise<'yes' | 'not yet' | 'other'> {
  const stored = await registry.get('server', 'self');
  if (stored === null) return hasDatabase(server) ? 'yes' : 'not yet';
  return isOwner(stored.owner, source.name, server) ? 'yes' : 'other';
}

/** Of the content that is in force. */
function hasDatabase({ status, specGeneration }: ServerResource): boolean {
  const condition = status.conditions.find((one) => one.type === 'DatabaseReady');
  return condition?.status === 'True' && condition.observedGeneration >= specGeneration;
}

/**
 * Scopes that are registered on a server, by name: open to the namespace or not. One that is withdrawn is not there, unless
 * it is accepted and its row is about to be repaired. That is judged anew: a Scope's status could say what its author likes.
 */
export async function openScopes(
  world: World,
  registry: RegistryHandle,
  server: ServerResource,
  namespace: NamespaceFacts,
): Promise<Map<string, 'open' | 'closed'>> {
  const { source } = world;
  const found = new Map<string, 'open' | 'closed'>();
  for (const scope of await source.list('Scope')) {
    const { spec } = scope;
    if (spec === undefined || scope.deleting) continue;
    const name = scopeNameOf({ name: scope.name, spec });
    const stored = await registry.get('scope', name);
    if (stored !== null && !isOwner(stored.owner, source.name, scope)) continue;
    if ((stored === null || stored.withdrawn) && !(await isAccepted(world, server, { ...scope, spec }, stored)))
      continue;
    const open = isChosen(spec.allowedClients.namespaces, scope.namespace, namespace);
    found.set(name, open ? 'open' : 'closed');
  }
  return found;
}

async function isAccepted(
  world: World,
  server: ServerResource,
  scope: WithSpec<'Scope'>,
  stored: StoredRegistration | null,
): Promise<boolean> {
  const namespace = await namespaceFacts(world, scope.namespace);
  const servers = await world.source.list('AuthorizationServer');
  const attachment = attach(scope, servers, namespace, world.defaultServerNamespace);
  if (attachment.outcome !== 'attached' || attachment.server.uid !== server.uid) return false;
  const { name: source } = world.source;
  return planScope({ source, scope, namespace, attachment, serverHolds: 'yes', stored }).accepted.status === 'True';
}

/**
 * Whether anybody could sign in. A binding whose status is forged counts only where its namespace is invited, and only in
 * words of a message.
 */
export async function hasDirectoryOn(world: World, server: ServerResource): Promise<boolean> {
  for (const binding of await world.source.list('LdapBinding')) {
    if (binding.spec === undefined || binding.deleting) continue;
    const facts = await namespaceFacts(world, binding.namespace);
    if (
      attach({ ...binding, spec: binding.spec }, [server], facts, world.defaultServerNamespace).outcome === 'attached'
    )
      return true;
  }
  return false;
}
