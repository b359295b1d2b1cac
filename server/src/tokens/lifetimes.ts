/** PURE. How long what hangs off a grant can live: the client's own values before the server's. */
import { gives } from '../protocol/response-type.ts';
import type { ResponseType } from '../protocol/terms.ts';
import { type Seconds, seconds } from '../protocol/time.ts';
import type { ClientRegistration, ServerRegistration } from '../registry/registration.ts';

type Lifetimes = Pick<ServerRegistration, 'lifetimes'>;

/** Clocks of resource servers may differ from ours by this much. */
const leeway = 60;

export function accessTokenLifetime(client: ClientRegistration, { lifetimes }: Lifetimes): Seconds {
  return seconds(client.access_token_lifetime ?? lifetimes.access_token);
}

/** Nothing outlives what it hangs off. @param endsIn seconds until that ends by itself; `undefined`: it has no end. */
export function within(lifetime: Seconds, endsIn: number | undefined): Seconds {
  return endsIn === undefined ? lifetime : seconds(Math.min(lifetime, endsIn));
}

/** What came through a browser may lie in its history: ten minutes, whatever else is allowed. */
export const maxFrontChannelLifetime = 600;

export function frontChannelTokenLifetime(client: ClientRegistration, server: Lifetimes): Seconds {
  return seconds(Math.min(accessTokenLifetime(client, server), maxFrontChannelLifetime));
}

/** Until what the authorization endpoint itself gave has run out, its code included. */
export function frontChannelGrantLifetime(type: ResponseType, client: ClientRegistration, server: Lifetimes): Seconds {
  const { id_token, authorization_code } = server.lifetimes;
  const token = gives(type, 'token') ? frontChannelTokenLifetime(client, server) : id_token;
  return seconds(Math.max(token, authorization_code) + leeway);
}

/** With refresh tokens until the last of them ends, otherwise until the one access token has run out. */
export function grantLifetime(client: ClientRegistration, { lifetimes }: Lifetimes): Seconds {
  if (client.grant_types.includes('refresh_token')) {
    return seconds(client.refresh_token_absolute ?? lifetimes.refresh_token_absolute);
  }
  return seconds(accessTokenLifetime(client, { lifetimes }) + leeway);
}

/** A refresh token that is not used for so long is over. */
export function refreshTokenIdle(client: ClientRegistration, { lifetimes }: Lifetimes): Seconds {
  return seconds(client.refresh_token_idle ?? lifetimes.refresh_token_idle);
}
