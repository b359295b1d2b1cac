/** Everything that an AuthorizationServer's plan looks at, read at once. */
import { nameOf, type ServerResource } from '../attachment.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { World } from '../world.ts';
import type { ServerInputs } from './plan.ts';

export interface GatheredServer {
  readonly inputs: ServerInputs;
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
}

export async function gatherServer(world: World, server: ServerResource): Promise<GatheredServer> {
  const { source, deployment } = world;
  const name = nameOf(server);
  const database = await world.databases.look(server);
  const registry = world.registryOf(name);
  const inputs: ServerInputs = {
    source: source.name,
    server,
    deployment,
    issuer: world.issuerOf(server),
    retirementHeld: registry?.retirementHeld ?? 0,
    database,
    clusterKeys: world.clusterKeys() ?? [],
    others: (await source.list('AuthorizationServer'))
      .filter((one) => one.uid !== server.uid && one.spec !== undefined && !one.deleting)
      .map((one) => ({ createdAt: one.createdAt, name: nameOf(one), issuer: one.status.issuer })),
  };
  const references = [
    ...registryReference(registry, name),
    ...(registry === undefined ? [] : [registry.reference('server', 'self')]),
    'AuthorizationServer',
    ...database.looked.map((one) => `${one.kind}/${one.namespace}/${one.name}`),
  ];
  return { inputs, registry, references };
}
