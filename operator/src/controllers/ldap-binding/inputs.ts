/** Everything that an LdapBinding's plan looks at, read at once. */
import type { RegistrationKind } from '@nauthera/server/registry';
import { attach, nameOf, type WithSpec } from '../attachment.ts';
import { elsewhere, namespaceFacts, openScopes, registriesOf, serverHolds } from '../look-up.ts';
import { type RegistryHandle, registryReference } from '../registry-handle.ts';
import type { World } from '../world.ts';
import { directoryIdOf, type LdapBindingInputs } from './plan.ts';

export interface GatheredLdapBinding {
  readonly inputs: LdapBindingInputs;
  readonly registry: RegistryHandle | undefined;
  readonly references: readonly string[];
}

export async function gatherLdapBinding(world: World, binding: WithSpec<'LdapBinding'>): Promise<GatheredLdapBinding> {
  const { source, secrets, configMaps } = world;
  const { namespace, spec } = binding;
  const facts = await namespaceFacts(world, namespace);
  const servers = await source.list('AuthorizationServer');
  const attachment = attach(binding, servers, facts, world.defaultServerNamespace);
  const server = attachment.outcome === 'unresolved' ? undefined : attachment.server;
  const serverName = server === undefined ? undefined : nameOf(server);
  const registry = serverName === undefined ? undefined : world.registryOf(serverName);
  const invited = attachment.outcome === 'attached' ? attachment.server : undefined;
  const password = spec.bind.passwordSecretRef;
  const bundle = spec.tls?.caBundleRef;
  const inputs: LdapBindingInputs = {
    source: source.name,
    binding,
    namespace: facts,
    attachment,
    serverHolds:
      server === undefined || registry === undefined ? 'not yet' : await serverHolds(world, registry, server),
    passwordSecret: await secrets.read(namespace, password.name),
    caBundle: bundle === undefined ? undefined : await configMaps.read(namespace, bundle.name),
    scopes:
      invited === undefined || registry === undefined ? new Map() : await openScopes(world, registry, invited, facts),
    siblings: (await source.list('LdapBinding')).filter(
      (one) => one.namespace === namespace && one.uid !== binding.uid && !one.deleting,
    ),
    stored: registry === undefined ? null : await registry.get('directory', directoryIdOf(binding)),
  };
  const own = (kind: RegistrationKind, id: string) =>
    registriesOf(world, registry).map((one) => one.reference(kind, id));
  const references = [
    'AuthorizationServer',
    'LdapBinding',
    ...registryReference(registry, serverName),
    ...elsewhere(world, servers, registry),
    ...own('server', 'self'),
    ...own('directory', directoryIdOf(binding)),
    `Namespace//${namespace}`,
    `Secret/${namespace}/${password.name}`,
    ...(bundle === undefined ? [] : [`ConfigMap/${namespace}/${bundle.name}`]),
    ...(spec.consentRules ?? []).flatMap(({ scopes }) => scopes.flatMap((scope) => own('scope', scope))),
  ];
  return { inputs, registry, references };
}
