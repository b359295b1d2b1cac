/** The first refresh token of a grant, stored by the statement that issues it. */
import type { AuthenticatedClient } from '../protocol/client.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { NewRefreshToken } from '../store/refresh-tokens.ts';
import { newHandle } from '../tokens/handle.ts';
import { refreshTokenIdle } from '../tokens/lifetimes.ts';

export function newRefreshToken(client: AuthenticatedClient, server: ServerRegistration): NewRefreshToken {
  const { registration } = client;
  return { token: newHandle(), idle: refreshTokenIdle(registration, server), certificate: refreshBoundTo(client) };
}

/**
 * RFC 8705 §4: nothing but the certificate tells one installation of a public client from another. Of a confidential client
 * the token is bound to whatever it authenticates with (§7.1), which may be renewed while the token lives.
 */
export function refreshBoundTo({ method, boundTo }: AuthenticatedClient): string | undefined {
  return method === 'none' ? boundTo : undefined;
}
