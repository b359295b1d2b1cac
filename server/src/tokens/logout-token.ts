/** PURE. Logout tokens (OpenID Connect Back-Channel Logout §2.4). */
import { after, type EpochSeconds, seconds } from '../protocol/time.ts';

/** Explicitly typed, so that no other token of ours is taken for one, nor one for another (§2.4, RFC 8725 §3.11). */
export const logoutTokenType = 'logout+jwt';

/** §4 recommends two minutes at most: it is made anew for each attempt. */
const lifetime = seconds(120);

export interface LogoutTokenFields {
  readonly issuer: string;
  readonly clientId: string;
  /** As the client knows the user. */
  readonly subject: string;
  /** Of the session, as the client was told. */
  readonly sid: string;
  readonly issuedAt: EpochSeconds;
  readonly tokenId: string;
}

/** No `nonce`, ever: that is how a relying party tells it from an ID token. */
export function logoutTokenClaims(fields: LogoutTokenFields): Readonly<Record<string, unknown>> {
  return {
    iss: fields.issuer,
    sub: fields.subject,
    aud: fields.clientId,
    iat: fields.issuedAt,
    exp: after(fields.issuedAt, lifetime),
    jti: fields.tokenId,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    sid: fields.sid,
  };
}
