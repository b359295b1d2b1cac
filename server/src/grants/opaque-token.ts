/**
 * Opaque access tokens (a client's registration wants them): made here, stored by the statement that issues, so that one costs
 * no round trip of its own, and signed never.
 */
import type { AuthenticatedClient } from '../protocol/client.ts';
import type { Seconds } from '../protocol/time.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { NewAccessToken } from '../store/access-tokens.ts';
import { newHandle, newId } from '../tokens/handle.ts';
import type { Issuance } from '../tokens/issue.ts';
import { accessTokenLifetime } from '../tokens/lifetimes.ts';

/** What the issuing statement does not know by itself. */
type Known = Partial<Pick<NewAccessToken, 'grantId' | 'scopes' | 'audiences'>> & {
  /** Left out: that of the client's access tokens. */
  readonly lifetime?: Seconds;
};

/** `undefined`: the client's access tokens are JWTs. */
export function newOpaqueToken(
  {
    registration,
    uid,
    boundTo,
  }: Pick<AuthenticatedClient, 'registration' | 'uid'> & Partial<Pick<AuthenticatedClient, 'boundTo'>>,
  server: ServerRegistration,
  known: Known = {},
): NewAccessToken | undefined {
  if (registration.access_token_format !== 'opaque') return undefined;
  return {
    token: newHandle(),
    id: newId(),
    clientId: registration.client_id,
    clientUid: uid,
    certificate: boundTo,
    ...known,
    lifetime: known.lifetime ?? accessTokenLifetime(registration, server),
  };
}

/** For the issuance, once the token is stored. */
export function opaquely(token: NewAccessToken | undefined): Pick<Issuance, 'opaqueToken'> {
  return token === undefined ? {} : { opaqueToken: token.token };
}
