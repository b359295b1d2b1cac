/** Everything that a Scope's plan looks at, read at once. */
import type { RegistrationKind } from '@nauthera/server/registry';
import { scopeNameOf } from '../../registrations/scope.ts';
import { attach, nameOf, type WithSpec } from '../attachment.ts';
import { elsewhere, namespaceFacts, registriesOf, serverHolds } from '../look-up.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { World } from '../world.ts';
import type { ScopeInputs } from './plan.ts';

export interface GatheredScope {
  readonly inputs: ScopeInputs;
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
}

export async function gatherScope(world: World, scope: WithSpec<'Scope'>): Promise<GatheredScope> {
  const { source } = world;
  const facts = await namespaceFacts(world, scope.namespace);
  const servers = await source.list('AuthorizationServer');
  const attachment = attach(scope, servers, facts, world.defaultServerNamespace);
  const server = attachment.outcome === 'unresolved' ? undefined : attachment.server;
  const serverName = server === undefined ? undefined : nameOf(server);
  const registry = serverName === undefined ? undefined : world.registryOf(serverName);
  const name = scopeNameOf(scope);
  const inputs: ScopeInputs = {
    source: source.name,
    scope,
    namespace: facts,
    attachment,
    serverHolds:
      server === undefined || registry === undefined ? 'not yet' : await serverHolds(world, registry, server),
    stored: registry === undefined ? null : await registry.get('scope', name),
  };
  const own = (kind: RegistrationKind, id: string) =>
    registriesOf(world, registry).map((one) => one.reference(kind, id));
  const references = [
    'AuthorizationServer',
    ...registryReference(registry, serverName),
    ...elsewhere(world, servers, registry),
    ...own('server', 'self'),
    ...own('scope', name),
    `Namespace//${scope.namespace}`,
  ];
  return { inputs, registry, references };
}
