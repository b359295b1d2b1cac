/** Authorization responses that `openid-client` does not read, verified with `jose` (OIDC Core §3.2.2, §3.3.2). */
import { createHash } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { logoutEvent } from '../application/flows/logout.ts';
import type { Answer } from './answer.ts';
import type { Facts } from './facts.ts';
import { expectThat } from './report.ts';

export interface Expected {
  readonly clientId: string;
  readonly state: string;
  readonly nonce: string;
  readonly responseType: string;
}

/** @throws Error unless the answer is for this request, complete, and its tokens hold together. Claims of the ID token, if any. */
export async function verifyAnswer(facts: Facts, answer: Answer, expected: Expected): Promise<JWTPayload | undefined> {
  const got = (name: string): string => {
    const values = answer.parameters.getAll(name);
    expectThat(values.length === 1, `${values.length} times ${name}`);
    return values[0] ?? '';
  };
  expectThat(got('state') === expected.state, 'state is not the one that was sent');
  expectThat(got('iss') === facts.issuer, 'iss is another');
  expectThat(!answer.parameters.has('refresh_token'), 'a refresh token came by the browser');
  const wanted = expected.responseType.split(' ');
  const accessToken = wanted.includes('token') ? got('access_token') : undefined;
  if (accessToken !== undefined) {
    expectThat(got('token_type') === 'Bearer', 'the access token is of another type');
    expectThat(Number(got('expires_in')) <= 600, 'the access token lives longer than ten minutes');
    await verifyJwt(facts, accessToken, { typ: 'at+jwt' });
  }
  const code = wanted.includes('code') ? got('code') : undefined;
  if (!wanted.includes('id_token')) return undefined;
  const claims = await verifyIdToken(facts, got('id_token'), expected);
  expectThat(claims.at_hash === (accessToken === undefined ? undefined : halfHash(accessToken)), 'at_hash is wrong');
  expectThat(claims.c_hash === (code === undefined ? undefined : halfHash(code)), 'c_hash is wrong');
  return claims;
}

export async function verifyIdToken(
  facts: Facts,
  token: string,
  { clientId, nonce }: Pick<Expected, 'clientId' | 'nonce'>,
): Promise<JWTPayload> {
  const claims = await verifyJwt(facts, token, { typ: 'JWT', audience: clientId });
  expectThat(claims.nonce === nonce, 'nonce is not the one that was sent');
  return claims;
}

/** OpenID Connect Back-Channel Logout §2.6. @param session `sid` and `sub` as the ID token has them */
export async function verifyLogoutToken(
  facts: Facts,
  token: string,
  session: Readonly<Record<'clientId' | 'sid' | 'sub', string>>,
): Promise<void> {
  const claims = await verifyJwt(facts, token, { typ: 'logout+jwt', audience: session.clientId });
  expectThat(claims.sid === session.sid && claims.sub === session.sub, 'it is about another session');
  const events = JSON.stringify(claims.events);
  expectThat(events === JSON.stringify({ [logoutEvent]: {} }), `events is ${events}`);
  for (const name of ['iat', 'exp', 'jti']) expectThat(name in claims, `there is no ${name}`);
  expectThat(!('nonce' in claims), 'it has a nonce, as ID tokens do');
}

async function verifyJwt(
  facts: Facts,
  token: string,
  options: { typ: string; audience?: string },
): Promise<JWTPayload> {
  const keys = (await (await fetch(`${facts.issuer}/jwks`)).json()) as JSONWebKeySet;
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    ...options,
    issuer: facts.issuer,
    algorithms: ['RS256', 'ES256'],
  });
  return payload;
}

/** Both algorithms here hash with SHA-256. */
function halfHash(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}
