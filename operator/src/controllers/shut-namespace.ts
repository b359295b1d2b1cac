/**
 * A namespace whose ruler took the operator's rights away, as is possible where these are in it (`watchNamespaces`). What was
 * registered from there is served on, as after any failure, but for servers that have not invited that namespace any more:
 * nobody is to be served on by keeping the operator from looking.
 */
import type { Kind } from '@nauthera/crds';
import type { RegistrationKind } from '@nauthera/server/registry';
import { ApiError } from '../runtime/kubernetes-api.ts';
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
  const facts = { name: namespace, labels: await source.namespaceLabels(namespace) };
  for (const registry of world.registries()) {
    const [space = '', server = ''] = registry.name.split('/');
    const spec = (await source.get('AuthorizationServer', space, server))?.spec;
    if (spec === undefined || isChosen(spec[`allowed${kind}s` as const].namespaces, space, facts)) continue;
    const uids = await rowsOf(registry);
    if (!uids.has(uid)) continue;
    await registry.delete(registeredAs[kind], uid);
    uids.delete(uid);
  }
}
