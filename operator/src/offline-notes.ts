/** What is allowed but hardly meant, and what could not be looked at, pure: no reason to refuse a set of resources. */
import type { OfflineFinding, OfflineWorld } from './offline-plan.ts';
import type { Observed } from './sources/source.ts';

/** Scopes whose claims come with the ID token and userinfo alone (OpenID Connect Core §5.4). */
const claimScopes = ['profile', 'email', 'phone', 'address'];

export function offlineNotes(world: OfflineWorld): readonly OfflineFinding[] {
  return world.resources.flatMap((one) => [
    ...withoutOpenid(one),
    ...needsACluster(one),
    ...absentReferences(one, world),
  ]);
}

function withoutOpenid(resource: Observed): readonly OfflineFinding[] {
  if (resource.kind !== 'Client') return [];
  const { scopes } = (resource as Observed<'Client'>).spec ?? {};
  const claims = scopes?.filter((scope) => claimScopes.includes(scope)) ?? [];
  if (claims.length === 0 || scopes?.includes('openid') === true) return [];
  const message = `${claims.join(' and ')} without openid tells the app nothing about the user: add openid`;
  return [{ resource: resource.uid, field: 'spec.scopes', message }];
}

/** Files may be meant for a cluster or for a folder: only in one of them can this work. */
function needsACluster(resource: Observed): readonly OfflineFinding[] {
  if (resource.kind !== 'Client') return [];
  const { authentication } = (resource as Observed<'Client'>).spec ?? {};
  if (authentication?.method !== 'kubernetes_service_account') return [];
  const message = 'kubernetes_service_account works in a cluster alone: served from a folder, this Client is refused';
  return [{ resource: resource.uid, field: 'spec.authentication.method', message }];
}

/** Secrets and ConfigMaps often live elsewhere; where some stand in the files, one that does not may be a slip. */
function absentReferences(resource: Observed, { secrets, configMaps }: OfflineWorld): readonly OfflineFinding[] {
  if (resource.kind !== 'LdapBinding') return [];
  const { spec, namespace } = resource as Observed<'LdapBinding'>;
  const references = [
    ['Secret', 'spec.bind.passwordSecretRef', spec?.bind.passwordSecretRef.name, secrets],
    ['ConfigMap', 'spec.tls.caBundleRef', spec?.tls?.caBundleRef?.name, configMaps],
  ] as const;
  return references.flatMap(([kind, field, name, there]) => {
    const found = there.some((one) => one.namespace === namespace && one.name === name);
    if (name === undefined || there.length === 0 || found) return [];
    return [{ resource: resource.uid, field, message: `${kind} ${namespace}/${name} does not stand in these files` }];
  });
}
