/** PURE. Access tokens as JWT (RFC 9068). */
import { after, type EpochSeconds, type Seconds } from '../protocol/time.ts';

/** The `typ` header (RFC 9068 §2.1): no other kind of token is accepted in its place. */
export const accessTokenType = 'at+jwt';

export interface AccessTokenFields {
  readonly issuer: string;
  /** A user's subject, or the client id where no user is involved. */
  readonly subject: string;
  readonly clientId: string;
  /** At least one. */
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly issuedAt: EpochSeconds;
  readonly lifetime: Seconds;
  readonly tokenId: string;
  /** Thumbprint of the certificate that it is bound to (RFC 8705 §3.1); `undefined`: it is of whoever bears it. */
  readonly certificate?: string | undefined;
  /** Left out where no user is involved. A resource server of ours refuses the token once grant or session has ended. */
  readonly grant?:
    | {
        readonly id: string;
        /** As the client is told; `undefined`: the grant outlives sessions (`offline_access`). */
        readonly sid: string | undefined;
        readonly authTime: EpochSeconds;
      }
    | undefined;
}

/** What does not apply is `undefined`: JSON leaves it out, and one literal costs less than five. */
export function accessTokenClaims(fields: AccessTokenFields): Readonly<Record<string, unknown>> {
  const { audiences, scopes, grant, certificate } = fields;
  return {
    iss: fields.issuer,
    sub: fields.subject,
    aud: audiences.length === 1 ? audiences[0] : audiences,
    client_id: fields.clientId,
    iat: fields.issuedAt,
    exp: after(fields.issuedAt, fields.lifetime),
    jti: fields.tokenId,
    scope: scopes.length === 0 ? undefined : scopes.join(' '),
    auth_time: grant?.authTime,
    grant_id: grant?.id,
    sid: grant?.sid,
    cnf: confirmation(certificate),
  };
}

/** The `cnf` claim, as it stands in tokens and in answers about them (RFC 8705 §3.1, §3.2); `undefined`: nothing is bound. */
export function confirmation(certificate: string | undefined): Readonly<Record<string, unknown>> | undefined {
  return certificate === undefined ? undefined : { 'x5t#S256': certificate };
}

function certificateIn(cnf: unknown): string | undefined {
  if (typeof cnf !== 'object' || cnf === null || !('x5t#S256' in cnf)) return undefined;
  return String(cnf['x5t#S256']);
}

/** What an access token of ours says, whatever its format. */
export interface AccessToken {
  readonly tokenId: string;
  /** As clients and resource servers are told. */
  readonly subject: string;
  readonly clientId: string;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  /** `undefined`: no user is involved. */
  readonly grantId: string | undefined;
  /** As its client is told. */
  readonly sid: string | undefined;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly authTime: number | undefined;
  /** Thumbprint of the certificate that must come with it. */
  readonly certificate: string | undefined;
}

/** From the claims of a JWT whose signature, `typ`, issuer and expiry hold. `null`: it lacks something that ours have. */
export function accessTokenOf(claims: Readonly<Record<string, unknown>>): AccessToken | null {
  const { jti, sub, client_id: clientId, aud, scope, grant_id: grantId, sid, iat, exp, auth_time: authTime } = claims;
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof clientId !== 'string') return null;
  if (typeof iat !== 'number' || typeof exp !== 'number') return null;
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
  return {
    tokenId: jti,
    subject: sub,
    clientId,
    audiences,
    scopes: typeof scope === 'string' ? scope.split(' ') : [],
    grantId: typeof grantId === 'string' ? grantId : undefined,
    sid: typeof sid === 'string' ? sid : undefined,
    issuedAt: iat,
    expiresAt: exp,
    authTime: typeof authTime === 'number' ? authTime : undefined,
    certificate: certificateIn(claims.cnf),
  };
}

/**
 * Who the token is for: the client's own audiences and those of its scopes, each once; none at all: the client itself, so
 * that a token without an audience is never taken by everybody (RFC 9068 §3).
 */
export function audiencesOf(
  client: { readonly client_id: string; readonly access_token_audiences: readonly string[] },
  scopeAudiences: readonly string[],
): readonly string[] {
  if (scopeAudiences.length === 0 && client.access_token_audiences.length === 0) return [client.client_id];
  const audiences = [...new Set([...client.access_token_audiences, ...scopeAudiences])];
  return audiences.length === 0 ? [client.client_id] : audiences;
}
