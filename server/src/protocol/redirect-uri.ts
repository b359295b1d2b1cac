/**
 * PURE. Redirect URIs: which may be registered, which requested one is a registered one, and how a response is put
 * together. The only place that makes a {@link VerifiedRedirect}.
 */
import { type ResponseFacts, VerifiedRedirect } from './errors.ts';

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
  facts: ResponseFacts,
): VerifiedRedirect | null {
  if (requested === undefined || requested.length > maxUriLength) return null;
  const matches = client.redirect_uris.some(
    (registered) => registered === requested || differInPort(registered, requested),
  );
  return matches ? VerifiedRedirect.of(requested, facts) : null;
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
  // With its `?`, of which one is taken away: the next one belongs to the first name.
  for (const [name] of new URLSearchParams(uri.slice(start))) {
    if (responseParameters.has(name)) return `must not hold the response parameter ${name} in its query`;
  }
  return null;
}

/** An authorization response, ready to be sent: a URI to go to, or a form that is posted there. */
export type AuthorizationResponse =
  | { readonly by: 'uri'; readonly uri: string }
  | { readonly by: 'form'; readonly action: string; readonly fields: readonly (readonly [string, string])[] };

/**
 * Puts a response together: the members, `state` as it came (when there was one) and `iss` (RFC 9207), each once, in the
 * query, in the fragment or in a form (OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post
 * Response Mode §2). What stands in `members` under `undefined` is left out.
 */
export function authorizationResponse(
  to: VerifiedRedirect,
  members: Readonly<Record<string, string | undefined>>,
): AuthorizationResponse {
  const all = Object.entries({ ...members, state: to.state, iss: to.issuer });
  const fields = all.filter((field): field is [string, string] => field[1] !== undefined);
  const encoded = new URLSearchParams(fields).toString();
  switch (to.mode) {
    case 'form_post':
      return { by: 'form', action: to.uri, fields };
    case 'fragment':
      return { by: 'uri', uri: `${to.uri}#${encoded}` };
    case 'query': {
      // Without a fragment of its own, a browser would carry that of an earlier URL along.
      const fragment = isPrivateUseUri(to.uri) ? '' : '#_';
      return { by: 'uri', uri: `${to.uri}${separator(to.uri)}${encoded}${fragment}` };
    }
  }
}

/** As {@link authorizationResponse}, for an error (RFC 6749 §4.1.2.1, §4.2.2.1). */
export function errorResponse(to: VerifiedRedirect, error: string, description: string): AuthorizationResponse {
  return authorizationResponse(to, { error, error_description: description });
}

function separator(uri: string): string {
  if (!uri.includes('?')) return '?';
  return uri.endsWith('?') || uri.endsWith('&') ? '' : '&';
}
