/**
 * Sealing with the key-encryption key: AES-256-GCM, bound to a place by additional data. Layout of a sealed value:
 * version (1 byte) ‖ key id (4) ‖ nonce (24) ‖ ciphertext ‖ tag (16).
 *
 * The first half of the nonce derives a key of its own for each value, so that the number of values sealed under one
 * key-encryption key has no bound that anybody reaches (96-bit nonces alone would have one after 2³² values).
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { Sealer } from './keys.ts';

const version = 1;
const keyIdLength = 4;
const nonceLength = 24;
const tagLength = 16;
const headLength = 1 + keyIdLength + nonceLength;

interface EncryptionKey {
  readonly id: Buffer;
  readonly key: KeyObject;
}

export interface KeyedSealer extends Sealer {
  /** Whether the value was sealed with a key that is here: tells a wrong key-encryption key from an altered value. */
  knowsKeyOf(sealed: Uint8Array): boolean;
  /** Whether the value is sealed with the key that seals now. */
  isNewest(sealed: Uint8Array): boolean;
  /** A 256-bit key for one purpose (form tokens …), equal on every replica that holds the same first key. */
  derive(purpose: string): KeyObject;
}

/**
 * @param keys 32 bytes each. The first one seals, every one opens: two are there while a key is being replaced.
 * @throws RangeError when there is no key or one has another length
 */
export function createSealer(keys: readonly Uint8Array[]): KeyedSealer {
  const [first, ...older] = keys.map(encryptionKey);
  if (first === undefined) throw new RangeError('a key-encryption key is needed');
  const all = [first, ...older];
  const keyOf = (sealed: Uint8Array): EncryptionKey | undefined =>
    sealed[0] === version ? all.find(({ id }) => id.equals(sealed.subarray(1, 1 + keyIdLength))) : undefined;

  const sealWith = (nonce: Uint8Array, plain: Uint8Array, place: readonly string[]): Buffer => {
    const head = Buffer.concat([Buffer.from([version]), first.id, nonce]);
    const cipher = createCipheriv('aes-256-gcm', ...keyAndNonce(first, head));
    cipher.setAAD(additionalData(head, place));
    return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };

  return {
    seal: (plain, place) => sealWith(randomBytes(nonceLength), plain, place),
    sealStable: (plain, place) => sealWith(stableNonce(first, plain, place), plain, place),
    open(sealed, place) {
      const key = keyOf(sealed);
      if (key === undefined || sealed.length < headLength + tagLength) return null;
      const head = Buffer.from(sealed.subarray(0, headLength));
      const decipher = createDecipheriv('aes-256-gcm', ...keyAndNonce(key, head), { authTagLength: tagLength });
      decipher.setAAD(additionalData(head, place));
      decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
      try {
        const plain = decipher.update(sealed.subarray(headLength, sealed.length - tagLength));
        return Buffer.concat([plain, decipher.final()]);
      } catch {
        return null;
      }
    },
    knowsKeyOf: (sealed) => keyOf(sealed) !== undefined,
    isNewest: (sealed) => keyOf(sealed) === first,
    derive: (purpose) => createSecretKey(createHmac('sha256', first.key).update(`derive\0${purpose}`).digest()),
  };
}

function encryptionKey(bytes: Uint8Array): EncryptionKey {
  if (bytes.length !== 32) throw new RangeError('a key-encryption key has 32 bytes');
  const id = hash('sha256', Buffer.concat([Buffer.from('nauthera key-encryption key\0'), bytes]), 'buffer');
  return { id: id.subarray(0, keyIdLength), key: createSecretKey(bytes) };
}

function keyAndNonce({ key }: EncryptionKey, head: Buffer): [KeyObject, Buffer] {
  const nonce = head.subarray(1 + keyIdLength);
  const derived = createHmac('sha256', key).update('seal\0').update(nonce.subarray(0, 12)).digest();
  return [createSecretKey(derived), nonce.subarray(12)];
}

/** A keyed digest of place and value: two different ones never share a nonce. The count says where the place ends. */
function stableNonce({ key }: EncryptionKey, plain: Uint8Array, place: readonly string[]): Buffer {
  const digest = createHmac('sha256', key).update(`stable nonce\0${place.length}\0`);
  return digest
    .update(additionalData(Buffer.alloc(0), place))
    .update(plain)
    .digest()
    .subarray(0, nonceLength);
}

/** The head and the place; each part with its length before it, so that no two places read the same. */
function additionalData(head: Buffer, place: readonly string[]): Buffer {
  const parts = place.flatMap((part) => {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat([head, ...parts]);
}
