/**
 * Token introspection (RFC 7662): what a token says, to whoever may know. To all others, and of a token that does not hold
 * whatever the reason, there is one answer.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuthenticateClient } from '../http/client-authentication.ts';
import { type ClientRequest, readClientRequest, takePostOnly } from '../http/client-request.ts';
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
import type { RevocableToken, RevocationList } from '../store/revocation-list.ts';
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
  const seen: Seen = { handles: createSeenTokens<Remembered>(ports.clock), jwts: new WeakMap() };
  const config = { errors: 'json', admission: 'token' } as const;
  app.post(endpointPaths.introspection, { config }, (request, reply) => {
    const answered = (answer: string | null): void => {
      ports.metrics.introspections.inc({ outcome: answer === null ? 'inactive' : 'active' });
      // Not returned: a reply is a thenable, and would be waited for.
      void reply.headers(noStore).send(answer ?? inactive);
    };
    const failed = (error: unknown): never => {
      ports.metrics.introspections.inc({ outcome: answeredCode(error) });
      throw error;
    };
    try {
      const answer = introspect(ports, seen, request);
      if (answer instanceof Promise) return answer.then(answered, failed);
      answered(answer);
    } catch (error) {
      return failed(error);
    }
  });
  takePostOnly(app, endpointPaths.introspection);
}

const inactive = JSON.stringify({ active: false });

/** RFC 7662 §2.2. `token_type` is left out for refresh tokens, which are none of RFC 6749 §5.1. */
interface Introspection extends Readonly<Record<string, unknown>> {
  readonly active: true;
}

/** What is said of an access token, as long as it holds. */
interface Told {
  readonly token: AccessToken;
  readonly answer: string;
}

/** An opaque token, and what was said of it while its client and our issuer were these. */
interface Remembered {
  readonly found: FoundToken;
  readonly expiresAt: number;
  readonly holder: ClientRegistration;
  readonly issuer: string | undefined;
  readonly told: Told;
}

/** Answers that were given. Whether they may be given again is decided each time: they hold nothing of who asked. */
interface Seen {
  readonly handles: SeenTokens<Remembered>;
  /** By the claims that the verifier remembers, so that it decides how long. */
  readonly jwts: WeakMap<Readonly<Record<string, unknown>>, Told>;
}

/** `null`: inactive, or not for whoever asks. Nothing is waited for where nothing has to be asked. */
function introspect(ports: IntrospectionPorts, seen: Seen, request: FastifyRequest): MaybeLater<string | null> {
  const asked = readClientRequest(ports.authenticate, request);
  return asked instanceof Promise ? asked.then((one) => judge(ports, seen, one)) : judge(ports, seen, asked);
}

type MaybeLater<T> = T | Promise<T>;

function judge(
  ports: IntrospectionPorts,
  seen: Seen,
  { client, parameters }: ClientRequest,
): MaybeLater<string | null> {
  // RFC 7662 §2.1: whoever can prove nothing could try out tokens.
  if (client.method === 'none') {
    throw jsonError('invalid_client', 'client authentication failed', { detail: 'a public client' });
  }
  const token = parameters.get('token');
  if (token === undefined) throw jsonError('invalid_request', 'token is missing');
  // `token_type_hint` saves nothing here: what a token is shows, or one look-up finds it among all.
  if (!isHandle(token)) return judgeJwt(ports, seen, token, client);
  const known = seen.handles.get(token);
  if (known !== undefined) return judgeHandle(ports, seen, token, known.found, known, client);
  return ports.tokens
    .find(token)
    .then((found) => (found === null ? null : judgeHandle(ports, seen, token, found, undefined, client)));
}

function judgeJwt(
  ports: IntrospectionPorts,
  { jwts }: Seen,
  jwt: string,
  caller: AuthenticatedClient,
): MaybeLater<string | null> {
  const claims = ports.keys.verify(jwt, accessTokenType);
  if (claims === null) return null;
  let told = jwts.get(claims);
  if (told === undefined) {
    const token = accessTokenOf(claims);
    if (token === null) return null;
    told = { token, answer: JSON.stringify(wireOf(issuerOf(ports), token)) };
    jwts.set(claims, told);
  }
  if (!mayKnow(caller.registration, told.token)) return null;
  const named = revocable(ports, told.token);
  return named === null ? null : unless(ports.revocations.isRevoked(named), told.answer);
}

/** The answer, unless it was revoked. */
function unless(revoked: MaybeLater<boolean>, answer: string): MaybeLater<string | null> {
  if (revoked instanceof Promise) return revoked.then((yes) => (yes ? null : answer));
  return revoked ? null : answer;
}

function judgeHandle(
  ports: IntrospectionPorts,
  { handles }: Seen,
  handle: string,
  found: FoundToken,
  known: Remembered | undefined,
  caller: AuthenticatedClient,
): MaybeLater<string | null> {
  const holder = ports.snapshot.current.client(found.clientId);
  // Withdrawn, or another client under the same name since.
  if (holder?.owner.uid !== found.clientUid) return null;
  const issuer = issuerOf(ports);
  const isAsBefore = known !== undefined && known.holder === holder.value && known.issuer === issuer;
  const told = isAsBefore ? known.told : tell(ports, found, holder.value, issuer);
  const revoked = () => ports.revocations.isRevoked(revocableHandle(found, told.token));
  if (found.kind === 'refresh') return caller.uid === found.clientUid ? unless(revoked(), told.answer) : null;
  if (!mayKnow(caller.registration, told.token)) return null;
  const answer = unless(revoked(), told.answer);
  if (isAsBefore) return answer;
  const remember = (one: string | null): string | null => {
    if (one !== null) handles.add(handle, { found, expiresAt: found.expiresAt, holder: holder.value, issuer, told });
    return one;
  };
  return answer instanceof Promise ? answer.then(remember) : remember(answer);
}

function tell(
  { subjectOf }: IntrospectionPorts,
  found: FoundToken,
  holder: ClientRegistration,
  issuer: string | undefined,
): Told {
  const subject = found.grant === undefined ? found.clientId : subjectOf(holder, found.grant.subject);
  const token = accessTokenFrom(found, subject);
  const wire = found.kind === 'refresh' ? refreshWireOf(issuer, token) : wireOf(issuer, token);
  return { token, answer: JSON.stringify(wire) };
}

const none: readonly string[] = [];

/** Its own tokens, those that are for it, and those for the audiences that it speaks for (RFC 7662 §4). */
function mayKnow(caller: ClientRegistration, { clientId, audiences }: AccessToken): boolean {
  const { client_id: own, introspection_audiences: spokenFor = none } = caller;
  return clientId === own || audiences.some((audience) => audience === own || spokenFor.includes(audience));
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
function revocableHandle({ grant, sessionId }: FoundToken, token: AccessToken): RevocableToken {
  const { tokenId, clientId, grantId, issuedAt } = token;
  return { tokenId, clientId, grantId, issuedAt, sessionId, subject: grant?.subject ?? token.subject };
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
