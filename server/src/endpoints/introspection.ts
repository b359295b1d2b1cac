/**
 * Token introspection (RFC 7662): what a token says, to whoever may know. To all others, and of a token that does not hold
 * whatever the reason, there is one answer.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuthenticateClient } from '../http/client-authentication.ts';
import { readClientRequest, takePostOnly } from '../http/client-request.ts';
import { answeredCode } from '../http/error-reply.ts';
import { noStore } from '../http/headers.ts';
import type { KeySet } from '../keys/keys.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { jsonError } from '../protocol/errors.ts';
import { formatScope } from '../protocol/scope.ts';
import type { Clock } from '../protocol/time.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { FoundToken, PresentedTokenStore } from '../store/presented-tokens.ts';
import type { RevocationList } from '../store/revocation-list.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type AccessToken, accessTokenOf, accessTokenType, confirmation } from '../tokens/access-token.ts';
import { isHandle } from '../tokens/handle.ts';
import { createSeenTokens, type SeenTokens } from '../tokens/seen-tokens.ts';
import type { SessionNames } from '../tokens/session-name.ts';
import type { SubjectOf } from '../tokens/subject.ts';
import { revocable } from './revocable.ts';

export interface IntrospectionPorts {
  readonly authenticate: AuthenticateClient;
  readonly keys: Pick<KeySet, 'verify'>;
  readonly tokens: Pick<PresentedTokenStore, 'find'>;
  readonly revocations: Pick<RevocationList, 'isRevoked'>;
  readonly snapshot: SnapshotSource;
  readonly subjectOf: SubjectOf;
  readonly sessionNames: Pick<SessionNames, 'meant'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export function mountIntrospection(app: FastifyInstance, ports: IntrospectionPorts): void {
  const seen = createSeenTokens<FoundToken>(ports.clock);
  const config = { errors: 'json', admission: 'token' } as const;
  app.post(endpointPaths.introspection, { config }, async (request, reply) => {
    try {
      const answer = await introspect(ports, seen, request);
      ports.metrics.introspections.inc({ outcome: answer === null ? 'inactive' : 'active' });
      return reply.headers(noStore).send(JSON.stringify(answer ?? { active: false }));
    } catch (error) {
      ports.metrics.introspections.inc({ outcome: answeredCode(error) });
      throw error;
    }
  });
  takePostOnly(app, endpointPaths.introspection);
}

/** RFC 7662 §2.2. `token_type` is left out for refresh tokens, which are none of RFC 6749 §5.1. */
interface Introspection extends Readonly<Record<string, unknown>> {
  readonly active: true;
}

async function introspect(
  ports: IntrospectionPorts,
  seen: SeenTokens<FoundToken>,
  request: FastifyRequest,
): Promise<Introspection | null> {
  const { client, parameters } = await readClientRequest(ports.authenticate, request);
  // RFC 7662 §2.1: whoever can prove nothing could try out tokens.
  if (client.method === 'none') {
    throw jsonError('invalid_client', 'client authentication failed', { detail: 'a public client' });
  }
  const token = parameters.get('token');
  if (token === undefined) throw jsonError('invalid_request', 'token is missing');
  // `token_type_hint` saves nothing here: what a token is shows, or one look-up finds it among all.
  return isHandle(token) ? introspectHandle(ports, seen, token, client) : introspectJwt(ports, token, client);
}

async function introspectJwt(
  ports: IntrospectionPorts,
  jwt: string,
  caller: AuthenticatedClient,
): Promise<Introspection | null> {
  const claims = await ports.keys.verify(jwt, accessTokenType);
  const token = claims === null ? null : accessTokenOf(claims);
  if (token === null || !mayKnow(caller.registration, token)) return null;
  const named = revocable(ports, token);
  if (named === null || (await ports.revocations.isRevoked(named))) return null;
  return wireOf(issuerOf(ports), token);
}

async function introspectHandle(
  ports: IntrospectionPorts,
  seen: SeenTokens<FoundToken>,
  handle: string,
  caller: AuthenticatedClient,
): Promise<Introspection | null> {
  const known = seen.get(handle);
  const found = known ?? (await ports.tokens.find(handle));
  if (found === null) return null;
  const holder = registered(ports, found.clientId);
  // Withdrawn, or another client under the same name since.
  if (holder?.owner.uid !== found.clientUid) return null;
  const subject = found.grant === undefined ? found.clientId : ports.subjectOf(holder.value, found.grant.subject);
  const token = accessTokenFrom(found, subject);
  if (found.kind === 'refresh') {
    if (caller.uid !== found.clientUid || (await isRevoked(ports, found, token))) return null;
    return refreshWireOf(issuerOf(ports), token);
  }
  if (!mayKnow(caller.registration, token) || (await isRevoked(ports, found, token))) return null;
  if (known === undefined) seen.add(handle, found);
  return wireOf(issuerOf(ports), token);
}

/** Its own tokens, those that are for it, and those for the audiences that it speaks for (RFC 7662 §4). */
function mayKnow(caller: ClientRegistration, { clientId, audiences }: AccessToken): boolean {
  const own = [caller.client_id, ...(caller.introspection_audiences ?? [])];
  return clientId === caller.client_id || audiences.some((audience) => own.includes(audience));
}

function accessTokenFrom(found: FoundToken, subject: string): AccessToken {
  return {
    tokenId: found.id ?? '',
    subject,
    clientId: found.clientId,
    audiences: found.audiences,
    scopes: found.scopes,
    grantId: found.grant?.id,
    // Not told: the row knows the session itself.
    sid: undefined,
    issuedAt: found.issuedAt,
    expiresAt: found.expiresAt,
    authTime: found.grant?.authTime,
    certificate: found.certificate,
  };
}

/** A revocation of a user names the user's own subject. */
function isRevoked(ports: IntrospectionPorts, { grant, sessionId }: FoundToken, token: AccessToken): Promise<boolean> {
  return ports.revocations.isRevoked({ ...token, sessionId, subject: grant?.subject ?? token.subject });
}

function registered({ snapshot }: IntrospectionPorts, clientId: string) {
  return snapshot.current.client(clientId);
}

function issuerOf({ snapshot }: IntrospectionPorts): string | undefined {
  return snapshot.current.server?.value.issuer;
}

/** No `username`: a resource server learns of a user what the token itself tells, and pairwise subjects stay apart. */
function refreshWireOf(issuer: string | undefined, token: AccessToken): Introspection {
  return {
    active: true,
    iss: issuer,
    sub: token.subject,
    client_id: token.clientId,
    ...(token.scopes.length === 0 ? {} : { scope: formatScope(token.scopes) }),
    iat: token.issuedAt,
    exp: token.expiresAt,
    ...(token.authTime === undefined ? {} : { auth_time: token.authTime }),
    cnf: confirmation(token.certificate),
  };
}

function wireOf(issuer: string | undefined, token: AccessToken): Introspection {
  const { audiences } = token;
  return {
    ...refreshWireOf(issuer, token),
    aud: audiences.length === 1 ? audiences[0] : audiences,
    jti: token.tokenId,
    token_type: 'Bearer',
  };
}
