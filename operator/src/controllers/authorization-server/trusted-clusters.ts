/** Clusters that an AuthorizationServer trusts beside its own, pure: those that can be used, and what the others lack. */
import type { AuthorizationServerSpec } from '@nauthera/crds';
import { readPublicJwk, type ServerRegistration } from '@nauthera/server/registry';
import type { ConfigMap } from '../../sources/source.ts';

export type TrustedCluster = NonNullable<NonNullable<ServerRegistration['kubernetes']>['clusters']>[number];

export interface TrustedClusters {
  readonly clusters: readonly TrustedCluster[];
  /** Of those that are left out: tokens from there are refused. */
  readonly problems: readonly string[];
}

type Declared = NonNullable<AuthorizationServerSpec['trustedClusters']>[number];

/** Names of the ConfigMaps that are needed. */
export function clusterBundles({ trustedClusters = [] }: AuthorizationServerSpec): readonly string[] {
  return [...new Set(trustedClusters.flatMap(({ caBundleRef }) => caBundleRef?.name ?? []))];
}

/** @param bundles by name */
export function trustedClustersOf(
  { trustedClusters = [] }: AuthorizationServerSpec,
  bundles: ReadonlyMap<string, ConfigMap | undefined>,
): TrustedClusters {
  const clusters: TrustedCluster[] = [];
  const problems: string[] = [];
  for (const declared of trustedClusters) {
    const found = read(declared, bundles);
    if (typeof found === 'string') problems.push(`trusted cluster "${declared.name}" is left out: ${found}`);
    else clusters.push(found);
  }
  return { clusters, problems };
}

function read(
  { name, issuer, jwks, jwksUri, caBundleRef }: Declared,
  bundles: ReadonlyMap<string, ConfigMap | undefined>,
): TrustedCluster | string {
  if (jwksUri === undefined) {
    const keys = (jwks?.keys ?? []).map(readPublicJwk).filter((key) => key !== null);
    return keys.length === 0 ? 'none of its keys can be used' : { name, issuer, jwks: { keys } };
  }
  if (caBundleRef === undefined) return { name, issuer, jwks_uri: jwksUri };
  const bundle = bundles.get(caBundleRef.name);
  if (bundle === undefined) return `ConfigMap "${caBundleRef.name}" does not exist`;
  const ca = bundle.data[caBundleRef.key];
  if (ca?.includes('-----BEGIN CERTIFICATE-----') !== true)
    return `ConfigMap "${caBundleRef.name}", key "${caBundleRef.key}" holds no certificate in PEM`;
  return { name, issuer, jwks_uri: jwksUri, ca };
}
