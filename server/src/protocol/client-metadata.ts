/** PURE. The rules of client metadata that endpoints rely on, beyond the shape (RFC 7591 §2). */
import type { ClientRegistration } from '../registry/registration.ts';
import { subjectMembers, subjectProblem } from './certificate-subject.ts';
import { publicKeysProblem } from './public-keys.ts';
import { isPrivateUseUri, registrationProblem } from './redirect-uri.ts';
import { isScopeToken } from './scope.ts';
import { deviceCodeGrant } from './terms.ts';

/** Claims that carry the protocol itself; no registration may map or ask for them. */
export const reservedClaims: readonly string[] =
  'iss sub aud exp nbf iat jti azp client_id scope cnf act may_act auth_time nonce sid acr amr at_hash c_hash s_hash events'.split(
    ' ',
  );

type Check = (client: ClientRegistration) => string | null;

const isPublic = (client: ClientRegistration): boolean => client.token_endpoint_auth_method === 'none';

// A subject begins with u_, so a client's own subject can never equal a user's.
const clientIdIsNoSubject: Check = (client) =>
  client.client_id.startsWith('u_')
    ? 'client_id must not begin with u_: that is how the subjects of users begin'
    : null;

const clientIdIsPrintable: Check = (client) =>
  /^[\x21-\x7e]{1,256}$/.test(client.client_id)
    ? null
    : 'client_id must be 1 to 256 printable ASCII characters without spaces';

const nameIsPlain: Check = (client) =>
  isPlainText(client.client_name) ? null : 'client_name must not hold control or direction-changing characters';

const redirectUrisAreSafe: Check = (client) => {
  for (const [index, uri] of client.redirect_uris.entries()) {
    const problem = registrationProblem(uri, { public: isPublic(client) });
    if (problem !== null) return `redirect_uris[${index}] ${problem}`;
  }
  return null;
};

const logoutUrisAreSafe: Check = (client) => {
  for (const [index, uri] of (client.post_logout_redirect_uris ?? []).entries()) {
    const problem = registrationProblem(uri, { public: isPublic(client) });
    if (problem !== null) return `post_logout_redirect_uris[${index}] ${problem}`;
  }
  const { backchannel_logout_uri: back, frontchannel_logout_uri: front } = client;
  const backProblem = back === undefined ? null : calledUriProblem(back);
  if (backProblem !== null) return `backchannel_logout_uri ${backProblem}`;
  const frontProblem = front === undefined ? null : framedUriProblem(front, client.redirect_uris);
  return frontProblem === null ? null : `frontchannel_logout_uri ${frontProblem}`;
};

/** OpenID Connect Front-Channel Logout §2: where the client is anyway; `iss` and `sid` are ours to add. */
function framedUriProblem(uri: string, redirectUris: readonly string[]): string | null {
  // It is a browser that goes there, as to a redirect URI: on its own machine without TLS.
  const problem = linkProblem(uri) ?? (uri.includes('#') ? 'must not have a fragment' : null);
  if (problem !== null) return problem;
  const { origin, searchParams } = new URL(uri);
  if (searchParams.has('iss') || searchParams.has('sid')) return 'must not hold iss or sid in its query';
  const origins = redirectUris.filter((one) => URL.canParse(one)).map((one) => new URL(one).origin);
  return origins.includes(origin) ? null : 'must have the scheme, host and port of a redirect_uri';
}

// RFC 7591 §2.1: a code goes with authorization_code, whatever comes straight from the authorization endpoint with implicit.
const responseTypesFitTheGrants: Check = (client) => {
  const { grant_types: grants, response_types: types } = client;
  if (grants.includes('authorization_code') !== types.some((type) => type.startsWith('code'))) {
    return 'response_types must hold one with code exactly when grant_types holds authorization_code';
  }
  if (grants.includes('implicit') !== types.some((type) => type !== 'code')) {
    return 'response_types must hold one with token or id_token exactly when grant_types holds implicit';
  }
  return types.length > 0 && client.redirect_uris.length === 0
    ? 'authorization_code and implicit need at least one redirect_uri'
    : null;
};

