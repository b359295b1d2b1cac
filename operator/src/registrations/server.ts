/** PURE. AuthorizationServer → the settings of the server that its database serves. */
import { type AuthorizationServerSpec, durationSeconds } from '@nauthera/crds';
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
    ...(keys.length === 0 ? {} : { kubernetes: { jwks: { keys } } }),
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
