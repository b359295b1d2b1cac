/** The client acts for itself (RFC 6749 §4.4). No user, no refresh token, no database. */
import { jsonError } from '../protocol/errors.ts';
import { chooseScopes } from '../protocol/scope.ts';
import type { Grant } from './grant.ts';

export const clientCredentials: Grant<'client_credentials'> = {
  grantType: 'client_credentials',
  async redeem(request, client) {
    // RFC 6749 §4.4: confidential clients alone. Registration refuses it too; a row may be older than the rule.
    if (client.method === 'none') {
      throw jsonError('unauthorized_client', 'a public client cannot use this grant type');
    }
    const { registration } = client;
    const choice = chooseScopes(request.scopes, registration, 'without_user');
    if (choice.outcome === 'refused') {
      throw jsonError('invalid_scope', 'a requested scope is unknown or not open to this client');
    }
    return { client: registration, subject: registration.client_id, scopes: choice.scopes, user: null };
  },
};
