/** Keys that nobody signs with: an unknown client costs what a known one costs. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { AssertionAlgorithm } from '../protocol/terms.ts';
import type { PublicJwk } from '../registry/registration.ts';

const decoys = new Map<AssertionAlgorithm, PublicJwk>();

export function decoyOf(algorithm: AssertionAlgorithm): PublicJwk {
  let decoy = decoys.get(algorithm);
  if (decoy === undefined) {
    decoy = { ...makeDecoy(algorithm), kid: 'decoy', alg: algorithm };
    decoys.set(algorithm, decoy);
  }
  return decoy;
}

function makeDecoy(algorithm: AssertionAlgorithm): Pick<PublicJwk, 'kty' | 'n' | 'e' | 'crv' | 'x' | 'y'> {
  switch (algorithm) {
    case 'RS256':
    case 'PS256': {
      const n = randomBytes(256);
      n[0] = (n[0] ?? 0) | 0x80;
      n[255] = (n[255] ?? 0) | 1;
      return { kty: 'RSA', n: n.toString('base64url'), e: 'AQAB' };
    }
    case 'ES256':
      return curveDecoy('P-256');
    case 'ES384':
      return curveDecoy('P-384');
    case 'ES512':
      return curveDecoy('P-521');
    case 'EdDSA': {
      const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
      return { kty: 'OKP', crv: 'Ed25519', x };
    }
  }
}

function curveDecoy(crv: 'P-256' | 'P-384' | 'P-521'): Pick<PublicJwk, 'kty' | 'crv' | 'x' | 'y'> {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: crv }).publicKey.export({ format: 'jwk' });
  return { kty: 'EC', crv, x, y };
}
