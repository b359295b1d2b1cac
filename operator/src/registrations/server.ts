/** PURE. AuthorizationServer → the settings of the server that its database serves. */
import { type AuthorizationServerSpec, durationSeconds } from '@nauthera/crds';
import type { ServerRegistration } from '@nauthera/server/registry';

/** @param issuer the one in force: of the resource, or computed where it names none */
export function registerServer(spec: AuthorizationServerSpec, issuer: string): ServerRegistration {
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
  };
}
