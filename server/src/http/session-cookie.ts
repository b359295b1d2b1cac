/** Our cookies: the browser's (before anybody is known), the session's, and the language that a person picked. */

export type CookieName = 'session' | 'browser';

export interface CookieScheme {
  readonly names: Readonly<Record<CookieName | 'language', string>>;
  /** Everything after `name=value`, without `Max-Age`. */
  readonly attributes: string;
}

/**
 * `__Host-` at the root of an https issuer; an issuer with a path cannot have it and takes `__Secure-` with that path; http
 * (loopback alone) has neither prefix nor `Secure`.
 */
export function cookieScheme(issuer: string): CookieScheme {
  const { protocol, pathname } = new URL(issuer);
  const secure = protocol === 'https:';
  const prefix = secure ? (pathname === '/' ? '__Host-' : '__Secure-') : '';
  return {
    names: {
      session: `${prefix}nauthera_session`,
      browser: `${prefix}nauthera_browser`,
      language: `${prefix}nauthera_language`,
    },
    attributes: `; Path=${pathname}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
  };
}

const handle = /^[A-Za-z0-9_-]{43}$/;
const languageTag = /^[A-Za-z0-9-]{2,35}$/;

/** The value of our cookie (43 characters of base64url); `undefined` when it is absent or anything else. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  return readValue(header, name, handle);
}

/** The tag that a person picked; whoever reads it decides whether there is such a language. */
export function pickedLanguage(header: string | undefined, { names }: CookieScheme): string | undefined {
  return readValue(header, names.language, languageTag);
}

/** Kept for a year: it is a wish, and says nothing about who has it. */
export function setLanguage({ names, attributes }: CookieScheme, tag: string): string {
  return `${names.language}=${tag}${attributes}; Max-Age=31536000`;
}

function readValue(header: string | undefined, name: string, value: RegExp): string | undefined {
  if (header === undefined || header.length > 16_384) return undefined;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) {
      const found = pair.slice(equals + 1).trim();
      return value.test(found) ? found : undefined;
    }
  }
  return undefined;
}

/** A `Set-Cookie` header. Without `Max-Age` it ends with the browser; the server's row decides anyway. */
export function setCookie(scheme: CookieScheme, name: CookieName, handle: string): string {
  return `${scheme.names[name]}=${handle}${scheme.attributes}`;
}

export function clearCookie(scheme: CookieScheme, name: CookieName): string {
  return `${scheme.names[name]}=${scheme.attributes}; Max-Age=0`;
}