const refreshHasASource: Check = ({ grant_types: grants }) =>
  grants.includes('refresh_token') && !grants.includes('authorization_code') && !grants.includes(deviceCodeGrant)
    ? `refresh_token needs authorization_code or ${deviceCodeGrant} beside it`
    : null;

const publicClientsAreModest: Check = (client) => {
  if (!isPublic(client)) return null;
  if (!client.require_pkce) return 'a public client (method none) must use PKCE';
  if (client.grant_types.includes('client_credentials')) return 'client_credentials needs client authentication';
  return client.client_secret_digests.length > 0 ? 'a public client (method none) has no secret' : null;
};

// What one method needs is not kept beside another: a forgotten secret or key would be a second way in.
const credentialsFitTheMethod: Check = (client) => {
  const { token_endpoint_auth_method: method, jwks, jwks_uri: uri, service_accounts: accounts } = client;
  const bySecret = method === 'client_secret_basic' || method === 'client_secret_post';
  if (!bySecret && client.client_secret_digests.length > 0) return `a client with the method ${method} has no secret`;
  const sources = [jwks, uri].filter((one) => one !== undefined).length;
  const byKey = method === 'private_key_jwt' || method === 'self_signed_tls_client_auth';
  if (sources !== (byKey ? 1 : 0)) {
    return 'exactly one of jwks and jwks_uri goes with the methods private_key_jwt and self_signed_tls_client_auth, and neither with another';
  }
  const located = uri === undefined ? null : calledUriProblem(uri);
  if (located !== null) return `jwks_uri ${located}`;
  if ((method === 'kubernetes_service_account') !== (accounts !== undefined)) {
    return 'service_accounts goes with the method kubernetes_service_account';
  }
  const problem = jwks === undefined ? null : publicKeysProblem(jwks.keys);
  return problem === null ? null : `jwks: ${problem}`;
};

// RFC 8705 §2.1.2: exactly one, or a certificate for one purpose would do for another.
const certificateIsNamed: Check = (client) => {
  const names = subjectMembers.filter((member) => client[member] !== undefined);
  if (names.length !== (client.token_endpoint_auth_method === 'tls_client_auth' ? 1 : 0)) {
    return 'exactly one tls_client_auth_ member goes with the method tls_client_auth, and none with another';
  }
  return subjectProblem(client);
};

// The authorization endpoint sees a browser, and no certificate of the client (RFC 8705 §7.4).
const boundTokensComeFromTheTokenEndpoint: Check = (client) =>
  client.tls_client_certificate_bound_access_tokens === true &&
  client.response_types.some((type) => type.split(' ').includes('token'))
    ? 'tls_client_certificate_bound_access_tokens cannot hold for tokens of the authorization endpoint'
    : null;

const scopesAreTokens: Check = (client) => {
  const malformed = [...client.scopes, ...client.default_scopes].findIndex((scope) => !isScopeToken(scope));
  if (malformed >= 0) return 'scopes must be tokens of RFC 6749 §3.3';
  return client.default_scopes.every((scope) => client.scopes.includes(scope))
    ? null
    : 'default_scopes must be among scopes';
};

const claimsAreNotReserved: Check = (client) => {
  const reserved = client.id_token_claims.find((claim) => reservedClaims.includes(claim));
  return reserved === undefined ? null : `id_token_claims must not hold the reserved claim ${reserved}`;
};

const linksAreWebPages: Check = (client) => {
  for (const name of ['client_uri', 'policy_uri', 'tos_uri'] as const) {
    const problem = client[name] === undefined ? null : linkProblem(client[name]);
    if (problem !== null) return `${name} ${problem}`;
  }
  return null;
};

const originsAreOrigins: Check = (client) => {
  const odd = (client.allowed_origins ?? []).findIndex((origin) => !isWebOrigin(origin));
  return odd < 0
    ? null
    : `allowed_origins[${odd}] must be an origin such as https://app.example.com (http is for loopback only)`;
};

