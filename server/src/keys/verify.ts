/**
 * Reading JWTs of ours. One fixed algorithm per key; nothing in the header chooses anything but the key's id. What the
 * token says is looked at only after the signature held.
 */
import { hash, type KeyObject, verify } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SigningAlgorithm } from '../protocol/terms.ts';
import type { Clock } from '../protocol/time.ts';

export interface VerificationKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: KeyObject;
}

export type Claims = Readonly<Record<string, unknown>>;

/** Longest token that is looked at: 16 KiB. */
export const maxTokenLength = 16_384;
/** How many verified tokens are remembered; the least recently asked for is forgotten first. */
const maxRemembered = 10_000;

export interface VerifierOptions {
  /** Published keys alone: a retired or revoked one verifies nothing. */
  readonly key: (kid: string) => VerificationKey | undefined;
  readonly issuer: () => string | undefined;
  readonly clock: Clock;
  /** Told of every signature that was checked. */
  readonly onVerified?: () => void;
}

/** @param expiry `any`: a token that has run out is read too, as a hint about its user and session. */
export type VerifyJwt = (jwt: string, type: string, expiry?: 'any') => Claims | null;

interface Remembered {
  readonly claims: Claims;
  readonly key: VerificationKey;
}

export function createVerifier({ key, issuer, clock, onVerified }: VerifierOptions): VerifyJwt {
  const seen = new LRUCache<string, Remembered>({ max: maxRemembered });

  return (jwt, type, expiry) => {
    if (jwt.length > maxTokenLength) return null;
    const digest = hash('sha256', `${type} ${jwt}`, 'base64url');
    const known = seen.get(digest);
    // A key that is no longer published takes its tokens along, remembered or not.
    if (known !== undefined && key(known.key.kid) === known.key) {
      return isAccepted(known.claims, issuer(), clock, expiry) ? known.claims : null;
    }
    const parts = splitJwt(jwt);
    if (parts === null) return null;
    const found = keyFor(parts.header, type, key);
    if (found === undefined) return null;
    onVerified?.();
    if (!signatureHolds(found, parts.input, parts.signature)) return null;
    const claims = parseObject(parts.payload);
    if (claims === null || !isAccepted(claims, issuer(), clock, expiry)) return null;
    seen.set(digest, { claims, key: found });
    return claims;
  };
}

function splitJwt(jwt: string): { header: string; payload: string; signature: string; input: string } | null {
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(jwt);
  if (match === null) return null;
  const [, header = '', payload = '', signature = ''] = match;
  return { header, payload, signature, input: `${header}.${payload}` };
}

function keyFor(
  encodedHeader: string,
  type: string,
  key: (kid: string) => VerificationKey | undefined,
): VerificationKey | undefined {
  const header = parseObject(encodedHeader);
  // `jwk`, `jku` and `x5u` are never looked at; a critical extension that is not understood refuses the token.
  if (header === null || header.typ !== type || 'crit' in header || typeof header.kid !== 'string') return undefined;
  const found = key(header.kid);
  return found !== undefined && found.algorithm === header.alg ? found : undefined;
}

export function signatureHolds(key: Omit<VerificationKey, 'kid'>, input: string, encoded: string): boolean {
  const bytes = Buffer.from(encoded, 'base64url');
  // Node decodes trailing bits that no encoder writes; one signature has one spelling here.
  if (bytes.toString('base64url') !== encoded) return false;
  const options =
    key.algorithm === 'ES256' ? { key: key.publicKey, dsaEncoding: 'ieee-p1363' as const } : key.publicKey;
  return verify('sha256', Buffer.from(input), options, bytes);
}

function isAccepted(claims: Claims, issuer: string | undefined, clock: Clock, expiry: 'any' | undefined): boolean {
  const { iss, exp } = claims;
  if (iss !== issuer || typeof exp !== 'number' || !Number.isFinite(exp)) return false;
  return expiry === 'any' || exp > clock.now();
}

function parseObject(encoded: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
