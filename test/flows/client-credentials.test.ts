/** RFC 6749 §4.4 over HTTP: a real server, a real database. */
import * as jose from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient, anOwner, aScope } from '../support/builders.ts';
import { issuer, World } from '../support/world.ts';

const batch = aClient('shop.batch')
  .machine('secret-of-shop.batch')
  .with({ scopes: ['openid', 'orders', 'stock'], default_scopes: ['openid', 'orders'] })
  .build();
const clients = [
  batch,
  aClient('shop.post')
    .machine('secret-of-shop.post')
    .with({ token_endpoint_auth_method: 'client_secret_post', access_token_audiences: ['https://own'] })
    .build(),
  aClient('shop.web').build(),
  aClient('shop.app').public().build(),
];
const scopes = [aScope('orders', { audiences: ['https://orders'] }), aScope('stock', { audiences: ['https://stock'] })];

let world: World;
beforeAll(async () => {
  world = await World.open({ clients, scopes, counting: true });
});
afterAll(() => world.stop());

const ask = (fields: Readonly<Record<string, string>> = {}, clientId = 'shop.batch', secret?: string) =>
  world.token({ grant_type: 'client_credentials', ...fields }, clientId, secret);

async function verified(token: string | undefined) {
  const keys = (await (await world.fetch(`${issuer}/jwks`)).json()) as jose.JSONWebKeySet;
  return jose.jwtVerify(token ?? '', jose.createLocalJWKSet(keys), { issuer, typ: 'at+jwt' });
}

describe('RFC 6749 §4.4: client credentials', () => {
  it('an independent client library gets a token that its key set verifies', async () => {
    const party = await world.relyingParty('shop.batch');
    const tokens = await oidc.clientCredentialsGrant(party, { scope: 'orders' });
    const { payload, protectedHeader } = await verified(tokens.access_token);
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: expect.stringMatching(/./) as string });
    expect(payload).toMatchObject({
      sub: 'shop.batch',
      client_id: 'shop.batch',
      aud: 'https://orders',
      scope: 'orders',
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
  });

  it('no refresh token, no ID token, nobody stores the answer', async () => {
    const { status, headers, body } = await ask({ scope: 'orders stock' });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
  });

  it('the default has no scope that speaks about a user', async () => {
    expect((await ask()).body.scope).toBe('orders');
  });

  it('RFC 9068 §3: an audience of its own is there beside those of scopes', async () => {
    const response = await world.fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'shop.post',
        client_secret: 'secret-of-shop.post',
      }),
    });
    const { access_token } = (await response.json()) as { access_token: string };
    expect((await verified(access_token)).payload.aud).toBe('https://own');
  });

  it.each([
    ['A34: an unknown scope', { scope: 'orders admin' }, 'shop.batch', undefined, 400, 'invalid_scope'],
    ['openid', { scope: 'openid' }, 'shop.batch', undefined, 400, 'invalid_scope'],
    ['a malformed scope', { scope: 'orders  stock' }, 'shop.batch', undefined, 400, 'invalid_scope'],
    ['a client without this grant', {}, 'shop.web', undefined, 400, 'unauthorized_client'],
    ['a wrong secret', {}, 'shop.batch', 'wrong', 401, 'invalid_client'],
    ['A48: an unknown client', {}, 'nobody', 'wrong', 401, 'invalid_client'],
    ['another grant type', { grant_type: 'password' }, 'shop.batch', undefined, 400, 'unsupported_grant_type'],
    [
      'RFC 7523 §2.1: a JWT as a grant',
      { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' },
      'shop.batch',
      undefined,
      400,
      'unsupported_grant_type',
    ],
    [
      'A35, RFC 8693: an exchange of tokens',
      { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange' },
      'shop.batch',
      undefined,
      400,
      'unsupported_grant_type',
    ],
    ['no grant type', { grant_type: '' }, 'shop.batch', undefined, 400, 'invalid_request'],
  ] as const)('%s is refused', async (_name, fields, clientId, secret, status, error) => {
    const answer = await ask(fields, clientId, secret);
    expect([answer.status, answer.body.error]).toEqual([status, error]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    if (status === 401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="https:\/\/id\.example\.com"/);
  });

  it('a public client acts for nobody', async () => {
    const response = await world.fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'shop.app' }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'unauthorized_client' });
  });

  it('costs no statement and one signature', async () => {
    const { status } = await world.counters.expectCost('client_credentials', () => ask());
    expect(status).toBe(200);
  });

  it.each([
    ['a wrong secret', {}, 'wrong'],
    ['an unknown scope', { scope: 'admin' }, undefined],
  ] as const)('%s costs nothing', async (_name, fields, secret) => {
    await world.counters.expectCost('token_refused_early', () => ask(fields, 'shop.batch', secret));
  });

  it('A33: a suspended client stops, and comes back', async () => {
    const registration = { kind: 'client', id: 'shop.batch', owner: anOwner('shop.batch'), value: batch } as const;
    await world.served({ ...registration, withdrawn: true });
    expect((await ask()).body.error).toBe('invalid_client');
    await world.served(registration);
    expect((await ask()).status).toBe(200);
  });
});
