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
  /** Left out where no user is involved. A resource server of ours refuses the token once grant or session has ended. */
  readonly grant?: {
    readonly id: string;
    /** `undefined`: the grant outlives sessions (`offline_access`). */
    readonly sessionId: string | undefined;
    readonly authTime: EpochSeconds;
  };
}

export function accessTokenClaims(fields: AccessTokenFields): Readonly<Record<string, unknown>> {
  const { audiences, scopes, grant } = fields;
  return {
    iss: fields.issuer,
    sub: fields.subject,
    aud: audiences.length === 1 ? audiences[0] : audiences,
    client_id: fields.clientId,
    iat: fields.issuedAt,
    exp: after(fields.issuedAt, fields.lifetime),
    jti: fields.tokenId,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(grant === undefined ? {} : { auth_time: grant.authTime, grant_id: grant.id }),
    ...(grant?.sessionId === undefined ? {} : { sid: grant.sessionId }),
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
  const audiences = [...new Set([...client.access_token_audiences, ...scopeAudiences])];
  return audiences.length === 0 ? [client.client_id] : audiences;
}
