/** Everything that a Client's plan looks at, read at once. */

import type { RegistrationKind } from '@nauthera/server/registry';
import { clientIdOf, hasUsers } from '../../registrations/client.ts';
import { attach, nameOf, type WithSpec } from '../attachment.ts';
import { logoName } from '../logo.ts';
import { elsewhere, hasDirectoryOn, namespaceFacts, openScopes, registriesOf, serverHolds } from '../look-up.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { World } from '../world.ts';
import { adoptedNameOf } from './adopted-secret.ts';
import type { ClientInputs } from './plan.ts';
import { isBuiltIn } from './references.ts';
import { secretNameOf } from './secret-values.ts';

export interface GatheredClient {
  readonly inputs: ClientInputs;
  /** Where it is, or was, registered. */
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
}

export async function gatherClient(world: World, client: WithSpec<'Client'>): Promise<GatheredClient> {
  const { source, secrets, configMaps } = world;
  const { namespace, name, spec } = client;
  const facts = await namespaceFacts(world, namespace);
  const servers = await source.list('AuthorizationServer');
  const attachment = attach(client, servers, facts, world.defaultServerNamespace);
  const server = attachment.outcome === 'unresolved' ? undefined : attachment.server;
  const serverName = server === undefined ? undefined : nameOf(server);
  const registry = serverName === undefined ? undefined : world.registryOf(serverName);
  const clientId = clientIdOf(client);
  const secretName = adoptedNameOf(spec) ?? secretNameOf(client);
  const issuer = server === undefined ? undefined : world.issuerOf(server);
  const invited = attachment.outcome === 'attached' ? attachment.server : undefined;
  const logo = logoName(spec.logo);
  const owned = await secrets.ownedBy(client, secretName);
  const inputs: ClientInputs = {
    source: source.name,
    client,
    namespace: facts,
    attachment,
    serverHolds:
      server === undefined || registry === undefined ? 'not yet' : await serverHolds(world, registry, server),
    issuer: issuer !== undefined && 'issuer' in issuer ? issuer.issuer : undefined,
    scopes:
      invited === undefined || registry === undefined ? new Map() : await openScopes(world, registry, invited, facts),
    secret: await secrets.read(namespace, secretName),
    otherSecrets: owned.filter((secret) => secret.namespace === namespace),
    logo: logo === undefined ? undefined : await configMaps.read(namespace, logo),
    stored: registry === undefined ? null : await registry.get('client', clientId),
    hasDirectory: invited !== undefined && (await hasDirectoryOn(world, invited)),
    withoutCluster: world.clusterKeys() === undefined,
    fresh: world.freshSecret(),
    now: world.now(),
  };
  const own = (kind: RegistrationKind, id: string) =>
    registriesOf(world, registry).map((one) => one.reference(kind, id));
  const references = [
    'AuthorizationServer',
    ...(hasUsers(spec) ? ['LdapBinding'] : []),
    ...registryReference(registry, serverName),
    ...elsewhere(world, servers, registry),
    ...own('server', 'self'),
    ...own('client', clientId),
    `Namespace//${namespace}`,
    `Secret/${namespace}/${secretName}`,
    ...(logo === undefined ? [] : [`ConfigMap/${namespace}/${logo}`]),
    ...inputs.otherSecrets.map((secret) => `Secret/${namespace}/${secret.name}`),
    ...spec.scopes.filter((scope) => !isBuiltIn(scope)).flatMap((scope) => own('scope', scope)),
    `Client/${namespace}/${name}`,
  ];
  return { inputs, registry, references };
}
