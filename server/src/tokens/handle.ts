import { createHmac, type KeyObject, randomFillSync, randomUUID } from 'node:crypto';

const handleBytes = 32;
const pool = Buffer.allocUnsafeSlow(64 * handleBytes);
let used = pool.length;

/** Handles to come must not lie in memory where nobody needs one for long. */
const unneeded = setTimeout(() => {
  pool.fill(0);
  used = pool.length;
}, 10_000).unref();

/**
 * A new handle (code, refresh token, session cookie): 256 random bits in base64url, 43 characters. Random bytes come in
 * larger pieces, since a call for each handle costs more than all the rest of it; those that were taken are wiped.
 */
export function newHandle(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
    unneeded.refresh();
  }
  const end = used + handleBytes;
  const handle = pool.toString('base64url', used, end);
  pool.fill(0, used, end);
  used = end;
  return handle;
}

/**
 * A handle that whoever asks again for the same is given again, on every replica; without the key it is as random as a new one.
 *
 * @param key 256 bits that all replicas hold, for this purpose alone
 * @param from at least one part that nobody can guess
 */
export function handleFrom(key: KeyObject, from: readonly string[]): string {
  return createHmac('sha256', key).update(JSON.stringify(from)).digest('base64url');
}

/** Whether a text can be one of ours: anything else is nowhere, and nobody is asked for it. */
export function isHandle(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** Id of a grant or a session. It names, it opens nothing. */
export function newId(): string {
  return randomUUID();
}
