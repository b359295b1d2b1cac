/** Everything that an AuthorizationServer's plan looks at, read at once. */
import { nameOf, type ServerResource } from '../attachment.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import type { World } from '../world.ts';
import type { ServerInputs } from './plan.ts';

export interface GatheredServer {
  readonly inputs: ServerInputs;
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
}

export async function gatherServer(world: World, server: ServerResource): Promise<GatheredServer> {
  const { source, secrets, deployment } = world;
  const { namespace, spec } = server;
  const ref = deployment.database === 'secretRef' ? spec.database?.secretRef : undefined;
  const inputs: ServerInputs = {
    source: source.name,
    server,
    deployment,
    issuer: world.issuerOf(server),
    retirementHeld: world.retirementHeld(),
    databaseSecret: ref === undefined ? undefined : await secrets.read(namespace, ref.name),
    others: (await source.list('AuthorizationServer'))
      .filter((one) => one.uid !== server.uid && one.spec !== undefined && !one.deleting)
      .map((one) => ({ createdAt: one.createdAt, name: nameOf(one), issuer: one.status.issuer })),
  };
  const references = [
    'registration/server/self',
    'AuthorizationServer',
    ...(ref === undefined ? [] : [`Secret/${namespace}/${ref.name}`]),
  ];
  return { inputs, registry: world.registryOf(nameOf(server)), references };
}
