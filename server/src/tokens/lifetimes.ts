/** PURE. How long what hangs off a grant can live: the client's own values before the server's. */
import { type Seconds, seconds } from '../protocol/time.ts';
import type { ClientRegistration, ServerRegistration } from '../registry/registration.ts';

type Lifetimes = Pick<ServerRegistration, 'lifetimes'>;

/** Clocks of resource servers may differ from ours by this much. */
const leeway = 60;

/** With refresh tokens until the last of them ends, otherwise until the one access token has run out. */
export function grantLifetime(client: ClientRegistration, { lifetimes }: Lifetimes): Seconds {
  if (client.grant_types.includes('refresh_token')) {
    return seconds(client.refresh_token_absolute ?? lifetimes.refresh_token_absolute);
  }
  return seconds((client.access_token_lifetime ?? lifetimes.access_token) + leeway);
}

/** A refresh token that is not used for so long is over. */
export function refreshTokenIdle(client: ClientRegistration, { lifetimes }: Lifetimes): Seconds {
  return seconds(client.refresh_token_idle ?? lifetimes.refresh_token_idle);
}
