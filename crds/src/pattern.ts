/** PURE. The patterns of client policies, read as their fields are documented. */

/** An exact value, or a prefix that ends with `*`. */
export function matchesName(pattern: string, value: string): boolean {
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}

/**
 * Whether a redirect URI that passed the rules of a Client names a host that `pattern` allows: a host, `*.` and a domain
 * for every host below it, `*` for any, or a private scheme with its colon. Ports are left aside.
 */
export function matchesRedirectHost(pattern: string, redirectUri: string): boolean {
  if (pattern === '*') return true;
  const host = redirectHost(redirectUri);
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

/** The host of a redirect URI in lower case, or its private scheme with the colon: what a policy compares. */
export function redirectHost(redirectUri: string): string {
  const web = /^https?:\/\/(\[[^\]]*\]|[^:/?]*)/i.exec(redirectUri);
  return (web === null ? redirectUri.slice(0, redirectUri.indexOf(':') + 1) : (web[1] ?? '')).toLowerCase();
}
