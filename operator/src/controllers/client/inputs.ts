/** Everything that a Client's plan looks at, read at once. */

import type { RegistrationKind } from '@nauthera/server/registry';
import { clientIdOf, hasUsers } from '../../registrations/client.ts';
import type { References } from '../../runtime/reference-index.ts';
import type { Observed } from '../../sources/source.ts';
import { attach, nameOf, type WithSpec } from '../attachment.ts';
import { logoName } from '../logo.ts';
import { elsewhere, hasDirectoryOn, namespaceFacts, openScopes, registriesOf, serverHolds } from '../look-up.ts';
import { isServedEverywhere } from '../programmed.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { Trust } from '../trust.ts';
import type { World } from '../world.ts';
import { adoptedNameOf } from './adopted-secret.ts';
import type { ClientInputs } from './client-inputs.ts';
import { isBuiltIn } from './references.ts';
import { mayRetire, rotationRules } from './rotation.ts';
import { secretNameOf } from './secret-values.ts';

/** The row of the client id; who serves it, and whether its older secret is used, where that decides something. */
async function storedSecrets(
  world: World,
  client: WithSpec<'Client'>,
  registry: RegistryHandle | undefined,
  now: number,
): Promise<Pick<ClientInputs, 'stored' | 'storedServed' | 'secretUse'>> {
  const stored = (await registry?.get('client', clientIdOf(client))) ?? null;
  if (registry === undefined || stored === null) return { stored };
  const [, older] = stored.secretDigests;
  const since = stored.secretNotes?.retiring?.superseded_at;
  const facts = {
    supersededAt: Date.parse(since ?? ''),
    now,
    times: (world.rotation ?? rotationRules).times(client.spec),
  };
  const asks = older !== undefined && mayRetire(facts);
  return {
    stored,
    storedServed: isServedEverywhere(registry.reports, stored.revision),
    ...(asks ? { secretUse: await registry.secretUse(older) } : {}),
  };
}

export interface GatheredClient {
  readonly inputs: ClientInputs;
  /** Where it is, or was, registered. */
  readonly registry: RegistryHandle | undefined;
  readonly servers: readonly Observed<'AuthorizationServer'>[];
  readonly references: References;
}

/** @param fresh a secret for the Client, in case that one is needed */
export async function gatherClient(world: World, client: WithSpec<'Client'>, fresh: string): Promise<GatheredClient> {
  const { source, secrets, configMaps } = world;
  const { namespace, spec } = client;
  const facts = await namespaceFacts(world, namespace);
  const servers = await source.list('AuthorizationServer');
  const attachment = attach(client, servers, facts, world.defaultServerNamespace);
  const server = attachment.outcome === 'unresolved' ? undefined : attachment.server;
  const serverName = server === undefined ? undefined : nameOf(server);
  const registry = serverName === undefined ? undefined : world.registryOf(serverName);
  const clientId = clientIdOf(client);
  const secretName = adoptedNameOf(spec) ?? secretNameOf(client);
  const issuer = server === undefined ? undefined : world.issuerOf(server);
  // Our own clock may be put forward, and then an application would lose a secret that it uses.
  const now = registry === undefined ? world.now() : await registry.now();
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
    trust: trustOf(world, serverName),
    issuer: issuer !== undefined && 'issuer' in issuer ? issuer.issuer : undefined,
    scopes:
      invited === undefined || registry === undefined ? new Map() : await openScopes(world, registry, invited, facts),
    secret: await secrets.read(namespace, secretName),
    otherSecrets: owned.filter((secret) => secret.namespace === namespace),
    logo: logo === undefined ? undefined : await configMaps.read(namespace, logo),
    ...(await storedSecrets(world, client, registry, now)),
    hasDirectory: invited !== undefined && (await hasDirectoryOn(world, invited)),
    withoutCluster: world.clusterKeys() === undefined,
    ...(world.rotation === undefined ? {} : { rotation: world.rotation }),
    fresh,
    now,
  };
  const names = [secretName, ...inputs.otherSecrets.map((secret) => secret.name)];
  const references = clientReferences(world, {
    namespace,
    clientId,
    serverName,
    registry,
    servers,
    users: hasUsers(spec),
    secrets: names,
    logo,
    scopes: spec.scopes.filter((scope) => !isBuiltIn(scope)),
  });
  return { inputs, registry, servers, references };
}

export interface Named {
  readonly namespace: string;
  readonly clientId: string;
  readonly serverName: string | undefined;
  readonly registry: RegistryHandle | undefined;
  readonly servers: readonly Observed<'AuthorizationServer'>[];
  readonly users: boolean;
  readonly secrets: readonly string[];
  readonly logo: string | undefined;
  /** Those that are not built in. */
  readonly scopes: readonly string[];
}

/** Everything whose change wakes a Client. */
export function clientReferences(world: World, named: Named): References {
  const { namespace, clientId, serverName, registry, servers, users, secrets, logo, scopes } = named;
  const own = (kind: RegistrationKind, id: string) =>
    registriesOf(world, registry).map((one) => one.reference(kind, id));
  return {
    shared: [
      'AuthorizationServer',
      ...(users ? ['LdapBinding'] : []),
      ...registryReference(registry, serverName),
      ...(serverName === undefined ? [] : [world.trust.reference(serverName)]),
      ...elsewhere(world, servers, registry),
      ...own('server', 'self'),
      `Namespace//${namespace}`,
      ...scopes.flatMap((scope) => own('scope', scope)),
    ],
    own: [
      ...own('client', clientId),
      ...secrets.map((secret) => `Secret/${namespace}/${secret}`),
      ...(logo === undefined ? [] : [`ConfigMap/${namespace}/${logo}`]),
    ],
  };
}

/** Where the operator makes no pods it knows no certificates either. */
export function trustOf({ pods, trust }: World, server: string | undefined): Trust {
  return pods === undefined || server === undefined ? { known: true, pem: undefined } : trust.of(server);
}
