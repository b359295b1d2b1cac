/** Everything that an AuthorizationServer's plan looks at, read at once. */
import type { Observed } from '../../sources/source.ts';
import { mayBeKept, nameOf, type ServerResource } from '../attachment.ts';
import { logoName } from '../logo.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { World } from '../world.ts';
import { authoritiesName } from './client-authorities.ts';
import { namespaceOfIssuer, type ServerInputs } from './plan.ts';
import { clusterBundles } from './trusted-clusters.ts';

export interface GatheredServer {
  readonly inputs: ServerInputs;
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
  /** Uids of all AuthorizationServers that there are. */
  readonly servers: ReadonlySet<string>;
}

export async function gatherServer(world: World, server: ServerResource): Promise<GatheredServer> {
  const { source, deployment } = world;
  const name = nameOf(server);
  const database = await world.databases.look(server);
  const registry = world.registryOf(name);
  const logo = logoName(server.spec.branding?.logo);
  const all = await source.list('AuthorizationServer');
  const bundles = clusterBundles(server.spec);
  const authorities = authoritiesName(server.spec);
  const inputs: ServerInputs = {
    source: source.name,
    server,
    deployment,
    issuer: world.issuerOf(server),
    retirementHeld: registry?.retirementHeld ?? 0,
    database,
    logo: logo === undefined ? undefined : await world.configMaps.read(server.namespace, logo),
    clientAuthorities:
      authorities === undefined ? undefined : await world.configMaps.read(server.namespace, authorities),
    clusterKeys: world.clusterKeys() ?? [],
    clusterBundles: new Map(
      await Promise.all(bundles.map(async (one) => [one, await world.configMaps.read(server.namespace, one)] as const)),
    ),
    others: all.flatMap((one) =>
      one.uid === server.uid || (one.deleting && !mayBeKept(one)) ? [] : claimOf(world, one),
    ),
  };
  const references = [
    ...registryReference(registry, name),
    ...(registry === undefined ? [] : [registry.reference('server', 'self')]),
    'AuthorizationServer',
    ...(logo === undefined ? [] : [`ConfigMap/${server.namespace}/${logo}`]),
    ...(authorities === undefined ? [] : [`ConfigMap/${server.namespace}/${authorities}`]),
    ...bundles.map((one) => `ConfigMap/${server.namespace}/${one}`),
    ...database.looked.map((one) => `${one.kind}/${one.namespace}/${one.name}`),
  ];
  return { inputs, registry, references, servers: new Set(all.map(({ uid }) => uid)) };
}

/** By its content, never by its status: that could name the issuer of somebody else. */
function claimOf(world: World, { spec, ...rest }: Observed<'AuthorizationServer'>): ServerInputs['others'] {
  if (spec === undefined) return [];
  const found = world.issuerOf({ ...rest, spec });
  // Whoever names the service of another namespace claims nothing.
  return 'issuer' in found && namespaceOfIssuer(found.issuer, rest.namespace) === rest.namespace
    ? [{ createdAt: rest.createdAt, name: nameOf(rest), issuer: found.issuer }]
    : [];
}
