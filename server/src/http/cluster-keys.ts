/**
 * Which cluster the token of a ServiceAccount is from: the key set that holds its key says so, this cluster's or that of one
 * which the server trusts. What the token says of itself repeats between clusters.
 */
import type {
  ClientRegistration,
  KubernetesClusters,
  PublicJwk,
  ServerRegistration,
} from '../registry/registration.ts';
import type { ClientKeys, KeyLocation } from './client-keys.ts';

type TrustedCluster = NonNullable<KubernetesClusters['clusters']>[number];

/** Both are absent of the cluster that the clients live in. */
export type TokenCluster = Partial<Pick<TrustedCluster, 'name' | 'issuer'>>;

export interface ClusterKeysOptions {
  readonly clusters: KubernetesClusters | undefined;
  /** Where the server was declared: keys are fetched on the word of that namespace. */
  readonly namespace: string;
  readonly clientKeys: Pick<ClientKeys, 'known'>;
}

export interface Holder {
  readonly keys: readonly PublicJwk[];
  readonly cluster: TokenCluster;
}

/**
 * The set with a key of that id; without any: no keys. This cluster's own set comes first: its keys are from its API server,
 * and a trusted cluster that publishes their ids, or the keys themselves, would otherwise lock out every ServiceAccount here.
 * `ambiguous`: several trusted clusters have one, and it speaks for none of them, so that none can stand in for another.
 * A token without a key id can only be of this cluster.
 */
export function holderOf(
  kid: string | undefined,
  { clusters: { jwks, clusters = [] } = {}, namespace, clientKeys }: ClusterKeysOptions,
): Holder | 'ambiguous' {
  const own: Holder = { keys: jwks?.keys ?? [], cluster: {} };
  const holds = ({ keys }: Holder): boolean => keys.some((key) => key.kid === kid);
  if (kid === undefined || holds(own)) return own;
  const others = clusters.map((cluster): Holder => {
    const location = locationOfCluster(cluster, namespace);
    const keys = location === null ? cluster.jwks?.keys : clientKeys.known(location);
    return { keys: keys ?? [], cluster };
  });
  const [holder, ...more] = others.filter(holds);
  if (more.length > 0) return 'ambiguous';
  return holder ?? { keys: [], cluster: {} };
}

/** Trusted clusters that a client names. */
export function othersOf(
  { kubernetes }: ServerRegistration,
  { service_accounts: accounts = [] }: ClientRegistration,
): readonly TrustedCluster[] {
  return (kubernetes?.clusters ?? []).filter(({ name }) => accounts.some(({ cluster }) => cluster === name));
}

/** `null`: its keys are registered. */
export function locationOfCluster({ name, jwks_uri: url, ca }: TrustedCluster, namespace: string): KeyLocation | null {
  if (url === undefined) return null;
  return { url, namespace, clientId: `cluster ${name}`, ...(ca === undefined ? {} : { ca }) };
}
