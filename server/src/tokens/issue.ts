/**
 * From what was decided to what is signed: the answer of the token endpoint (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3),
 * and the tokens that the authorization endpoint sends through the browser (RFC 6749 §4.2.2, OpenID Connect Core §3.2, §3.3).
 */
import type { Signer } from '../keys/keys.ts';
import type { ContextClaim } from '../protocol/claims-request.ts';
import { jsonError } from '../protocol/errors.ts';
import { remainingTargets } from '../protocol/resources.ts';
import { gives } from '../protocol/response-type.ts';
import { formatScope } from '../protocol/scope.ts';
import type { ResponseType } from '../protocol/terms.ts';
import { type Clock, type EpochSeconds, type Seconds, seconds } from '../protocol/time.ts';
import type { ClientRegistration, ServerRegistration } from '../registry/registration.ts';
import { accessTokenClaims, accessTokenType, audiencesOf } from './access-token.ts';
import { newId } from './handle.ts';
import { boundTo, type IdTokenBinding, idTokenClaims, idTokenType } from './id-token.ts';
import { accessTokenLifetime, frontChannelTokenLifetime, within } from './lifetimes.ts';
import type { SessionNames } from './session-name.ts';
import type { SubjectOf } from './subject.ts';

/** The user's part of what is issued; the grant that codes and tokens hang off. */
export interface GrantedToUser {
  readonly grantId: string;
  /** `undefined`: no session, or one that these tokens outlive. */
  readonly sessionId: string | undefined;
  /** The session that they outlive: the ID token names it all the same, so that its client can be told when it ends. */
  readonly outlivedSessionId?: string | undefined;
  readonly authTime: EpochSeconds;
  /** `undefined` unless the authorization request had one and this is its first ID token. */
  readonly nonce: string | undefined;
  /** Claims for the ID token. */
  readonly idTokenClaims: Readonly<Record<string, unknown>>;
  /** Claims about the authentication that were asked for. */
  readonly context?: readonly ContextClaim[] | undefined;
}

/** What a grant gives. With `openid` among `scopes` and a user, an ID token comes along. */
export interface Issuance {
  readonly client: ClientRegistration;
  /** The user's own subject, whatever the client is told; the client id for client credentials. */
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Narrows the audiences of the access token to these (RFC 8707); left out: all that its scopes and client have. */
  readonly resources?: readonly string[] | undefined;
  /** `null`: no user is involved. */
  readonly user: GrantedToUser | null;
  /** Seconds until what the access token hangs off ends by itself: it lives no longer. */
  readonly endsIn?: number | undefined;
  /** A new one, as the client will present it. */
  readonly refreshToken?: string;
  /** Stored already, in place of a JWT; exactly where the client's registration wants it. */
  readonly opaqueToken?: string;
  /** Thumbprint of the certificate that the access token is bound to; `undefined`: it is of whoever bears it. */
  readonly certificate?: string | undefined;
}

export interface TokenResponseWire {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope?: string | undefined;
  readonly refresh_token?: string | undefined;
  readonly id_token?: string | undefined;
}

export interface TokenIssuerPorts {
  readonly signer: Signer;
  readonly clock: Clock;
  readonly server: () => ServerRegistration;
  /** Audiences that the scopes stand for. */
  readonly audiencesOfScope: (scope: string) => readonly string[];
  readonly subjectOf: SubjectOf;
  readonly sessionNames: Pick<SessionNames, 'told'>;
}

export type IssueTokens = (issuance: Issuance) => Promise<TokenResponseWire>;

/** What is given through the browser, decided and not yet stored. */
export interface FrontChannelIssuance extends Omit<Issuance, 'user' | 'refreshToken'> {
  readonly user: GrantedToUser;
  /** Anything but `code`. */
  readonly responseType: ResponseType;
  /** The plain code of the same response. */
  readonly code: string | undefined;
}

/** Members of an authorization response; what the response type does not ask for is left out. */
export interface FrontChannelTokens {
  readonly access_token?: string;
  readonly token_type?: 'Bearer';
  readonly expires_in?: string;
  readonly scope?: string;
  readonly id_token?: string;
}

export type IssueFrontChannel = (issuance: FrontChannelIssuance) => Promise<FrontChannelTokens>;

export interface TokenIssuer {
  readonly answer: IssueTokens;
  readonly frontChannel: IssueFrontChannel;
}

export function createTokenIssuer(ports: TokenIssuerPorts): TokenIssuer {
  return {
    answer: (issuance) => answer(ports, issuance),
    frontChannel: (issuance) => frontChannel(ports, issuance),
  };
}

