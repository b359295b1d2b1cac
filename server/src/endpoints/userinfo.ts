/** The userinfo endpoint (OpenID Connect Core §5.3): what the granted scopes release, as of the last refresh. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { queryText, readForm } from '../http/form.ts';
import { noStore } from '../http/headers.ts';
import { TokenMissing } from '../http/http-error.ts';
import type { KeySet } from '../keys/keys.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { GrantStore } from '../store/grants.ts';
import type { RevocableToken, RevocationList } from '../store/revocation-list.ts';
import { accessTokenType } from '../tokens/access-token.ts';

export interface UserinfoPorts {
  readonly keys: Pick<KeySet, 'verify'>;
  readonly grants: Pick<GrantStore, 'read'>;
  readonly revocations: Pick<RevocationList, 'isRevoked'>;
  readonly snapshot: SnapshotSource;
}

export function mountUserinfo(app: FastifyInstance, ports: UserinfoPorts): void {
  const config = { errors: 'json', admission: 'token' } as const;
  app.route({
    method: ['GET', 'POST'],
    url: endpointPaths.userinfo,
    config,
    handler: async (request, reply) => answer(ports, request, reply),
  });
}

async function answer(ports: UserinfoPorts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const token = await requireToken(ports, presentedToken(request));
  if (token.grantId === undefined || !token.scopes.includes('openid')) {
    throw jsonError('insufficient_scope', 'the access token must have the scope openid');
  }
  if (await ports.revocations.isRevoked(token)) throw invalid('revoked');
  const grant = await ports.grants.read(token.grantId);
  if (grant === null || grant.subject !== token.subject) throw invalid('its grant has ended');
  // Withdrawn, or another client under the same name since.
  if (ports.snapshot.current.client(token.clientId)?.owner.uid !== grant.clientUid) throw invalid('its client is gone');
  return reply.headers(noStore).send(JSON.stringify({ ...grant.claims, sub: grant.subject }));
}

interface AccessToken extends RevocableToken {
  readonly scopes: readonly string[];
}

/** @throws ProtocolError `invalid_token`, whatever is wrong with it */
async function requireToken(ports: UserinfoPorts, jwt: string): Promise<AccessToken> {
  const claims = await ports.keys.verify(jwt, accessTokenType);
  if (claims === null) throw invalid('not one of ours, or expired');
  const { jti, sub, client_id: clientId, grant_id: grantId, sid, iat, scope } = claims;
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof clientId !== 'string' || typeof iat !== 'number') {
    throw invalid('incomplete');
  }
  return {
    tokenId: jti,
    subject: sub,
    clientId,
    grantId: typeof grantId === 'string' ? grantId : undefined,
    sessionId: typeof sid === 'string' ? sid : undefined,
    issuedAt: iat,
    scopes: typeof scope === 'string' ? scope.split(' ') : [],
  };
}

function invalid(detail: string): ProtocolError {
  return jsonError('invalid_token', 'the access token is not valid', { detail: `access token: ${detail}` });
}

/**
 * The header, or the body of a form (RFC 6750 §2.1, §2.2); never the query, which ends up in logs.
 *
 * @throws TokenMissing
 * @throws ProtocolError `invalid_request` for more than one way, or a way that is not taken
 */
function presentedToken(request: FastifyRequest): string {
  if (/(?:^|&)access_token=/.test(queryText(request))) {
    throw jsonError('invalid_request', 'an access token does not belong into a URL');
  }
  const { parameters, problem } = readForm(request);
  if (problem !== undefined) throw jsonError('invalid_request', 'the form is malformed');
  const posted = request.method === 'POST' ? parameters.get('access_token') : undefined;
  const { authorization } = request.headers;
  if (authorization === undefined) {
    if (posted === undefined) throw new TokenMissing();
    return posted;
  }
  if (posted !== undefined) throw jsonError('invalid_request', 'the access token was sent in more than one way');
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1];
  if (token === undefined) throw invalid('not a bearer token');
  return token;
}
