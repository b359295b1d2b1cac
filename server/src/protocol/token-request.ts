/** PURE. The token endpoint's request as a union by grant type (RFC 6749 §4.1.3, §4.4.2, §6). */
import { jsonError, type ProtocolError } from './errors.ts';
import type { Parameters } from './parameters.ts';
import { isCodeVerifier } from './pkce.ts';
import { readResources } from './resources.ts';
import { parseScope } from './scope.ts';
import { deviceCodeGrant, grantTypes } from './terms.ts';

/** Resource indicators (RFC 8707 §2.2) of well-formed URIs; `undefined`: none was sent. */
type Resources = readonly string[] | undefined;

export interface AuthorizationCodeRequest {
  readonly grantType: 'authorization_code';
  readonly code: string;
  /** Must be what the authorization request carried; compared byte for byte. */
  readonly redirectUri: string | undefined;
  readonly codeVerifier: string | undefined;
  readonly resources: Resources;
}

export interface RefreshTokenRequest {
  readonly grantType: 'refresh_token';
  readonly refreshToken: string;
  /** `undefined`: everything that was granted. */
  readonly scopes: readonly string[] | undefined;
  readonly resources: Resources;
}

export interface ClientCredentialsRequest {
  readonly grantType: 'client_credentials';
  /** `undefined`: the client's default. */
  readonly scopes: readonly string[] | undefined;
  readonly resources: Resources;
}

/** RFC 8628 §3.4 */
export interface DeviceCodeRequest {
  readonly grantType: typeof deviceCodeGrant;
  readonly deviceCode: string;
  /** `undefined`: everything that was authorized. */
  readonly resources: readonly string[] | undefined;
}

export type TokenRequest =
  | AuthorizationCodeRequest
  | RefreshTokenRequest
  | ClientCredentialsRequest
  | DeviceCodeRequest;

/** Grant types that the token endpoint knows. */
export type TokenGrantType = TokenRequest['grantType'];

/** Longest code, refresh token or other handle that is looked at; ours are far shorter. */
export const maxHandleLength = 512;

/**
 * Each grant reads the parameters it knows; unknown ones are ignored (RFC 6749 §3.2).
 *
 * @throws ProtocolError `invalid_request`, `unsupported_grant_type`, `invalid_grant`, `invalid_scope`, `invalid_target`
 */
export function parseTokenRequest(parameters: Parameters): TokenRequest {
  const grantType = parameters.get('grant_type');
  if (grantType === undefined) throw jsonError('invalid_request', 'grant_type is missing');
  if (!isGrantType(grantType)) throw jsonError('unsupported_grant_type', 'the grant type is not supported');
  switch (grantType) {
    case 'authorization_code':
      return {
        grantType,
        code: handle(parameters, 'code'),
        redirectUri: parameters.get('redirect_uri'),
        codeVerifier: codeVerifier(parameters),
        resources: resources(parameters),
      };
    case 'refresh_token':
      return {
        grantType,
        refreshToken: handle(parameters, 'refresh_token'),
        scopes: scopes(parameters),
        resources: resources(parameters),
      };
    case 'client_credentials':
      return { grantType, scopes: scopes(parameters), resources: resources(parameters) };
    case deviceCodeGrant:
      return { grantType, deviceCode: handle(parameters, 'device_code'), resources: resources(parameters) };
  }
}

function isGrantType(text: string): text is TokenGrantType {
  return text !== 'implicit' && (grantTypes as readonly string[]).includes(text);
}

function handle(parameters: Parameters, name: 'code' | 'refresh_token' | 'device_code'): string {
  const value = parameters.get(name);
  if (value === undefined) throw jsonError('invalid_request', `${name} is missing`);
  if (value.length > maxHandleLength) throw unknownHandle(name);
  return value;
}

function unknownHandle(name: string): ProtocolError {
  return jsonError('invalid_grant', `the ${name} is not valid`, { detail: `${name} is longer than any of ours` });
}

/** A verifier outside the grammar can match no challenge: it is the same answer as a wrong one (RFC 7636 §4.6). */
function codeVerifier(parameters: Parameters): string | undefined {
  const verifier = parameters.get('code_verifier');
  if (verifier !== undefined && !isCodeVerifier(verifier)) {
    throw jsonError('invalid_grant', 'the code is not valid', { detail: 'code_verifier breaks RFC 7636 §4.1' });
  }
  return verifier;
}

function resources(parameters: Parameters): Resources {
  const read = readResources(parameters);
  if (read === null) throw jsonError('invalid_target', 'a resource must be an absolute URI without a fragment');
  return read;
}

function scopes(parameters: Parameters): readonly string[] | undefined {
  const text = parameters.get('scope');
  if (text === undefined) return undefined;
  const parsed = parseScope(text);
  if (parsed === null) throw jsonError('invalid_scope', 'the scope parameter is malformed');
  return parsed;
}
