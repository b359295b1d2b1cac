/** Where a page may send a browser. Schemes are an allow-list here once more: no page carries `javascript:` or `data:`. */

const loopbackHosts = new Set(['127.0.0.1', '[::1]', 'localhost']);
const privateUseScheme = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/;

/** `https`, `http` on loopback, or a private-use scheme (RFC 8252 §7.1: it holds a dot). */
export function leadsToApplication(uri: string): boolean {
  if (!URL.canParse(uri)) return false;
  const { protocol, hostname } = new URL(uri);
  if (protocol === 'https:' || privateUseScheme.test(protocol)) return true;
  return protocol === 'http:' && loopbackHosts.has(hostname);
}

/**
 * A redirect URI that was matched with a registered one, ready for a page.
 * @throws RangeError unless {@link leadsToApplication}
 */
export function redirectHref(uri: string): string {
  if (!leadsToApplication(uri)) throw new RangeError('a page does not lead there');
  return uri;
}

/** Browsers drop tabs and line breaks before they read a URL, and read a backslash as a slash. */
export function isOwnPath(path: string): boolean {
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(path);
}

/**
 * A path of our own, for a form or a link.
 * @throws RangeError for what a browser would read as another origin: `//host`, `/\host`, a scheme.
 */
export function ownHref(path: string): string {
  if (!isOwnPath(path)) throw new RangeError('not a path of ours');
  return path;
}

/** The way on after an answer: to the application, or first to a page of ours. */
export const wayOnHref = (uri: string): string => (uri.startsWith('/') ? ownHref(uri) : redirectHref(uri));

/** Policy and terms: `https` or no link at all. */
export function httpsHref(uri: string | undefined): string | undefined {
  return uri !== undefined && URL.canParse(uri) && new URL(uri).protocol === 'https:' ? uri : undefined;
}

/** What a page loads in a frame: `https`, or `http` on loopback, as registrations may have it; anything else not at all. */
export function frameHref(uri: string): string | undefined {
  return leadsToApplication(uri) && /^https?:/i.test(uri) ? uri : undefined;
}

/** `{host}` of a redirect URI as pages show it: the host (and port), in ASCII; the scheme where there is no host. */
export function placeOf(redirectUri: string): string {
  const { protocol, host } = new URL(redirectUri);
  return protocol === 'https:' || protocol === 'http:' ? host : protocol.slice(0, -1);
}
