/** RFC 8628 §3.4 */
export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';
/** Seconds between two polls of a device (RFC 8628 §3.2). */
export const devicePollInterval = 5;

/**
 * Grant types that a client may list (RFC 7591 §2): the verbs of the token endpoint (RFC 6749 §4, §6; RFC 8628 §3.4), and
 * `implicit`, whose tokens come from the authorization endpoint alone.
 */
export const grantTypes = [
  'authorization_code',
  'implicit',
  'refresh_token',
  'client_credentials',
  deviceCodeGrant,
] as const;
export type GrantType = (typeof grantTypes)[number];

/**
 * Response types of the authorization endpoint (RFC 6749 §3.1.1, OAuth 2.0 Multiple Response Type Encoding Practices §3,
 * §5), each as this server writes it: the order of their words means nothing.
 */
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

/** OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post Response Mode §2. */
export const responseModes = ['query', 'fragment', 'form_post'] as const;
export type ResponseMode = (typeof responseModes)[number];

/**
 * How a client proves who it is at the token endpoint (RFC 7591 §2, OpenID Connect Core §9, RFC 8705 §2). Our one extension is
 * `kubernetes_service_account`: the token of a Kubernetes ServiceAccount stands in for an assertion of the client's own.
 */
export const clientAuthenticationMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'kubernetes_service_account',
  'none',
] as const;
export type ClientAuthenticationMethod = (typeof clientAuthenticationMethods)[number];

/** Those that are proved by the certificate of the connection, beside `client_id` in the form. */
export const certificateMethods = ['tls_client_auth', 'self_signed_tls_client_auth'] as const;
export type CertificateMethod = (typeof certificateMethods)[number];

/** Values of `prompt` (OpenID Connect Core §3.1.2.1). */
export const prompts = ['none', 'login', 'consent', 'select_account'] as const;
export type Prompt = (typeof prompts)[number];

/** Values of `display` (OpenID Connect Core §3.1.2.1): one page serves them all. */
export const displays = ['page', 'popup', 'touch', 'wap'] as const;

/**
 * How users are authenticated: with a password that a directory checked, sent over TLS (SAML 2.0 Authentication Context
 * §3.4.8; RFC 8176 §2). Nothing stronger is claimed, because nothing stronger is done.
 */
export const passwordContext = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
export const authenticationContexts: readonly string[] = [passwordContext];
export const passwordMethods: readonly string[] = ['pwd'];

/** Algorithms of the public keys that verify client assertions (RFC 7518 §3.1, RFC 8037 §3.1); none is symmetric. */
export const assertionAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
export type AssertionAlgorithm = (typeof assertionAlgorithms)[number];

export const signingAlgorithms = ['ES256', 'RS256'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** Scopes that exist without a Scope resource and cannot be redefined. */
export const builtInScopes = ['openid', 'profile', 'email', 'phone', 'address', 'offline_access', 'groups'] as const;
export type BuiltInScope = (typeof builtInScopes)[number];

/**
 * Whether an account may be used now. `expired`: the account itself. `password_expired`: without grace; with it the account is
 * active and a warning says so. `outside_hours`: it will be active again without anybody doing anything.
 */
export const accountStates = [
  'active',
  'locked',
  'disabled',
  'expired',
  'must_change_password',
  'password_expired',
  'outside_hours',
] as const;
export type AccountState = (typeof accountStates)[number];
