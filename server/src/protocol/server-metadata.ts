/** PURE. The rules of a server's own metadata and settings, beyond the shape (RFC 8414 §2). */
import type { KubernetesClusters, ServerRegistration } from '../registry/registration.ts';
import { readAuthorities } from './certificate-chain.ts';
import { calledUriProblem, isLoopbackHost, maxAccessTokenLifetime } from './client-metadata.ts';
import { isHostOrNetwork, parseCidr } from './networks.ts';
import { publicKeysProblem } from './public-keys.ts';

const maxCodeLifetime = 60;
/** User codes are short: the longer they live, the more guesses there are. */
const maxDeviceCodeLifetime = 600;

/** One sentence that says what is wrong, without any secret; `null`: these settings may be served. */
export function checkServerMetadata(server: ServerRegistration): string | null {
  const problem = issuerProblem(server.issuer);
  if (problem !== null) return `issuer ${problem}`;
  const { lifetimes, signing } = server;
  if (lifetimes.authorization_code > maxCodeLifetime) return 'lifetimes.authorization_code must be at most 60';
  if (lifetimes.access_token > maxAccessTokenLifetime) return 'lifetimes.access_token must be at most 3600';
  if ((lifetimes.device_code ?? 0) > maxDeviceCodeLifetime) return 'lifetimes.device_code must be at most 600';
  if (!signing.algorithms.includes('RS256')) return 'signing.algorithms must hold RS256';
  // A relying party may hold a cached key set for ten minutes and a token for its whole life.
  if (signing.publish_before < 600) return 'signing.publish_before must be at least 600';
  if (signing.publish_before > signing.rotate_every)
    return 'signing.publish_before must not be longer than rotate_every';
  const longest = Math.max(maxAccessTokenLifetime, lifetimes.id_token);
  if (signing.retire_after < longest + 60) return `signing.retire_after must be at least ${longest + 60}`;
  const outside = networksProblem(server) ?? mutualTlsProblem(server);
  if (outside !== null) return outside;
  return clustersProblem(server.kubernetes ?? {});
}

/** Keys that two clusters list are no problem of the settings: tokens signed with them are refused, all others hold. */
function clustersProblem({ jwks, clusters = [] }: KubernetesClusters): string | null {
  const own = jwks === undefined ? null : publicKeysProblem(jwks.keys);
  if (own !== null) return `kubernetes.jwks: ${own}`;
  const names = clusters.map(({ name }) => name);
  if (new Set(names).size < names.length) return 'kubernetes.clusters must have names of their own';
  for (const [index, cluster] of clusters.entries()) {
    const problem = clusterProblem(cluster);
    if (problem !== null) return `kubernetes.clusters[${index}] ${problem}`;
  }
  return null;
}

function clusterProblem({
  jwks,
  jwks_uri: uri,
  ca,
}: NonNullable<KubernetesClusters['clusters']>[number]): string | null {
  if ((jwks === undefined) === (uri === undefined)) return 'needs exactly one of jwks and jwks_uri';
  if (ca !== undefined && uri === undefined) return 'has a ca without a jwks_uri';
  const located = uri === undefined ? null : calledUriProblem(uri);
  if (located !== null) return `jwks_uri ${located}`;
  const keys = jwks === undefined ? null : publicKeysProblem(jwks.keys);
  return keys === null ? null : `jwks: ${keys}`;
}

function networksProblem({
  trusted_proxies: proxies,
  outbound_allowed: allowed = [],
}: ServerRegistration): string | null {
  const prefixes = (proxies?.cidrs ?? []).map((cidr) => parseCidr(cidr)?.prefix);
  const unread = prefixes.indexOf(undefined);
  if (unread >= 0) return `trusted_proxies.cidrs[${unread}] must be an address or a network such as 10.0.0.0/8`;
  // Whoever can connect could then say where he comes from, and no limit per address would hold.
  const everybody = prefixes.indexOf(0);
  if (everybody >= 0) return `trusted_proxies.cidrs[${everybody}] must not hold every address`;
  const odd = allowed.findIndex((entry) => !isHostOrNetwork(entry));
  return odd < 0 ? null : `outbound_allowed[${odd}] must be a host, *. and a host, an address or a network`;
}

function mutualTlsProblem({ mutual_tls: mutual, trusted_proxies: proxies }: ServerRegistration): string | null {
  if (mutual === undefined) {
    return proxies?.certificate_header === undefined ? null : 'trusted_proxies.certificate_header needs mutual_tls';
  }
  const { url, ca } = mutual;
  if (!URL.canParse(url) || new URL(url).origin !== url || !url.startsWith('https://')) {
    return 'mutual_tls.url must be https, a host and perhaps a port, such as https://mtls.example.com';
  }
  return ca === undefined || readAuthorities(ca) !== null ? null : 'mutual_tls.ca must hold certificates in PEM';
}

/** RFC 8414 §2: https without query and fragment; http on loopback alone. No trailing slash, so that paths append. */
export function issuerProblem(issuer: string): string | null {
  if (!/^[\x21-\x7e]{1,512}$/.test(issuer) || !URL.canParse(issuer)) return 'must be an absolute URL in ASCII';
  const url = new URL(issuer);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname))) {
    return 'must use https (http is for loopback only)';
  }
  if (url.username !== '' || url.password !== '' || /[?#]/.test(issuer))
    return 'must have no user name, query or fragment';
  const path = url.pathname === '/' ? '' : url.pathname;
  if (`${url.origin}${path}` !== issuer) return 'must be in its usual form, without a slash at the end';
  return /^(?:\/[A-Za-z0-9._~-]+)*$/.test(path)
    ? null
    : 'has a path with characters beyond letters, digits and . _ ~ -';
}
