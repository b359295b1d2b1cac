/**
 * A namespace whose ruler took the operator's rights away, as is possible where these are in it (`watchNamespaces`). What was
 * registered from there is served on, as after any failure, but for servers that have not invited that namespace any more:
 * nobody is to be served on by keeping the operator from looking.
 */
import type { Kind } from '@nauthera/crds';
import { DatabaseUnavailable, type RegistrationKind, type Registry } from '@nauthera/server/registry';
import { ApiError } from '../runtime/kubernetes-api.ts';
import type { ResourceSource } from '../sources/source.ts';
import type { AttachedKind } from './attachment.ts';
import { isChosen } from './invitation.ts';
import { rowsOf } from './registering.ts';
import type { World } from './world.ts';

const registeredAs: Readonly<Record<AttachedKind, RegistrationKind>> = {
  Client: 'client',
  Scope: 'scope',
  LdapBinding: 'directory',
};

/** @param failure of a pass over that resource */
export async function leaveUninviting(
  world: World,
  { kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string },
  failure: unknown,
): Promise<void> {
  const { source } = world;
  if (kind === 'AuthorizationServer' || !(failure instanceof ApiError) || failure.status !== 403) return;
  const uid = source.glance?.(kind, namespace, name)?.uid;
  if (uid === undefined) return;
  for (const registry of world.registries()) {
    try {
      const uids = await rowsOf(registry);
      if (!uids.has(uid) || (await isInvited(source, registry, kind, namespace)) !== false) continue;
      await registry.delete(registeredAs[kind], uid);
      uids.delete(uid);
    } catch (error) {
      // That of somebody else, perhaps, who keeps it away on purpose. The pass comes again.
      if (!(error instanceof DatabaseUnavailable)) throw error;
    }
  }
}

/**
 * Whether the server that holds a database takes such resources from there: not another one that only names the database too.
 * `undefined`: nobody can tell.
 */
export async function isInvited(
  source: ResourceSource,
  registry: Pick<Registry, 'get'>,
  kind: AttachedKind,
  namespace: string,
): Promise<boolean | undefined> {
  const holder = (await registry.get('server', 'self'))?.owner;
  if (holder === undefined || holder.source !== source.name) return undefined;
  const spec = (await source.get('AuthorizationServer', holder.namespace, holder.name))?.spec;
  if (spec === undefined) return undefined;
  const facts = { name: namespace, labels: await source.namespaceLabels(namespace) };
  return isChosen(spec[`allowed${kind}s` as const].namespaces, holder.namespace, facts);
}
