/** PURE. The words of the protocol that a resource may use, as the RFCs spell them where they have one. */
/** RFC 8628 §3.4 */
export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';

export const grantTypes = [
  'authorization_code',
  'implicit',
  'refresh_token',
  'client_credentials',
  deviceCodeGrant,
] as const;
export type GrantType = (typeof grantTypes)[number];

/** Each written as here: the order of their words means nothing. */
export const responseTypes = [
  'code',
  'token',
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
] as const;
export type ResponseType = (typeof responseTypes)[number];

/** What no policy has to allow. */
export const freeGrantTypes = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export const freeResponseTypes = ['code'] as const;

/** The grant types that a response type needs beside it (RFC 7591 §2.1, OpenID Connect Registration §2). */
export function grantTypesOf(responseType: ResponseType): readonly GrantType[] {
  if (responseType === 'code') return ['authorization_code'];
  return responseType.startsWith('code') ? ['authorization_code', 'implicit'] : ['implicit'];
}

/** Grant types in which a user signs in. */
export const userGrantTypes = ['authorization_code', 'implicit', deviceCodeGrant] as const;
export const authenticationMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'kubernetes_service_account',
  'none',
] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];
export const assertionAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
export const consentModes = ['Always', 'Remember', 'Implicit'] as const;
/** What a client policy may hold Clients to. */
export const policyProfiles = ['Baseline', 'OAuth21'] as const;
export const signingAlgorithms = ['ES256', 'RS256'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];
