/** PURE. AuthorizationServer → the settings of the server that its database serves. */
import {
  type AuthorizationServerSpec,
  type ClientPolicy,
  durationSeconds,
  freeGrantTypes,
  freeResponseTypes,
  grantTypes,
  grantTypesOf,
  responseTypes,
} from '@nauthera/crds';
import { type PublicJwk, readPublicJwk, type ServerRegistration } from '@nauthera/server/registry';

/** Most keys of a cluster that are taken over. */
const mostClusterKeys = 20;

/**
 * @param issuer the one in force: of the resource, or computed where it names none
 * @param clusterKeys as the cluster lists them; empty: there is no cluster, or its keys are not known
 */
export function registerServer(
  spec: AuthorizationServerSpec,
  issuer: string,
  clusterKeys: readonly unknown[],
): ServerRegistration {
  const keys = usableKeys(clusterKeys);
  const { lifetimes, signing } = spec;
  return {
    issuer,
    ...(spec.branding?.displayName === undefined ? {} : { display_name: spec.branding.displayName }),
    lifetimes: {
      authorization_code: durationSeconds(lifetimes.authorizationCode),
      access_token: durationSeconds(lifetimes.accessToken),
      id_token: durationSeconds(lifetimes.idToken),
      refresh_token_idle: durationSeconds(lifetimes.refreshToken.idle),
      refresh_token_absolute: durationSeconds(lifetimes.refreshToken.absolute),
      session_idle: durationSeconds(lifetimes.session.idle),
      session_absolute: durationSeconds(lifetimes.session.absolute),
    },
    signing: {
      algorithms: signing.algorithms,
      rotate_every: durationSeconds(signing.rotation.every),
      publish_before: durationSeconds(signing.rotation.publishBefore),
      retire_after: durationSeconds(signing.rotation.retireAfter),
    },
    ...supported(spec.clientPolicies ?? []),
    ...(keys.length === 0 ? {} : { kubernetes: { jwks: { keys } } }),
  };
}

type Supported = Required<Pick<ServerRegistration, 'grant_types_supported' | 'response_types_supported'>>;

/** What some Client could be allowed: where no policy matches, or by any one policy alone. */
function supported(policies: readonly ClientPolicy[]): Supported {
  const grants = new Set<string>(freeGrantTypes);
  const responses = new Set<string>(freeResponseTypes);
  for (const policy of policies) {
    const allowed: readonly string[] = policy.grantTypes ?? freeGrantTypes;
    for (const grant of allowed) grants.add(grant);
    for (const response of policy.responseTypes ?? freeResponseTypes)
      if (grantTypesOf(response).every((grant) => allowed.includes(grant))) responses.add(response);
  }
  return {
    grant_types_supported: grantTypes.filter((grant) => grants.has(grant)),
    response_types_supported: responseTypes.filter((response) => responses.has(response)),
  };
}

/** One that may not be used must not cost the others. */
function usableKeys(listed: readonly unknown[]): PublicJwk[] {
  const keys = new Map<string, PublicJwk>();
  for (const one of listed) {
    const key = readPublicJwk(one);
    if (key !== null && !keys.has(key.kid)) keys.set(key.kid, key);
  }
  return [...keys.values()].slice(0, mostClusterKeys);
}
