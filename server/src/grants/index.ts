import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError } from '../protocol/errors.ts';
import { deviceCodeGrant } from '../protocol/terms.ts';
import type { TokenGrantType, TokenRequest } from '../protocol/token-request.ts';
import type { Issuance } from '../tokens/issue.ts';
import type { Grant, GrantContext } from './grant.ts';

/** The grant types that this server serves; one that is left out is unsupported. */
export type Grants = { readonly [T in TokenGrantType]?: Grant<T> };

/** @throws ProtocolError `unsupported_grant_type`, and what the grant throws */
export function redeem(
  grants: Grants,
  request: TokenRequest,
  client: AuthenticatedClient,
  context: GrantContext,
): Issuance | Promise<Issuance> {
  switch (request.grantType) {
    case 'authorization_code':
      return ask(grants.authorization_code, request, client, context);
    case 'refresh_token':
      return ask(grants.refresh_token, request, client, context);
    case 'client_credentials':
      return ask(grants.client_credentials, request, client, context);
    case deviceCodeGrant:
      return ask(grants[deviceCodeGrant], request, client, context);
  }
}

interface Redeeming<R> {
  redeem(request: R, client: AuthenticatedClient, context: GrantContext): Issuance | Promise<Issuance>;
}

function ask<R extends TokenRequest>(
  grant: Redeeming<R> | undefined,
  request: R,
  client: AuthenticatedClient,
  context: GrantContext,
): Issuance | Promise<Issuance> {
  if (grant === undefined) throw jsonError('unsupported_grant_type', 'the grant type is not supported');
  return grant.redeem(request, client, context);
}

export function grantTypesOf(grants: Grants): readonly TokenGrantType[] {
  return Object.values(grants).map((grant) => grant.grantType);
}
