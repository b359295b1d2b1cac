/** What a client makes of an authorization response of any type and mode, by hand and by `jose`. */
import { hash } from 'node:crypto';
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { gives } from '../../server/src/protocol/response-type.ts';
import { type ResponseMode, type ResponseType, responseTypes } from '../../server/src/protocol/terms.ts';
import { issuer, type World } from './world.ts';

/** Every type with every mode in which it may be answered. */
export const answered: readonly (readonly [ResponseType, ResponseMode])[] = responseTypes.flatMap((type) =>
  (type === 'code' ? (['query', 'fragment', 'form_post'] as const) : (['fragment', 'form_post'] as const)).map(
    (mode) => [type, mode] as const,
  ),
);

/** Names of what a response of this type holds beside `state` and `iss`, sorted. */
export function membersOf(type: ResponseType): readonly string[] {
  const token = gives(type, 'token') ? ['access_token', 'token_type', 'expires_in', 'scope'] : [];
  return [...token, ...(gives(type, 'code') ? ['code'] : []), ...(gives(type, 'id_token') ? ['id_token'] : [])].sort();
}

export const leftHalf = (text: string): string => hash('sha256', text, 'buffer').subarray(0, 16).toString('base64url');

/** As `jose` reads a token of ours: signature, issuer, expiry, `typ`, one algorithm. */
export async function verified(
  world: World,
  jwt: string | undefined,
  kind: 'access' | 'id',
): Promise<JWTPayload & Readonly<Record<string, unknown>>> {
  const keys = (await (await world.fetch(`${issuer}/jwks`)).json()) as Parameters<typeof createLocalJWKSet>[0];
  const options = {
    issuer,
    typ: kind === 'access' ? 'at+jwt' : 'JWT',
    algorithms: [kind === 'access' ? 'ES256' : 'RS256'],
  };
  const { payload } = await jwtVerify(jwt ?? '', createLocalJWKSet(keys), options);
  return payload;
}
