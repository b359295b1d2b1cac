/** PURE. ID tokens (OpenID Connect Core §2). */
import { hash } from 'node:crypto';
import { contextClaims } from '../protocol/claims.ts';
import type { ContextClaim } from '../protocol/claims-request.ts';
import { reservedClaims } from '../protocol/client-metadata.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { after, type EpochSeconds, type Seconds } from '../protocol/time.ts';

export const idTokenType = 'JWT';

/** What travelled in the same response, so that nobody exchanges it (OpenID Connect Core §3.2.2.9, §3.3.2.11). */
export interface IdTokenBinding {
  readonly at_hash?: string;
  readonly c_hash?: string;
}

export function boundTo(sent: {
  readonly accessToken: string | undefined;
  readonly code: string | undefined;
}): IdTokenBinding {
  return {
    ...(sent.accessToken === undefined ? {} : { at_hash: leftHalf(sent.accessToken) }),
    ...(sent.code === undefined ? {} : { c_hash: leftHalf(sent.code) }),
  };
}

/** By the hash of the signature's algorithm, and each of ours (RS256, ES256) has SHA-256. */
function leftHalf(text: string): string {
  return hash('sha256', text, 'buffer').subarray(0, 16).toString('base64url');
}

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
  /** Of the session, as the client is told. */
  readonly sid: string | undefined;
  /** Claims about the user that this token carries. A reserved name among them is left out, whatever was mapped to it. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Claims about the authentication that were asked for. */
  readonly context?: readonly ContextClaim[] | undefined;
  /** Left out: it came alone, or from the token endpoint. */
  readonly binding?: IdTokenBinding;
}

/** Groups that an ID token carries; a longer list would not fit into a header or a cookie. */
export const mostGroupsInToken = 200;

/** More groups than that are a distributed claim (OpenID Connect Core §5.6.2): the userinfo endpoint has them all. */
function withoutManyGroups(issuer: string, claims: IdTokenFields['claims']): IdTokenFields['claims'] {
  const { groups, ...others } = claims;
  if (!Array.isArray(groups) || groups.length <= mostGroupsInToken) return claims;
  const endpoint = `${issuer.replace(/\/$/, '')}${endpointPaths.userinfo}`;
  return { ...others, _claim_names: { groups: 'userinfo' }, _claim_sources: { userinfo: { endpoint } } };
}

export function idTokenClaims(fields: IdTokenFields): Readonly<Record<string, unknown>> {
  const about = Object.entries(withoutManyGroups(fields.issuer, fields.claims)).filter(
    ([name]) => !reservedClaims.includes(name),
  );
  return {
    ...Object.fromEntries(about),
    iss: fields.issuer,
    sub: fields.subject,
    aud: fields.clientId,
    iat: fields.issuedAt,
    exp: after(fields.issuedAt, fields.lifetime),
    auth_time: fields.authTime,
    ...(fields.nonce === undefined ? {} : { nonce: fields.nonce }),
    ...(fields.sid === undefined ? {} : { sid: fields.sid }),
    ...contextClaims(fields.context ?? []),
    ...fields.binding,
  };
}
