/** Keys of clients and of clusters, and assertions signed with them in every right and wrong way. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { AssertionAlgorithm } from '../../server/src/protocol/terms.ts';
import type { PublicJwk } from '../../server/src/registry/registration.ts';

export interface SigningKey {
  readonly jwk: PublicJwk;
  readonly algorithm: AssertionAlgorithm;
  readonly privateKey: KeyObject;
}

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;

function pairOf(algorithm: AssertionAlgorithm, modulusLength: number) {
  switch (algorithm) {
    case 'RS256':
    case 'PS256':
      return generateKeyPairSync('rsa', { modulusLength });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    case 'ES256':
    case 'ES384':
    case 'ES512':
      return generateKeyPairSync('ec', { namedCurve: curves[algorithm] });
  }
}

export function signingKey(
  algorithm: AssertionAlgorithm = 'ES256',
  { kid = randomUUID(), modulusLength = 2048 }: { readonly kid?: string; readonly modulusLength?: number } = {},
): SigningKey {
  const { publicKey, privateKey } = pairOf(algorithm, modulusLength);
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, ...(algorithm === 'PS256' ? { alg: algorithm } : {}) };
  return { jwk: jwk as PublicJwk, algorithm, privateKey };
}

export const jwkOf = (algorithm: AssertionAlgorithm, options: { readonly modulusLength?: number } = {}): PublicJwk =>
  signingKey(algorithm, options).jwk;

/** More than a library would write: a member may be `undefined`, which leaves it out, or of a wrong type. */
export type Claims = Readonly<Record<string, unknown>>;

export const secondsNow = (): number => Math.floor(Date.now() / 1000);

/** Members set to `undefined` are left out of header and payload. */
export function signed(key: SigningKey, payload: Claims, header: Claims = {}) {
  const all = { alg: key.algorithm, kid: key.jwk.kid, ...header };
  return new SignJWT(payload).setProtectedHeader(all).sign(key.privateKey);
}

/** What a client says of itself, good for a minute. */
export function ownClaims(clientId: string, audience: string, more: Claims = {}): Claims {
  const now = secondsNow();
  return { iss: clientId, sub: clientId, aud: audience, jti: randomUUID(), iat: now, exp: now + 60, ...more };
}

/** What the API server writes into the token of a ServiceAccount, good for an hour. */
export function serviceAccountClaims(account: string, audience: string, more: Claims = {}): Claims {
  const [namespace = '', name = ''] = account.split('/');
  const now = secondsNow();
  return {
    iss: 'https://kubernetes.default.svc.cluster.local',
    sub: `system:serviceaccount:${namespace}:${name}`,
    aud: [audience],
    iat: now,
    nbf: now,
    exp: now + 3600,
    jti: randomUUID(),
    'kubernetes.io': { namespace, serviceaccount: { name, uid: randomUUID() } },
    ...more,
  };
}
