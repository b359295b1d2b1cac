/** From what a grant decided to the answer of the token endpoint (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3). */
import type { Signer } from '../keys/keys.ts';
import { formatScope } from '../protocol/scope.ts';
import { type Clock, type EpochSeconds, seconds } from '../protocol/time.ts';
import type { ClientRegistration, ServerRegistration } from '../registry/registration.ts';
import { accessTokenClaims, accessTokenType, audiencesOf } from './access-token.ts';
import { newId } from './handle.ts';
import { idTokenClaims, idTokenType } from './id-token.ts';

/** The user's part of what is issued; the grant that codes and tokens hang off. */
export interface GrantedToUser {
  readonly grantId: string;
  /** `undefined`: no session, or one that these tokens outlive. */
  readonly sessionId: string | undefined;
  readonly authTime: EpochSeconds;
  /** `undefined` unless the authorization request had one and this is its first ID token. */
  readonly nonce: string | undefined;
  /** Claims for the ID token. */
  readonly idTokenClaims: Readonly<Record<string, unknown>>;
}

/** What a grant gives. With `openid` among `scopes` and a user, an ID token comes along. */
export interface Issuance {
  readonly client: ClientRegistration;
  /** The user's subject; the client id for client credentials. */
  readonly subject: string;
  readonly scopes: readonly string[];
  /** `null`: no user is involved. */
  readonly user: GrantedToUser | null;
  /** A new one, as the client will present it. */
  readonly refreshToken?: string;
}

export interface TokenResponseWire {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope?: string;
  readonly refresh_token?: string;
  readonly id_token?: string;
}

export interface TokenIssuerPorts {
  readonly signer: Signer;
  readonly clock: Clock;
  readonly server: () => ServerRegistration;
  /** Audiences that the scopes stand for. */
  readonly audiencesOfScope: (scope: string) => readonly string[];
}

export type IssueTokens = (issuance: Issuance) => Promise<TokenResponseWire>;

export function createTokenIssuer(ports: TokenIssuerPorts): IssueTokens {
  return async (issuance) => {
    const server = ports.server();
    const { client, scopes, refreshToken } = issuance;
    const lifetime = seconds(client.access_token_lifetime ?? server.lifetimes.access_token);
    const issuedAt = ports.clock.now();
    // Asked for in one turn, so that they are signed in one flush.
    const [accessToken, idToken] = await Promise.all([
      signAccessToken(ports, server, issuance, issuedAt),
      signIdToken(ports, server, issuance, issuedAt),
    ]);
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: lifetime,
      ...(scopes.length === 0 ? {} : { scope: formatScope(scopes) }),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      ...(idToken === null ? {} : { id_token: idToken }),
    };
  };
}

function signAccessToken(
  { signer, audiencesOfScope }: TokenIssuerPorts,
  server: ServerRegistration,
  { client, subject, scopes, user }: Issuance,
  issuedAt: EpochSeconds,
): Promise<string> {
  const algorithm = server.signing.algorithms[0] ?? 'RS256';
  const claims = accessTokenClaims({
    issuer: server.issuer,
    subject,
    clientId: client.client_id,
    audiences: audiencesOf(client, scopes.flatMap(audiencesOfScope)),
    scopes,
    issuedAt,
    lifetime: seconds(client.access_token_lifetime ?? server.lifetimes.access_token),
    tokenId: newId(),
    ...(user === null ? {} : { grant: { id: user.grantId, sessionId: user.sessionId, authTime: user.authTime } }),
  });
  return signer.sign(algorithm, accessTokenType, claims);
}

async function signIdToken(
  { signer }: TokenIssuerPorts,
  server: ServerRegistration,
  { client, subject, scopes, user }: Issuance,
  issuedAt: EpochSeconds,
): Promise<string | null> {
  if (user === null || !scopes.includes('openid')) return null;
  const claims = idTokenClaims({
    issuer: server.issuer,
    subject,
    clientId: client.client_id,
    issuedAt,
    lifetime: seconds(server.lifetimes.id_token),
    authTime: user.authTime,
    nonce: user.nonce,
    sessionId: user.sessionId,
    claims: user.idTokenClaims,
  });
  return signer.sign(client.id_token_signed_response_alg, idTokenType, claims);
}
