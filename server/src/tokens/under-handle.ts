/**
 * Seals a text under a key that only a handle gives (a code, a refresh token). The database holds the handle's digest, from
 * which the key does not follow: neither a dump nor the key-encryption key opens what was sealed.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const nonceLength = 12;
const tagLength = 16;

/** What is sealed: each purpose has a key of its own. */
export type Purpose = 'nauthera refresh token successor' | 'nauthera authorization code nonce';

function keyOf(handle: string, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', handle, '', purpose, 32));
}

export function sealUnder(handle: string, purpose: Purpose, text: string): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', keyOf(handle, purpose), nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** `null`: sealed under another handle or for another purpose, or altered. */
export function openUnder(handle: string, purpose: Purpose, sealed: Uint8Array): string | null {
  if (sealed.length < nonceLength + tagLength) return null;
  const nonce = sealed.subarray(0, nonceLength);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(handle, purpose), nonce, { authTagLength: tagLength });
  decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
  try {
    const plain = decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength));
    return Buffer.concat([plain, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
