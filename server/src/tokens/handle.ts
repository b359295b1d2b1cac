import { randomFillSync, randomUUID } from 'node:crypto';

const handleBytes = 32;
const pool = Buffer.allocUnsafeSlow(64 * handleBytes);
let used = pool.length;

/**
 * A new handle (code, refresh token, session cookie): 256 random bits in base64url, 43 characters. Random bytes come in
 * larger pieces, since a call for each handle costs more than all the rest of it; those that were taken are wiped.
 */
export function newHandle(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const end = used + handleBytes;
  const handle = pool.toString('base64url', used, end);
  pool.fill(0, used, end);
  used = end;
  return handle;
}

/** Whether a text can be one of ours: anything else is nowhere, and nobody is asked for it. */
export function isHandle(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** Id of a grant or a session. It names, it opens nothing. */
export function newId(): string {
  return randomUUID();
}
