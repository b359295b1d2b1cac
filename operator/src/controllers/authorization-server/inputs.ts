/** Everything that an AuthorizationServer's plan looks at, read at once. */
import type { Observed } from '../../sources/source.ts';
import { nameOf, type ServerResource } from '../attachment.ts';
import { logoName } from '../logo.ts';
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
  const logo = logoName(server.spec.branding?.logo);
  const inputs: ServerInputs = {
    source: source.name,
    server,
    deployment,
    issuer: world.issuerOf(server),
    retirementHeld: registry?.retirementHeld ?? 0,
    database,
    logo: logo === undefined ? undefined : await world.configMaps.read(server.namespace, logo),
    clusterKeys: world.clusterKeys() ?? [],
    others: (await source.list('AuthorizationServer')).flatMap((one) =>
      one.uid === server.uid || one.deleting ? [] : claimOf(world, one),
    ),
  };
  const references = [
    ...registryReference(registry, name),
    ...(registry === undefined ? [] : [registry.reference('server', 'self')]),
    'AuthorizationServer',
    ...(logo === undefined ? [] : [`ConfigMap/${server.namespace}/${logo}`]),
    ...database.looked.map((one) => `${one.kind}/${one.namespace}/${one.name}`),
  ];
  return { inputs, registry, references };
}

/** By its content, never by its status: that could name the issuer of somebody else. */
function claimOf(world: World, { spec, ...rest }: Observed<'AuthorizationServer'>): ServerInputs['others'] {
  if (spec === undefined) return [];
  const found = world.issuerOf({ ...rest, spec });
  return 'issuer' in found ? [{ createdAt: rest.createdAt, name: nameOf(rest), issuer: found.issuer }] : [];
}
