/** Everything that a Client's plan looks at, read at once. */

import type { RegistrationKind } from '@nauthera/server/registry';
import { clientIdOf } from '../../registrations/client.ts';
import { attach, nameOf, type WithSpec } from '../attachment.ts';
import { hasDirectoryOn, namespaceFacts, openScopes, serverHolds } from '../look-up.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { World } from '../world.ts';
import type { ClientInputs } from './plan.ts';
import { isBuiltIn } from './plan.ts';
import { secretNameOf } from './secret.ts';

export interface GatheredClient {
  readonly inputs: ClientInputs;
  /** Where it is, or was, registered. */
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
}

export async function gatherClient(world: World, client: WithSpec<'Client'>): Promise<GatheredClient> {
  const { source, secrets } = world;
  const { namespace, name, spec } = client;
  const facts = await namespaceFacts(world, namespace);
  const attachment = attach(client, await source.list('AuthorizationServer'), facts);
  const server = attachment.outcome === 'unresolved' ? undefined : attachment.server;
  const serverName = server === undefined ? client.status.authorizationServer : nameOf(server);
  const registry = serverName === undefined ? undefined : world.registryOf(serverName);
  const clientId = clientIdOf(client);
  const secretName = secretNameOf(client);
  const issuer = server === undefined ? undefined : world.issuerOf(server);
  const invited = attachment.outcome === 'attached' ? attachment.server : undefined;
  const owned = await secrets.ownedBy(client, secretName);
  const inputs: ClientInputs = {
    source: source.name,
    client,
    namespace: facts,
    attachment,
    serverHolds:
      server === undefined || registry === undefined ? 'not yet' : await serverHolds(world, registry, server),
    issuer: issuer !== undefined && 'issuer' in issuer ? issuer.issuer : undefined,
    scopes: invited === undefined || registry === undefined ? new Map() : await openScopes(world, registry, facts),
    secret: await secrets.read(namespace, secretName),
    otherSecrets: owned.filter((secret) => secret.namespace === namespace),
    stored: registry === undefined ? null : await registry.get('client', clientId),
    hasDirectory: invited !== undefined && (await hasDirectoryOn(world, invited)),
    fresh: world.freshSecret(),
    now: world.now(),
  };
  const own = (kind: RegistrationKind, id: string) => (registry === undefined ? [] : [registry.reference(kind, id)]);
  const references = [
    'AuthorizationServer',
    ...(spec.grantTypes.includes('authorization_code') ? ['LdapBinding'] : []),
    ...registryReference(registry, serverName),
    ...own('server', 'self'),
    ...own('client', clientId),
    `Namespace//${namespace}`,
    `Secret/${namespace}/${secretName}`,
    ...inputs.otherSecrets.map((secret) => `Secret/${namespace}/${secret.name}`),
    ...spec.scopes.filter((scope) => !isBuiltIn(scope)).flatMap((scope) => own('scope', scope)),
    `Client/${namespace}/${name}`,
  ];
  return { inputs, registry, references };
}
