/** The userinfo endpoint (OpenID Connect Core §5.3): what the granted scopes release, as of the last refresh. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { certificateOf } from '../http/client-certificate.ts';
import { narrowOrigin } from '../http/cross-origin.ts';
import { queryText, readForm } from '../http/form.ts';
import { noStore } from '../http/headers.ts';
import { HttpError, TokenMissing } from '../http/http-error.ts';
import type { KeySet, Signer } from '../keys/keys.ts';
import { type Claims, claimsWithin } from '../protocol/claims.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { Grant, GrantStore } from '../store/grants.ts';
import type { PresentedTokenStore } from '../store/presented-tokens.ts';
import type { RevocationList } from '../store/revocation-list.ts';
import { accessTokenOf, accessTokenType } from '../tokens/access-token.ts';
import { isHandle } from '../tokens/handle.ts';
import type { SessionNames } from '../tokens/session-name.ts';
import type { SubjectOf } from '../tokens/subject.ts';
import { revocable } from './revocable.ts';

/** The `typ` header of a signed answer. */
const userinfoType = 'JWT';

export interface UserinfoPorts {
  readonly keys: Pick<KeySet, 'verify'>;
  readonly signer: Signer;
  readonly grants: Pick<GrantStore, 'read'>;
  readonly tokens: Pick<PresentedTokenStore, 'find'>;
  readonly revocations: Pick<RevocationList, 'isRevoked'>;
  readonly snapshot: SnapshotSource;
  readonly subjectOf: SubjectOf;
  readonly sessionNames: Pick<SessionNames, 'meant'>;
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
  const token = presentedToken(request);
  const presented = await (isHandle(token) ? readHandle(ports, token) : readJwt(ports, token));
  requireCertificate(presented, request);
  const { client, subject } = holderOf(ports, presented.grant);
  narrowOrigin(request.raw, client);
  const claims = { ...claimsOf(ports, presented), sub: subject };
  const algorithm = client.userinfo_signed_response_alg;
  reply.headers(noStore);
  if (algorithm === undefined) return reply.send(JSON.stringify(claims));
  // Core §5.3.2. Without an expiry: nothing of ours that reads a JWT takes this one for an ID token.
  const issuer = ports.snapshot.current.server?.value.issuer;
  const signed = await ports.signer.sign(algorithm, userinfoType, { ...claims, iss: issuer, aud: client.client_id });
  return reply.header('content-type', 'application/jwt').send(signed);
}

/** A token that holds, with the grant that it hangs off. */
interface Presented {
  readonly grant: Grant;
  /** Perhaps fewer than the grant's. */
  readonly scopes: readonly string[];
  /** Thumbprint of the certificate that must come with it. */
  readonly certificate: string | undefined;
}

/** RFC 8705 §3: whoever presents it must hold the certificate's key. @throws ProtocolError `invalid_token` */
function requireCertificate({ certificate }: Presented, request: FastifyRequest): void {
  if (certificate === undefined || certificateOf(request.raw)?.thumbprint === certificate) return;
  throw invalid('it is bound to a certificate that did not come with it');
}

function claimsOf({ snapshot }: UserinfoPorts, { grant, scopes }: Presented): Claims {
  const { current } = snapshot;
  return claimsWithin(scopes, grant, (scope) => current.scope(scope)?.value.claims);
}

/** @throws ProtocolError `invalid_token`, `insufficient_scope` */
async function readJwt(ports: UserinfoPorts, jwt: string): Promise<Presented> {
  const claims = ports.keys.verify(jwt, accessTokenType);
  if (claims === null) throw invalid('not one of ours, or expired');
  const token = accessTokenOf(claims);
  if (token === null) throw invalid('incomplete');
  if (token.grantId === undefined || !token.scopes.includes('openid')) throw openidMissing();
  const named = revocable(ports, token);
  if (named === null || (await ports.revocations.isRevoked(named))) throw invalid('revoked');
  const grant = await ports.grants.read(token.grantId);
  if (grant === null) throw invalid('its grant has ended');
  if (token.subject !== holderOf(ports, grant).subject || token.clientId !== grant.clientId) {
    throw invalid('it is not of its grant');
  }
  return { grant, scopes: token.scopes, certificate: token.certificate };
}

/** @throws ProtocolError `invalid_token`, `insufficient_scope` */
async function readHandle(ports: UserinfoPorts, handle: string): Promise<Presented> {
  const found = await ports.tokens.find(handle);
  if (found?.kind !== 'access' || found.id === undefined) throw invalid('not one of ours, or expired');
  const { id: tokenId, clientId, clientUid, grant, sessionId, issuedAt } = found;
  if (grant === undefined || !found.scopes.includes('openid')) throw openidMissing();
  if (grant.clientUid !== clientUid) throw invalid('it is not of its grant');
  const names = { tokenId, clientId, subject: grant.subject, grantId: grant.id, sessionId, issuedAt };
  if (await ports.revocations.isRevoked(names)) throw invalid('revoked');
  return { grant, scopes: found.scopes, certificate: found.certificate };
}

/** The client of a grant, and whom it takes the user for. @throws ProtocolError `invalid_token` */
function holderOf(
  { snapshot, subjectOf }: UserinfoPorts,
  grant: Grant,
): { readonly client: ClientRegistration; readonly subject: string } {
  const registered = snapshot.current.client(grant.clientId);
  // Withdrawn, or another client under the same name since.
  if (registered?.owner.uid !== grant.clientUid) throw invalid('its client is gone');
  return { client: registered.value, subject: subjectOf(registered.value, grant.subject) };
}

function openidMissing(): ProtocolError {
  return jsonError('insufficient_scope', 'the access token must have the scope openid');
}

function invalid(detail: string): ProtocolError {
  return jsonError('invalid_token', 'the access token is not valid', { detail: `access token: ${detail}` });
}

/** RFC 6750 §3.1: this refusal, too, stands in a challenge. @param description constant text */
function malformed(description: string): HttpError {
  const challenge = `Bearer error="invalid_request", error_description="${description}"`;
  return new HttpError(400, 'invalid_request', { description, headers: { 'www-authenticate': challenge } });
}

/**
 * The header, or the body of a form (RFC 6750 §2.1, §2.2); never the query, which ends up in logs.
 *
 * @throws TokenMissing
 * @throws HttpError `invalid_request` for more than one way, or a way that is not taken
 */
function presentedToken(request: FastifyRequest): string {
  if (/(?:^|&)access_token=/.test(queryText(request))) {
    throw malformed('an access token does not belong into a URL');
  }
  const { parameters, problem } = readForm(request);
  if (problem !== undefined) throw malformed('the form is malformed');
  const posted = request.method === 'POST' ? parameters.get('access_token') : undefined;
  const { authorization } = request.headers;
  if (authorization === undefined) {
    if (posted === undefined) throw new TokenMissing();
    return posted;
  }
  if (posted !== undefined) throw malformed('the access token was sent in more than one way');
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1];
  if (token === undefined) throw invalid('not a bearer token');
  return token;
}
