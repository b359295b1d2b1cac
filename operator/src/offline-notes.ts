/** What is allowed but hardly meant, and what could not be looked at, pure: no reason to refuse a set of resources. */
import { showBranding } from './controllers/authorization-server/branding.ts';
import { logoName } from './controllers/logo.ts';
import type { OfflineFinding, OfflineWorld } from './offline-plan.ts';
import type { Observed } from './sources/source.ts';

/** Scopes whose claims come with the ID token and userinfo alone (OpenID Connect Core §5.4). */
const claimScopes = ['profile', 'email', 'phone', 'address'];

export function offlineNotes(world: OfflineWorld): readonly OfflineFinding[] {
  return world.resources.flatMap((one) => [
    ...withoutOpenid(one),
    ...needsACluster(one),
    ...absentReferences(one, world),
    ...adjustedBranding(one, world),
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

/** What pages would show in another way than is written here. */
function adjustedBranding(resource: Observed, { configMaps }: OfflineWorld): readonly OfflineFinding[] {
  if (resource.kind !== 'AuthorizationServer') return [];
  const { spec, namespace } = resource as Observed<'AuthorizationServer'>;
  const name = logoName(spec?.branding?.logo);
  const logo = configMaps.find((one) => one.namespace === namespace && one.name === name);
  const { adjusted } = showBranding(spec ?? {}, { namespace, logo });
  return adjusted.flatMap(({ reason, message }) => {
    // One that is not in the files is noted as such.
    if (reason === 'LogoNotFound' && logo === undefined) return [];
    const [, field, rest] = /^(spec[\w.]*): (.*)$/.exec(message) ?? [];
    return [{ resource: resource.uid, field: field ?? 'spec.branding.logo.configMapRef', message: rest ?? message }];
  });
}

/** Secrets and ConfigMaps often live elsewhere; where some stand in the files, one that does not may be a slip. */
function absentReferences(resource: Observed, { secrets, configMaps }: OfflineWorld): readonly OfflineFinding[] {
  return referencesOf(resource).flatMap(({ kind, field, name }) => {
    const there = kind === 'Secret' ? secrets : configMaps;
    const found = there.some((one) => one.namespace === resource.namespace && one.name === name);
    if (name === undefined || there.length === 0 || found) return [];
    const message = `${kind} ${resource.namespace}/${name} does not stand in these files`;
    return [{ resource: resource.uid, field, message }];
  });
}

interface Reference {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly field: string;
  readonly name: string | undefined;
}

function referencesOf(resource: Observed): readonly Reference[] {
  if (resource.kind === 'Client') {
    const { spec } = resource as Observed<'Client'>;
    return [{ kind: 'ConfigMap', field: 'spec.logo.configMapRef', name: logoName(spec?.logo) }];
  }
  if (resource.kind === 'AuthorizationServer') {
    const { spec } = resource as Observed<'AuthorizationServer'>;
    return [{ kind: 'ConfigMap', field: 'spec.branding.logo.configMapRef', name: logoName(spec?.branding?.logo) }];
  }
  if (resource.kind !== 'LdapBinding') return [];
  const { spec } = resource as Observed<'LdapBinding'>;
  return [
    { kind: 'Secret', field: 'spec.bind.passwordSecretRef', name: spec?.bind.passwordSecretRef.name },
    { kind: 'ConfigMap', field: 'spec.tls.caBundleRef', name: spec?.tls?.caBundleRef?.name },
  ];
}
