/** OpenID Connect Core §8: what a pairwise client is told of its users, everywhere the same, and to nobody else. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import { aClient, aScope } from '../support/builders.ts';
import { introspect, machineToken, tokensOf, userinfo } from '../support/tokens.ts';
import { authorize, authorizePath, refreshFields, signIn, World, webApp } from '../support/world.ts';

const scopes = ['openid', 'email', 'orders', 'offline_access'];
const pairwise = (host: string): Partial<ClientRegistration> => ({
  subject_type: 'pairwise',
  sector_identifier: host,
  redirect_uris: ['https://shop.example.com/cb', `https://${host}/cb`],
  scopes,
});
const a = 'a.example.com';
const b = 'b.example.com';
const opaque: Partial<ClientRegistration> = { access_token_format: 'opaque' };

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.public', { scopes }),
      webApp('shop.a', { ...pairwise(a), userinfo_signed_response_alg: 'RS256' }),
      webApp('shop.a2', pairwise(a)),
      webApp('shop.a-opaque', { ...pairwise(a), ...opaque }),
      webApp('shop.b', pairwise(b)),
      aClient('shop.front')
        .everyResponseType()
        .with({ ...pairwise(b) })
        .build(),
      webApp('shop.job', {
        ...pairwise(a),
        grant_types: ['authorization_code', 'client_credentials'],
        client_secret_digests: aClient('shop.job').build().client_secret_digests,
      }),
      aClient('api.orders')
        .machine('secret-of-api.orders')
        .with({ introspection_audiences: ['https://orders'] })
        .build(),
    ],
    scopes: [aScope('orders', { audiences: ['https://orders'] })],
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

const granted = (clientId: string, scope = 'openid email orders') => tokensOf(world, clientId, { scope, username });
const subOf = (jwt: string | undefined) => decodeJwt(jwt ?? '').sub;
const subject = async () =>
  (await world.rows<{ subject: string }>(`SELECT subject FROM grants WHERE username = $1`, [username]))[0]?.subject;

/** Every place where this client or its resource server learns of the user. */
async function told(clientId: string): Promise<readonly unknown[]> {
  const first = await granted(clientId);
  const second = (await world.token(refreshFields(first.refresh_token), clientId)).body;
  const seen: unknown[] = [];
  for (const { access_token: token = '', id_token: idToken, refresh_token: refresh } of [first, second]) {
    seen.push(subOf(idToken));
    if (token.includes('.')) seen.push(subOf(token));
    const answer = await userinfo(world, token);
    seen.push(answer.headers.get('content-type') === 'application/jwt' ? subOf(answer.text) : answer.body.sub);
    for (const caller of [clientId, 'api.orders']) seen.push((await introspect(world, token, caller)).body.sub);
    if (refresh === second.refresh_token) seen.push((await introspect(world, refresh, clientId)).body.sub);
  }
  return seen;
}

describe('OpenID Connect Core §8.1: pairwise subjects', () => {
  it.each(['shop.a', 'shop.a-opaque', 'shop.b'])(
    'one subject in ID tokens, access tokens, userinfo and introspection: %s',
    async (clientId) => {
      const seen = await told(clientId);
      expect(seen.length).toBeGreaterThan(7);
      expect(new Set(seen).size).toBe(1);
      expect(seen[0]).toMatch(/^u_[A-Za-z0-9_-]{43}$/);
      expect(seen[0]).not.toBe(await subject());
    },
  );

  it('the same in one sector, others elsewhere, and the own one for public clients alone', async () => {
    const subs: (string | undefined)[] = [];
    for (const id of ['shop.a', 'shop.a2', 'shop.b', 'shop.public']) subs.push(subOf((await granted(id)).id_token));
    expect(subs[0]).toBe(subs[1]);
    expect(new Set(subs).size).toBe(3);
    expect(subs[3]).toBe(await subject());
  });

  it('two people are two in every sector', async () => {
    const first = subOf((await granted('shop.a')).id_token);
    username = `${username}x`;
    world.memory.add(username);
    expect(subOf((await granted('shop.a')).id_token)).not.toBe(first);
  });

  it('front channel: the same subject in both tokens and at the token endpoint', async () => {
    const change = { client_id: 'shop.front', response_type: 'code id_token token', scope: 'openid' };
    const response = await authorize(world.browser(), change, username);
    const subs = [subOf(response.id_token), subOf(response.access_token)];
    expect(new Set(subs).size).toBe(1);
    expect(subs[0]).toBe(subOf((await granted('shop.b')).id_token));
  });

  it('a client that acts for itself is itself', async () => {
    expect(subOf(await machineToken(world, 'shop.job'))).toBe('shop.job');
  });

  it('a hint with its subject is taken from its own client, and from no other', async () => {
    const browser = world.browser();
    const path = (clientId: string) => authorizePath({ client_id: clientId, scope: 'openid' });
    let page = await signIn(browser, path('shop.a'), username);
    if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
    const { id_token: hint = '' } = (
      await world.token(
        {
          grant_type: 'authorization_code',
          code: page.response.code ?? '',
          redirect_uri: 'https://shop.example.com/cb',
          code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
        },
        'shop.a',
      )
    ).body;
    const silent = (clientId: string) =>
      browser.get(authorizePath({ client_id: clientId, scope: 'openid', prompt: 'none', id_token_hint: hint }));
    expect((await silent('shop.a')).response.code).toBeTruthy();
    expect((await silent('shop.b')).response.code).toBeUndefined();
  });

  it('the salt outlives a restart', async () => {
    const before = subOf((await granted('shop.a')).id_token);
    await world.stopReplicas();
    await world.startReplicas(1);
    expect(subOf((await granted('shop.a')).id_token)).toBe(before);
  });
});
