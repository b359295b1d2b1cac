import { randomBytes, randomUUID } from 'node:crypto';

/** A new handle (code, refresh token, session cookie): 256 random bits in base64url, 43 characters. */
export function newHandle(): string {
  return randomBytes(32).toString('base64url');
}

/** Id of a grant or a session. It names, it opens nothing. */
export function newId(): string {
  return randomUUID();
}
