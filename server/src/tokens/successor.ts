/**
 * The successor of a refresh token, kept for ten seconds so that an answer that got lost can be given again. It is sealed
 * under a key that only the spent token gives: the database holds the token's digest, from which the key does not follow,
 * so neither a dump nor the key-encryption key opens it.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const nonceLength = 12;
const tagLength = 16;

function keyOf(token: string): Buffer {
  return Buffer.from(hkdfSync('sha256', token, '', 'nauthera refresh token successor', 32));
}

export function sealSuccessor(presented: string, successor: string): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', keyOf(presented), nonce);
  return Buffer.concat([nonce, cipher.update(successor, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** `null`: sealed for another token, or altered. */
export function openSuccessor(presented: string, sealed: Uint8Array): string | null {
  if (sealed.length < nonceLength + tagLength) return null;
  const nonce = sealed.subarray(0, nonceLength);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(presented), nonce, { authTagLength: tagLength });
  decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
  try {
    const plain = decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength));
    return Buffer.concat([plain, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
