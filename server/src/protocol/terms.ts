/** Grant types of the token endpoint that this version knows (RFC 6749 §4, §6). */
export const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export type GrantType = (typeof grantTypes)[number];

/** Response types of the authorization endpoint that this version knows (RFC 6749 §3.1.1). */
export const responseTypes = ['code'] as const;
export type ResponseType = (typeof responseTypes)[number];

/**
 * How a client proves who it is at the token endpoint (RFC 7591 §2, OpenID Connect Core §9). Our one extension is
 * `kubernetes_service_account`: the token of a Kubernetes ServiceAccount stands in for an assertion of the client's own.
 */
export const clientAuthenticationMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'kubernetes_service_account',
  'none',
] as const;
export type ClientAuthenticationMethod = (typeof clientAuthenticationMethods)[number];

/** Values of `prompt` that this version honours (OpenID Connect Core §3.1.2.1). */
export const prompts = ['none', 'login', 'consent'] as const;
export type Prompt = (typeof prompts)[number];

/** Algorithms of the public keys that verify client assertions (RFC 7518 §3.1, RFC 8037 §3.1); none is symmetric. */
export const assertionAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
export type AssertionAlgorithm = (typeof assertionAlgorithms)[number];

export const signingAlgorithms = ['ES256', 'RS256'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** Scopes that exist without a Scope resource and cannot be redefined. */
export const builtInScopes = ['openid', 'profile', 'email', 'phone', 'address', 'offline_access', 'groups'] as const;
export type BuiltInScope = (typeof builtInScopes)[number];