/** As browsers write it in the `Origin` header: compared as text. `null` is none, since everybody can have it. */
function isWebOrigin(text: string): boolean {
  if (!URL.canParse(text) || text.includes('*')) return false;
  const { origin, protocol, hostname } = new URL(text);
  return origin === text && (protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname)));
}

// Implicit consent for a client that cannot prove who it is would hand its users to any app that claims the scheme.
const privateSchemesAsk: Check = (client) =>
  client.consent.mode === 'implicit' && client.redirect_uris.some(isPrivateUseUri)
    ? 'consent must be asked for when a redirect_uri uses a private-use scheme'
    : null;

/**
 * OpenID Connect Core §8.1: with one host among the redirect URIs, that host is the sector; with several, the registration
 * says which. We fetch no `sector_identifier_uri` in which a host could vouch for the client, so a sector is always one of
 * the client's own hosts: nobody joins another's sector and sees its subjects. Without an `https` host there is none.
 */
const sectorIsItsOwn: Check = (client) => {
  const { sector_identifier: sector } = client;
  if ((client.subject_type === 'pairwise') !== (sector !== undefined)) {
    return 'sector_identifier goes with the subject_type pairwise';
  }
  if (sector === undefined) return null;
  if (!isHostName(sector)) return 'sector_identifier must be a host name in lower case';
  const hosts = client.redirect_uris.map(webHostOf).filter((host) => host !== null);
  return hosts.includes(sector) ? null : 'sector_identifier must be the host of an https redirect_uri';
};

function isHostName(text: string): boolean {
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(text)) return false;
  return URL.canParse(`https://${text}`) && new URL(`https://${text}`).hostname === text;
}

/** `null`: any application on any device could answer there. */
function webHostOf(uri: string): string | null {
  if (!URL.canParse(uri)) return null;
  const { protocol, hostname } = new URL(uri);
  return protocol === 'https:' && !isLoopbackHost(hostname) ? hostname : null;
}

const lifetimesAreShort: Check = (client) =>
  (client.access_token_lifetime ?? 0) > maxAccessTokenLifetime ? 'access_token_lifetime must be at most 3600' : null;

const checks: readonly Check[] = [
  clientIdIsPrintable,
  clientIdIsNoSubject,
  nameIsPlain,
  publicClientsAreModest,
  credentialsFitTheMethod,
  certificateIsNamed,
  boundTokensComeFromTheTokenEndpoint,
  redirectUrisAreSafe,
  logoutUrisAreSafe,
  responseTypesFitTheGrants,
  refreshHasASource,
  scopesAreTokens,
  claimsAreNotReserved,
  linksAreWebPages,
  originsAreOrigins,
  privateSchemesAsk,
  sectorIsItsOwn,
  lifetimesAreShort,
];

/** One sentence that says what is wrong, without any secret; `null`: the client may be served. */
export function checkClientMetadata(client: ClientRegistration): string | null {
  for (const check of checks) {
    const problem = check(client);
    if (problem !== null) return problem;
  }
  return null;
}

/** Display text: no control characters, nothing that turns the direction of what follows. */
export function isPlainText(text: string): boolean {
  return !/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text);
}

function linkProblem(uri: string): string | null {
  if (!/^[\x21-\x7e]{1,2048}$/.test(uri) || !URL.canParse(uri)) return 'must be an absolute URI in ASCII';
  const { protocol, hostname, username, password } = new URL(uri);
  if (username !== '' || password !== '') return 'must not hold a user name';
  if (protocol === 'https:') return null;
  return protocol === 'http:' && isLoopbackHost(hostname) ? null : 'must use https (http is for loopback only)';
}

/** A URL that this server calls. Which addresses it may lead to is decided at every call. */
export function calledUriProblem(uri: string): string | null {
  if (!/^[\x21-\x7e]{1,2048}$/.test(uri) || !URL.canParse(uri)) return 'must be an absolute URL in ASCII';
  const { protocol, username, password } = new URL(uri);
  if (protocol !== 'https:') return 'must use https';
  if (username !== '' || password !== '') return 'must not hold a user name';
  return uri.includes('#') ? 'must not have a fragment' : null;
}

export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

export const maxAccessTokenLifetime = 3600;
