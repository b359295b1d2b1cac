/**
 * PURE. Redirect URIs: which may be registered, which requested one is a registered one, and how a response is put
 * together. The only place that makes a {@link VerifiedRedirect}.
 */
import { VerifiedRedirect } from './errors.ts';

export const maxUriLength = 2048;

/** `http` on a loopback address; what stands after the port is compared byte for byte. */
const loopback = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?((?:[/?].*)?)$/s;

/**
 * Compares the requested URI, as bytes and before any parsing, with the registered ones. Only the port of
 * `http://127.0.0.1` and `http://[::1]` may differ (RFC 8252 §7.3). A missing URI matches nothing, not even a sole
 * registered one.
 */
export function verifyRedirectUri(
  client: { readonly redirect_uris: readonly string[] },
  requested: string | undefined,
  state: string | undefined,
  issuer: string,
): VerifiedRedirect | null {
  if (requested === undefined || requested.length > maxUriLength) return null;
  const matches = client.redirect_uris.some(
    (registered) => registered === requested || differInPort(registered, requested),
  );
  return matches ? VerifiedRedirect.of(requested, state, issuer) : null;
}

function differInPort(registered: string, requested: string): boolean {
  const one = loopback.exec(registered);
  const other = loopback.exec(requested);
  if (one === null || other === null) return false;
  return one[1] === other[1] && one[3] === other[3] && Number(other[2] ?? 80) <= 65_535;
}

/** A private-use scheme: a reversed domain name, so it has a dot (RFC 8252 §7.1). */
const privateUse = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:\//;

export function isPrivateUseUri(uri: string): boolean {
  return privateUse.test(uri);
}

/** Parameters of responses: one in a registered query could not be told from ours. */
const responseParameters = new Set([
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
  'access_token',
  'id_token',
  'response',
  'session_state',
]);

/**
 * Why this URI cannot be registered as a redirect URI, as half a sentence; `null`: it can.
 *
 * @param client `public`: without client authentication; only such a client may use a private-use scheme.
 */
export function registrationProblem(uri: string, client: { readonly public: boolean }): string | null {
  return (
    textProblem(uri) ??
    (isPrivateUseUri(uri) ? privateUseProblem(client) : webProblem(uri)) ??
    pathProblem(uri) ??
    queryProblem(uri)
  );
}

function textProblem(uri: string): string | null {
  if (uri.length === 0 || uri.length > maxUriLength) return `must have 1 to ${maxUriLength} characters`;
  if (!/^[\x21-\x7e]*$/.test(uri)) return 'must be printable ASCII without spaces';
  if (/[\\"<>^`{|}]/.test(uri)) return 'holds a character that no URI may hold';
  if (uri.includes('#')) return 'must not have a fragment';
  if (/\*|%2a/i.test(uri)) return 'must not hold a wildcard';
  if (/%(?![0-9A-Fa-f]{2})/.test(uri)) return 'has a percent sign that is not followed by two hex digits';
  if (/%(?:[01][0-9a-f]|7f)/i.test(uri)) return 'must not hold an encoded control character';
  return null;
}

function privateUseProblem(client: { readonly public: boolean }): string | null {
  return client.public ? null : 'uses a private-use scheme, which only a public client (method none) may do';
}

const authority = /^(https?):\/\/([^/?]*)/;

function webProblem(uri: string): string | null {
  const match = authority.exec(uri);
  if (match === null)
    return 'must begin with https:// (or http:// on loopback, or a private-use scheme like com.example.app:/)';
  const [, scheme, host = ''] = match;
  if (host.includes('@')) return 'must not hold a user name';
  if (!/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::[1-9][0-9]{0,4})?$/.test(host) || !URL.canParse(uri))
    return 'has no valid host';
  const name = host.replace(/:[0-9]+$/, '');
  // A host that a browser would rewrite (127.1, 0x7f.1) is not the host that was read here.
  if (new URL(uri).hostname !== name.toLowerCase()) return 'has a host that is not in its usual form';
  if (scheme === 'http' && !['127.0.0.1', '[::1]', 'localhost'].includes(name))
    return 'must use https (http is for loopback only)';
  return null;
}

function pathProblem(uri: string): string | null {
  const path = uri.slice(uri.indexOf(':') + 1).split('?', 1)[0] ?? '';
  if (/%(?:25)*(?:2f|5c)/i.test(path)) return 'must not hold an encoded slash or backslash';
  for (const segment of path.split('/')) {
    // `..;x` is a dot segment to servers that know path parameters.
    const bare = segment.replaceAll(/%(?:25)*2e/gi, '.').split(/;|%3b/i, 1)[0];
    if (bare === '.' || bare === '..') return 'must not hold a dot segment';
  }
  return null;
}

function queryProblem(uri: string): string | null {
  const start = uri.indexOf('?');
  if (start < 0) return null;
  for (const [name] of new URLSearchParams(uri.slice(start + 1))) {
    if (responseParameters.has(name)) return `must not hold the response parameter ${name} in its query`;
  }
  return null;
}

/**
 * The URI of an authorization response in the query, with `state` (when there was one) and `iss` (RFC 9207), each once. On
 * the web it ends in an empty-looking fragment: without one, a browser would carry the fragment of an earlier URL along.
 */
export function authorizationResponseUri(to: VerifiedRedirect, members: Readonly<Record<string, string>>): string {
  const response = new URLSearchParams(members);
  if (to.state !== undefined) response.set('state', to.state);
  response.set('iss', to.issuer);
  const fragment = isPrivateUseUri(to.uri) ? '' : '#_';
  return `${to.uri}${separator(to.uri)}${response.toString()}${fragment}`;
}

function separator(uri: string): string {
  if (!uri.includes('?')) return '?';
  return uri.endsWith('?') || uri.endsWith('&') ? '' : '&';
}
