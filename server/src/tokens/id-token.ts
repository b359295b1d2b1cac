/** PURE. ID tokens (OpenID Connect Core §2). */
import { reservedClaims } from '../protocol/client-metadata.ts';
import { after, type EpochSeconds, type Seconds } from '../protocol/time.ts';

export const idTokenType = 'JWT';

export interface IdTokenFields {
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string;
  readonly issuedAt: EpochSeconds;
  readonly lifetime: Seconds;
  /** When the user signed in. */
  readonly authTime: EpochSeconds;
  /** From the authorization request; a refreshed ID token has none (OpenID Connect Core §12.2). */
  readonly nonce: string | undefined;
  readonly sessionId: string | undefined;
  /** Claims about the user that this token carries. A reserved name among them is left out, whatever was mapped to it. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export function idTokenClaims(fields: IdTokenFields): Readonly<Record<string, unknown>> {
  const about = Object.entries(fields.claims).filter(([name]) => !reservedClaims.includes(name));
  return {
    ...Object.fromEntries(about),
    iss: fields.issuer,
    sub: fields.subject,
    aud: fields.clientId,
    iat: fields.issuedAt,
    exp: after(fields.issuedAt, fields.lifetime),
    auth_time: fields.authTime,
    ...(fields.nonce === undefined ? {} : { nonce: fields.nonce }),
    ...(fields.sessionId === undefined ? {} : { sid: fields.sessionId }),
  };
}