async function answer(ports: TokenIssuerPorts, issuance: Issuance): Promise<TokenResponseWire> {
  const server = ports.server();
  const { client, scopes, refreshToken, user } = issuance;
  const lifetime = within(accessTokenLifetime(client, server), issuance.endsIn);
  const issuedAt = ports.clock.now();
  // Asked for in one turn, so that they are signed in one flush: `at_hash` is not needed here (OpenID Connect Core
  // §3.1.3.6), and would have the second wait for the first.
  const accessToken = accessTokenFor(ports, server, issuance, issuedAt, lifetime);
  const wantsIdToken = user !== null && scopes.includes('openid');
  const idToken = wantsIdToken ? signIdToken(ports, server, issuance, user, issuedAt, {}) : undefined;
  // Whichever fails first is told, and the other is not left unheard.
  if (idToken !== undefined && typeof accessToken !== 'string') await Promise.all([accessToken, idToken]);
  return {
    access_token: typeof accessToken === 'string' ? accessToken : await accessToken,
    token_type: 'Bearer',
    expires_in: lifetime,
    scope: scopes.length === 0 ? undefined : formatScope(scopes),
    refresh_token: refreshToken,
    id_token: idToken === undefined ? undefined : await idToken,
  };
}

async function frontChannel(ports: TokenIssuerPorts, issuance: FrontChannelIssuance): Promise<FrontChannelTokens> {
  const server = ports.server();
  const { client, scopes, user, responseType, code } = issuance;
  const lifetime = within(frontChannelTokenLifetime(client, server), issuance.endsIn);
  const issuedAt = ports.clock.now();
  const accessToken = gives(responseType, 'token')
    ? await accessTokenFor(ports, server, { ...issuance, user }, issuedAt, lifetime)
    : undefined;
  const idToken = gives(responseType, 'id_token')
    ? await signIdToken(ports, server, issuance, user, issuedAt, boundTo({ accessToken, code }))
    : undefined;
  return {
    ...(accessToken === undefined
      ? {}
      : {
          access_token: accessToken,
          token_type: 'Bearer',
          expires_in: String(lifetime),
          ...(scopes.length === 0 ? {} : { scope: formatScope(scopes) }),
        }),
    ...(idToken === undefined ? {} : { id_token: idToken }),
  };
}

type Issued = Pick<Issuance, 'client' | 'subject' | 'scopes' | 'resources' | 'user' | 'opaqueToken' | 'certificate'>;

function accessTokenFor(
  ports: TokenIssuerPorts,
  server: ServerRegistration,
  issued: Issued,
  issuedAt: EpochSeconds,
  lifetime: Seconds,
): string | Promise<string> {
  const { client, opaqueToken } = issued;
  // A grant that forgot its row would hand out what nobody knows, or sign what the client must not get.
  if ((client.access_token_format === 'opaque') !== (opaqueToken !== undefined)) {
    throw new Error('the access token is not of the format that the client wants');
  }
  return opaqueToken ?? signAccessToken(ports, server, issued, issuedAt, lifetime);
}

function signAccessToken(
  { signer, audiencesOfScope, subjectOf, sessionNames }: TokenIssuerPorts,
  server: ServerRegistration,
  { client, subject, scopes, resources, user, certificate }: Issued,
  issuedAt: EpochSeconds,
  lifetime: Seconds,
): Promise<string> {
  const algorithm = server.signing.algorithms[0] ?? 'RS256';
  const claims = accessTokenClaims({
    issuer: server.issuer,
    subject: user === null ? subject : subjectOf(client, subject),
    clientId: client.client_id,
    audiences: audiencesFor(audiencesOf(client, scopes.flatMap(audiencesOfScope)), resources),
    scopes,
    issuedAt,
    lifetime,
    tokenId: newId(),
    certificate,
    grant:
      user === null
        ? undefined
        : { id: user.grantId, sid: sidOf(sessionNames, client, user.sessionId), authTime: user.authTime },
  });
  return signer.sign(algorithm, accessTokenType, claims);
}

/** What was chosen may have stopped being an audience since; a token for nobody is for nobody, not for everybody. */
function audiencesFor(audiences: readonly string[], resources: readonly string[] | undefined): readonly string[] {
  const left = remainingTargets(audiences, resources);
  if (left === null) throw jsonError('invalid_target', 'no requested resource is an audience any more');
  return left;
}

function signIdToken(
  { signer, subjectOf, sessionNames }: TokenIssuerPorts,
  server: ServerRegistration,
  { client, subject }: Issued,
  user: GrantedToUser,
  issuedAt: EpochSeconds,
  binding: IdTokenBinding,
): Promise<string> {
  const claims = idTokenClaims({
    issuer: server.issuer,
    subject: subjectOf(client, subject),
    clientId: client.client_id,
    issuedAt,
    lifetime: seconds(server.lifetimes.id_token),
    authTime: user.authTime,
    nonce: user.nonce,
    sid: sidOf(sessionNames, client, user.sessionId ?? user.outlivedSessionId),
    claims: user.idTokenClaims,
    context: user.context,
    binding,
  });
  return signer.sign(client.id_token_signed_response_alg, idTokenType, claims);
}

function sidOf(
  names: TokenIssuerPorts['sessionNames'],
  client: ClientRegistration,
  sessionId: string | undefined,
): string | undefined {
  return sessionId === undefined ? undefined : names.told(client, sessionId);
}
