/** PURE. Where the endpoints are, below the issuer. */
export const endpointPaths = {
  authorization: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  jwks: '/jwks',
  deviceAuthorization: '/device_authorization',
  /** Where people go with a user code. */
  deviceVerification: '/device',
  introspection: '/introspect',
  revocation: '/revoke',
  endSession: '/logout',
  openidConfiguration: '/.well-known/openid-configuration',
  authorizationServer: '/.well-known/oauth-authorization-server',
} as const;
export type Endpoint = keyof typeof endpointPaths;

/** Absolute URL of an endpoint; an issuer never ends in a slash. */
export function endpointUrl(issuer: string, endpoint: Endpoint): string {
  return `${issuer}${endpointPaths[endpoint]}`;
}

/** What the listener serves that asks clients for a certificate (RFC 8705 §5). */
export const mutualTlsEndpoints = [
  'token',
  'userinfo',
  'introspection',
  'revocation',
  'deviceAuthorization',
] as const satisfies readonly Endpoint[];
export type MutualTlsEndpoint = (typeof mutualTlsEndpoints)[number];

export function isMutualTlsEndpoint(endpoint: Endpoint): endpoint is MutualTlsEndpoint {
  return mutualTlsEndpoints.some((one) => one === endpoint);
}

/** @param url scheme, host and port of that listener; the issuer's path is the same there. */
export function mutualTlsUrl(url: string, issuer: string, endpoint: MutualTlsEndpoint): string {
  return `${url}${pathOfIssuer(issuer)}${endpointPaths[endpoint]}`;
}

/** Path of an issuer without a slash at its end: empty for `https://example.com`. */
export function pathOfIssuer(issuer: string): string {
  const { pathname } = new URL(issuer);
  return pathname === '/' ? '' : pathname;
}

/** No route begins like this: what lies outside the issuer's path is not found. */
const outside = '/-/outside-the-issuer';

/**
 * The request target without the issuer's path, which alone is public. RFC 8414 §3.1 puts its well-known name before the
 * issuer's path instead of behind it. Compared as bytes: another spelling of the path is another path.
 */
export function targetWithinIssuer(target: string, issuerPath: string): string {
  if (issuerPath === '') return target;
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  const query = end < 0 ? '' : target.slice(end);
  if (path === `${endpointPaths.authorizationServer}${issuerPath}`)
    return `${endpointPaths.authorizationServer}${query}`;
  return path.startsWith(`${issuerPath}/`) ? `${path.slice(issuerPath.length)}${query}` : outside;
}
