/** PURE. Which public keys may verify an assertion (RFC 7517, RFC 7518 §6, RFC 8037 §2), and with which one algorithm. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { PublicJwk } from '../registry/registration.ts';
import type { AssertionAlgorithm } from './terms.ts';

const leastRsaBits = 2048;
const mostRsaBits = 8192;

const curveAlgorithms = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' } as const;

/** A key has one algorithm, whatever the header of a token says: nobody can have it verified in another way. */
export function algorithmOf({ alg, crv }: PublicJwk): AssertionAlgorithm {
  return alg ?? (crv === undefined ? 'RS256' : curveAlgorithms[crv]);
}

/** One sentence without any value; `null`: they may be used. */
export function publicKeysProblem(keys: readonly PublicJwk[]): string | null {
  const kids = new Set<string>();
  for (const [index, jwk] of keys.entries()) {
    if (kids.has(jwk.kid)) return `keys[${index}] has a kid that another key has too`;
    kids.add(jwk.kid);
    const problem = publicKeyProblem(jwk);
    if (problem !== null) return `keys[${index}] ${problem}`;
  }
  return null;
}

export function publicKeyProblem(jwk: PublicJwk): string | null {
  const key = readKey(jwk);
  if (key === null) return 'is no public key';
  if (!isOfItsCertificate(jwk, key)) return 'has an x5c that is not over its key';
  return jwk.kty === 'RSA' ? rsaProblem(jwk, key) : curveProblem(jwk);
}

/** The key as both certificates and JSON Web Keys hold it, to be compared. @throws Error when it is none */
export function keyOctets(jwk: PublicJwk): Buffer {
  const key = readKey(jwk);
  if (key === null) throw new Error('no public key');
  return octetsOf(key);
}

export function octetsOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** RFC 7517 §4.7: the first certificate is that of the key. */
function isOfItsCertificate({ x5c }: PublicJwk, key: KeyObject): boolean {
  const [first] = x5c ?? [];
  if (first === undefined) return true;
  try {
    return octetsOf(new X509Certificate(Buffer.from(first, 'base64')).publicKey).equals(octetsOf(key));
  } catch {
    return false;
  }
}

function readKey({ kty, n, e, crv, x, y }: PublicJwk): KeyObject | null {
  const members = Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value !== undefined);
  try {
    return createPublicKey({ key: Object.fromEntries(members), format: 'jwk' });
  } catch {
    return null;
  }
}

function rsaProblem({ alg, crv, x, y }: PublicJwk, key: KeyObject): string | null {
  if (crv !== undefined || x !== undefined || y !== undefined) return 'has members of another kind of key';
  if (alg !== undefined && alg !== 'RS256' && alg !== 'PS256') return 'has an alg that does not fit an RSA key';
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < leastRsaBits) return `has fewer than ${leastRsaBits} bits`;
  if (modulusLength > mostRsaBits) return `has more than ${mostRsaBits} bits`;
  return publicExponent > 2n && publicExponent % 2n === 1n ? null : 'has an unsafe exponent';
}

function curveProblem({ kty, alg, crv, n, e, y }: PublicJwk): string | null {
  if (crv === undefined || n !== undefined || e !== undefined) return 'has members of another kind of key';
  if ((kty === 'OKP') !== (crv === 'Ed25519')) return 'has a crv that does not fit its kty';
  if (kty === 'OKP' && y !== undefined) return 'has members of another kind of key';
  return alg === undefined || alg === curveAlgorithms[crv] ? null : 'has an alg that does not fit its crv';
}
