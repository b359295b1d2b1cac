/** RFC 7662 over HTTP: who may know what of which token. */
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOwner } from '../support/builders.ts';
import {
  basicOf,
  introspect,
  machineToken,
  otherCase,
  postForm,
  tokenClients,
  tokenScopes,
  tokensOf,
} from '../support/tokens.ts';
import { issuer, refreshFields, World, webApp } from '../support/world.ts';

const metrics = new Registry();
let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [...tokenClients, webApp('shop.gone'), webApp('shop.gone-opaque', { access_token_format: 'opaque' })],
    scopes: tokenScopes,
    counting: true,
    options: { metrics },
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

const granted = (clientId: string, scope?: string) =>
  tokensOf(world, clientId, { username, ...(scope === undefined ? {} : { scope }) });
const inactive = { active: false };

describe('RFC 7662 §2.2: what a resource server learns', () => {
  it.each(['shop.web', 'shop.opaque'])('of a token of a user, from %s', async (clientId) => {
    const { access_token: token, id_token: idToken = '' } = await granted(clientId);
    const { status, headers, body } = await introspect(world, token);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('application/json');
    expect(headers.get('cache-control')).toBe('no-store');
    const { sub, auth_time } = decodeJwt(idToken);
    expect(body).toEqual({
      active: true,
      iss: issuer,
      sub,
      aud: ['https://orders', 'api.named'],
      client_id: clientId,
      scope: 'openid email orders',
      token_type: 'Bearer',
      iat: expect.any(Number) as number,
      exp: expect.any(Number) as number,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      auth_time,
    });
    expect(Number(body.exp) - Number(body.iat)).toBe(300);
  });

  it.each(['shop.job', 'shop.job-opaque'])('of a token of %s itself', async (clientId) => {
    const { body } = await introspect(world, await machineToken(world, clientId));
    expect(body).toMatchObject({ active: true, sub: clientId, client_id: clientId, scope: 'orders' });
    expect(body).not.toHaveProperty('auth_time');
  });

  it.each(['shop.web', 'shop.opaque'])('an independent client library reads it, of %s', async (clientId) => {
    const { access_token: token = '' } = await granted(clientId);
    const party = await world.relyingParty('api.orders');
    expect(await oidc.tokenIntrospection(party, token)).toMatchObject({ active: true, client_id: clientId });
    const server = party.serverMetadata();
    const client = { client_id: 'api.orders' };
    const response = await oauth.introspectionRequest(
      server,
      client,
      oauth.ClientSecretBasic('secret-of-api.orders'),
      token,
      { [oauth.customFetch]: world.fetch, additionalParameters: { token_type_hint: 'access_token' } },
    );
    expect(await oauth.processIntrospectionResponse(server, client, response)).toMatchObject({ active: true });
  });
});

describe('A37: who may know', () => {
  const cases = [
    ['the resource server of one of its audiences', 'api.orders', true],
    ['the resource server whose id is an audience', 'api.named', true],
    ['the client that it was issued to', 'self', true],
    ['another resource server', 'api.stock', false],
    ['another client', 'shop.other', false],
  ] as const;
  it.each(['shop.web', 'shop.opaque'].flatMap((clientId) => cases.map((one) => [clientId, ...one] as const)))(
    'a token of %s: %s',
    async (clientId, _title, caller, may) => {
      const { access_token: token } = await granted(clientId);
      const ask = () => introspect(world, token, caller === 'self' ? clientId : caller);
      for (const { status, body } of [await ask(), await ask()]) {
        expect(status).toBe(200);
        expect(may ? body.active : body).toEqual(may ? true : inactive);
      }
    },
  );

  it.each(['shop.web', 'shop.opaque'])('what one saw, another does not see: %s', async (clientId) => {
    const { access_token: token } = await granted(clientId);
    expect((await introspect(world, token)).body.active).toBe(true);
    expect((await introspect(world, token, 'api.stock')).body).toEqual(inactive);
  });

  it.each(['shop.web', 'shop.opaque'])('a refresh token of %s: its own client alone', async (clientId) => {
    const { refresh_token: token } = await granted(clientId);
    const { body } = await introspect(world, token, clientId, { token_type_hint: 'access_token' });
    expect(body).toEqual({
      active: true,
      iss: issuer,
      sub: expect.stringMatching(/^u_/) as string,
      client_id: clientId,
      scope: 'openid email orders',
      iat: expect.any(Number) as number,
      exp: expect.any(Number) as number,
      auth_time: expect.any(Number) as number,
    });
    for (const other of ['api.orders', 'api.named', 'shop.other']) {
      expect((await introspect(world, token, other, { token_type_hint: 'refresh_token' })).body).toEqual(inactive);
    }
  });

  it('a refresh token that was used is no longer active, its successor is', async () => {
    const { refresh_token: first } = await granted('shop.web');
    const { refresh_token: second } = (await world.token(refreshFields(first))).body;
    expect((await introspect(world, first, 'shop.web')).body).toEqual(inactive);
    expect((await introspect(world, second, 'shop.web')).body.active).toBe(true);
  });
});

