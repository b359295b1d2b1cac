/** The client acts for itself (RFC 6749 §4.4). No user, no refresh token; no database, unless its access tokens are opaque. */
import { jsonError } from '../protocol/errors.ts';
import { targets } from '../protocol/resources.ts';
import { chooseScopes } from '../protocol/scope.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { AccessTokenStore } from '../store/access-tokens.ts';
import { audiencesOf } from '../tokens/access-token.ts';
import type { Grant } from './grant.ts';
import { newOpaqueToken, opaquely } from './opaque-token.ts';

export interface ClientCredentialsPorts {
  readonly audiencesOfScope: (scope: string) => readonly string[];
  readonly accessTokens: Pick<AccessTokenStore, 'insert'>;
  readonly server: () => ServerRegistration;
}

export const clientCredentials = ({
  audiencesOfScope,
  accessTokens,
  server,
}: ClientCredentialsPorts): Grant<'client_credentials'> => ({
  grantType: 'client_credentials',
  redeem(request, client) {
    // RFC 6749 §4.4: confidential clients alone. Registration refuses it too; a row may be older than the rule.
    if (client.method === 'none') {
      throw jsonError('unauthorized_client', 'a public client cannot use this grant type');
    }
    const { registration } = client;
    const choice = chooseScopes(request.scopes, registration, 'without_user');
    if (choice.outcome === 'refused') {
      throw jsonError('invalid_scope', 'a requested scope is unknown or not open to this client');
    }
    const { scopes } = choice;
    const { resources } = request;
    const audiences = targets(audiencesOf(registration, scopes.flatMap(audiencesOfScope)), resources);
    if (audiences === null) {
      throw jsonError('invalid_target', 'a resource is no audience of the requested scopes');
    }
    const subject = registration.client_id;
    const issuance = { client: registration, subject, scopes, resources, user: null, certificate: client.boundTo };
    const accessToken = newOpaqueToken(client, server(), { scopes, audiences });
    if (accessToken === undefined) return issuance;
    return accessTokens.insert(accessToken).then(() => ({ ...issuance, ...opaquely(accessToken) }));
  },
});
