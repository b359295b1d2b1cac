/**
 * Tokens that came through the browser (OpenID Connect Core §3.2.2.8, §3.3.2.8): nobody vouches for them but their
 * signature, and the hashes that tie code and access token to it. `openid-client` sends no response type with an access
 * token in it, so this application checks all of them itself, with `jose`.
 */
import { createHash } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { recordingFetch } from '../recorder.ts';
import type { Check, Part, Pending, Walk } from '../walk.ts';
import { addStep, reasonOf } from './steps.ts';
import { keepTokens } from './tokens.ts';

const title = 'Check what came through the browser';

export async function checkAnswer(walk: Walk, pending: Pending, answer: URLSearchParams): Promise<void> {
  const idToken = answer.get('id_token');
  const accessToken = answer.get('access_token');
  const { issuer } = walk.credentials;
  const checks: Check[] = [
    { text: 'state is the one that was sent', good: answer.get('state') === pending.state },
    { text: `iss is ${issuer}`, good: answer.get('iss') === issuer },
  ];
  let claims: JWTPayload | undefined;
  try {
    if (idToken !== null) {
      const verified = await verifyIdToken(walk, idToken);
      claims = verified.payload;
      checks.push(...bindings(verified, pending, answer));
    }
  } catch (error) {
    addStep(walk, { name: 'front-channel-check', title, text: reasonOf(error), outcome: 'refused' });
    return;
  }
  const good = checks.every((one) => one.good);
  const tokens = { ...(idToken === null ? {} : { idToken }), ...(accessToken === null ? {} : { accessToken }) };
  const parts: readonly Part[] = good ? keepTokens(walk, tokens, claims) : [];
  addStep(walk, {
    name: 'front-channel-check',
    title,
    text: good ? explain(idToken !== null, accessToken !== null) : 'Something does not fit: nothing of it is believed.',
    outcome: good ? 'done' : 'refused',
    parts: [{ type: 'checks', checks }, ...parts],
  });
}

function explain(idToken: boolean, accessToken: boolean): string {
  if (!idToken) {
    return 'An access token alone says nothing about who is there, and nothing ties it to this application: it is a key for an API, never a proof of who signed in.';
  }
  return accessToken
    ? 'The ID token is signed, is for this application, and was made for this very request; at_hash ties the access token to it.'
    : 'The ID token is signed, is for this application, and was made for this very request.';
}

interface Verified {
  readonly payload: JWTPayload;
  readonly algorithm: string;
  readonly key: string;
}

/** Signature, issuer, audience, times. @throws Error when one of them is wrong, or the keys cannot be had. */
async function verifyIdToken(walk: Walk, token: string): Promise<Verified> {
  const metadata = walk.config.serverMetadata();
  const fetchKeys = recordingFetch((exchange) => walk.fresh.push(exchange));
  const response = await fetchKeys(metadata.jwks_uri ?? '', {
    method: 'GET',
    headers: { accept: 'application/json' },
    body: undefined,
    redirect: 'manual',
  });
  const keys = (await response.json()) as JSONWebKeySet;
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys), {
    issuer: walk.credentials.issuer,
    audience: walk.credentials.clientId,
    algorithms: metadata.id_token_signing_alg_values_supported ?? ['RS256'],
    clockTolerance: 10,
    requiredClaims: ['sub', 'iat', 'exp'],
  });
  return { payload, algorithm: protectedHeader.alg, key: protectedHeader.kid ?? '' };
}

function bindings({ payload, algorithm, key }: Verified, pending: Pending, answer: URLSearchParams): readonly Check[] {
  const hashed = (claim: 'at_hash' | 'c_hash', parameter: string): readonly Check[] => {
    const value = answer.get(parameter);
    if (value === null) return [];
    return [{ text: `${claim} is half the hash of ${parameter}`, good: payload[claim] === halfHash(value, algorithm) }];
  };
  return [
    { text: `signed with ${algorithm} by the server’s key ${key}`, good: true },
    { text: 'iss, aud and exp of the ID token are right', good: true },
    { text: 'nonce is the one that was sent', good: payload.nonce === pending.nonce },
    ...hashed('at_hash', 'access_token'),
    ...hashed('c_hash', 'code'),
  ];
}

/** The left half of the hash that belongs to the signature's algorithm (OpenID Connect Core §3.1.3.6). */
export function halfHash(value: string, algorithm: string): string {
  const hash = createHash(`sha${algorithm.slice(-3)}`)
    .update(value)
    .digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}
