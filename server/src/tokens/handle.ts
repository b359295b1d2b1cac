import { randomBytes, randomUUID } from 'node:crypto';

/** A new handle (code, refresh token, session cookie): 256 random bits in base64url, 43 characters. */
export function newHandle(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether a text can be one of ours: anything else is nowhere, and nobody is asked for it. */
export function isHandle(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** Id of a grant or a session. It names, it opens nothing. */
export function newId(): string {
  return randomUUID();
}
