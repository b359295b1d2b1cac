/** Making signing keys. */
import { createPrivateKey, createPublicKey, generateKeyPair, hash, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlgorithm } from '../protocol/terms.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { NewSigningKey, Sealer, StoredSigningKey } from './keys.ts';

const generate = promisify(generateKeyPair);

/** A new key pair: P-256 for ES256, 2048 bits for RS256. Off the main thread. */
async function generatePrivateKey(algorithm: SigningAlgorithm): Promise<KeyObject> {
  switch (algorithm) {
    case 'ES256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'RS256':
      return (await generate('rsa', { modulusLength: 2048 })).privateKey;
  }
}

export async function createSigningKey(
  plan: { readonly algorithm: SigningAlgorithm; readonly generation: number; readonly activeFrom: EpochSeconds },
  sealer: Sealer,
): Promise<Omit<NewSigningKey, 'activated'>> {
  const privateKey = await generatePrivateKey(plan.algorithm);
  const publicJwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }) };
  const kid = thumbprint(publicJwk);
  return { ...plan, kid, publicJwk, sealedPrivateKey: sealPrivateKey(privateKey, kid, sealer) };
}

/** RFC 7638: SHA-256 over the required members in alphabetic order. */
function thumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const { crv, e, kty, n, x, y } = jwk;
  const members = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n };
  return hash('sha256', JSON.stringify(members), 'base64url');
}

const placeOf = (kid: string): readonly string[] => ['signing_keys', kid];

export function sealPrivateKey(key: KeyObject, kid: string, sealer: Sealer): Buffer {
  return sealer.seal(key.export({ format: 'der', type: 'pkcs8' }), placeOf(kid));
}

/** `null`: sealed with a key-encryption key that is not here, altered, or moved from another row. */
export function openPrivateKey(stored: StoredSigningKey, sealer: Sealer): KeyObject | null {
  const der = sealer.open(stored.sealedPrivateKey, placeOf(stored.kid));
  return der === null ? null : createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}
