import { hash } from 'node:crypto';

/** What the database keeps of a handle (code, refresh token, cookie): a dump of it opens nothing. */
export function digest(handle: string): Buffer {
  return hash('sha256', handle, 'buffer');
}

/** The same as JSON can carry it, for `decode(…, 'hex')`. */
export function hexDigest(handle: string): string {
  return hash('sha256', handle, 'hex');
}

/** Ids that come from a URL are compared with a uuid column, which answers anything else with an error. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