describe('RFC 7662 §2.1: who may ask', () => {
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['nobody', {}, {}],
    ['a wrong secret', {}, basicOf('api.orders', 'wrong')],
    ['an unknown client', {}, basicOf('nobody')],
    ['a public client', { client_id: 'shop.spa' }, {}],
    ['a confidential client without its secret', { client_id: 'api.orders' }, {}],
  ])('%s: 401, before anything is looked up', async (_title, fields, headers) => {
    const { access_token: token = '' } = await granted('shop.opaque');
    const answer = await world.counters.expectCost('token_refused_early', () =>
      postForm(world, '/introspect', { token, ...fields }, headers),
    );
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.text).not.toContain('active');
  });

  it.each<[string, string, number]>([
    ['no token', 'token_type_hint=access_token', 400],
    ['an empty token', 'token=', 400],
    ['two tokens', 'token=a&token=b', 400],
  ])('%s is invalid_request', async (_title, body, status) => {
    const answer = await postForm(world, '/introspect', body, basicOf('api.orders'));
    expect([answer.status, answer.body.error]).toEqual([status, 'invalid_request']);
  });

  it('a token in the URL is refused, and no method but POST is taken', async () => {
    const { access_token: token = '' } = await granted('shop.web');
    const inUrl = await postForm(world, `/introspect?token=${token}`, { token }, basicOf('api.orders'));
    expect([inUrl.status, inUrl.body.error]).toEqual([400, 'invalid_request']);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await world.fetch(`${issuer}/introspect`, { method, headers: basicOf('api.orders') });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });
});

describe('what does not hold is inactive, and nothing more is said', () => {
  it('A56, A57: what is no token of ours, or not the whole of it', async () => {
    const own = await granted('shop.web');
    const other = await granted('shop.opaque');
    const [jwt = '', opaque = ''] = [own.access_token, other.access_token];
    const odd = [
      'x',
      '.',
      '..',
      '\u00e9'.repeat(43),
      'A'.repeat(20_000),
      `${jwt}A`,
      jwt.slice(0, -1),
      jwt.toUpperCase(),
      `${jwt} `,
      opaque.slice(0, -1),
      `${opaque}A`,
      ` ${opaque}`,
      otherCase(opaque),
      own.id_token,
    ];
    for (const token of odd) {
      const { status, body } = await introspect(world, token);
      expect([token, status, body]).toEqual([token, 200, inactive]);
    }
    expect((await introspect(world, jwt)).body.active).toBe(true);
    expect((await introspect(world, opaque)).body.active).toBe(true);
  });

  it('A28: an opaque token that has expired, by the clock of the database', async () => {
    const { access_token: token } = await granted('shop.opaque');
    await world.rows(`UPDATE access_tokens SET expires_at = now() - interval '1 second'`);
    expect((await introspect(world, token)).body).toEqual(inactive);
  });

  it.each(['shop.gone', 'shop.gone-opaque'])('A33, A39: a client that is withdrawn, or made anew: %s', async (id) => {
    const value = webApp(id, id === 'shop.gone' ? {} : { access_token_format: 'opaque' });
    const { access_token: token } = await granted(id, 'openid');
    const ask = () => introspect(world, token, 'shop.web');
    const named = { kind: 'client', id, owner: anOwner(id), value } as const;
    await world.served({
      ...named,
      value: { ...value, access_token_audiences: ['https://orders'] },
    });
    const { access_token: seen } = await granted(id, 'openid');
    expect((await introspect(world, seen)).body.active).toBe(true);
    await world.served({ ...named, withdrawn: true });
    expect((await introspect(world, seen)).body).toEqual(inactive);
    await world.served({ ...named, owner: anOwner(id, { uid: 'another' }) });
    await expect.poll(async () => (await introspect(world, seen)).body).toEqual(inactive);
    expect((await introspect(world, seen, id)).body).toEqual(inactive);
    expect((await ask()).body).toEqual(inactive);
  });

  it('a client that is made anew loses its tokens even where no replica saw the two apart', async () => {
    const id = 'shop.remade';
    const value = webApp(id, { access_token_audiences: ['https://orders'] });
    await world.served({ kind: 'client', id, owner: anOwner(id), value });
    const { access_token: token } = await granted(id, 'openid');
    expect((await introspect(world, token)).body.active).toBe(true);
    await world.served({ kind: 'client', id, owner: anOwner(id, { uid: 'the-next' }), value });
    await expect.poll(async () => (await introspect(world, token)).body).toEqual(inactive);
  });
});

it('outcomes are counted, and no token is a label', async () => {
  const counter = metrics.getSingleMetric('nauthera_introspections_total');
  const values = (await counter?.get())?.values ?? [];
  expect(values.map(({ labels }) => String(labels.outcome)).sort()).toEqual([
    'active',
    'inactive',
    'invalid_client',
    'invalid_request',
  ]);
});
