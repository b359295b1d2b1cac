/** What scripts of other origins may read (CORS). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient, anOwner } from '../support/builders.ts';
import { authorize, authorizePath, codeFields, issuer, World, webApp } from '../support/world.ts';

const mine = 'https://app.example.com';
const others = 'https://other.example.com';
const strange = 'https://evil.example';

let world: World;
let url: string;
beforeAll(async () => {
  world = await World.open({
    counting: true,
    clients: [
      webApp('shop.web', { allowed_origins: [mine] }),
      webApp('shop.other', { allowed_origins: [others, 'http://localhost:5173'] }),
      aClient('shop.job')
        .machine('secret')
        .with({ scopes: ['orders'], default_scopes: ['orders'] })
        .build(),
    ],
  });
  url = world.servers[0]?.url ?? '';
});
afterAll(() => world?.stop());

const form = 'application/x-www-form-urlencoded';
const basic = (id: string, secret = `secret-of-${id}`) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'));
const ask = (path: string, origin: string | undefined, init: RequestInit = {}) =>
  fetch(url + path, {
    redirect: 'manual',
    ...init,
    headers: { ...(init.headers as Record<string, string>), ...(origin === undefined ? {} : { origin }) },
  });
const post = (path: string, origin: string, fields: Record<string, string>, authorization?: string) =>
  ask(path, origin, {
    method: 'POST',
    headers: { 'content-type': form, ...(authorization === undefined ? {} : { authorization }) },
    body: new URLSearchParams(fields).toString(),
  });
const preflight = (path: string, origin: string, method = 'POST') =>
  ask(path, origin, {
    method: 'OPTIONS',
    headers: { 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
  });
const readable = (origin: string) => ({
  vary: 'Origin',
  'access-control-allow-origin': origin,
  'access-control-expose-headers': 'www-authenticate, retry-after',
});

describe('preflights', () => {
  it.each([
    ['/token', 'POST'],
    ['/revoke', 'POST'],
    ['/device_authorization', 'POST'],
    ['/userinfo', 'GET, POST'],
    ['/jwks', 'GET, HEAD'],
    ['/.well-known/openid-configuration', 'GET, HEAD'],
    ['/.well-known/oauth-authorization-server', 'GET, HEAD'],
  ])('of %s: an origin of any client', async (path, methods) => {
    for (const origin of [mine, others, 'http://localhost:5173']) {
      const answer = await preflight(path, origin);
      expect([answer.status, await answer.text(), corsOf(answer)]).toEqual([
        204,
        '',
        {
          vary: 'Origin',
          'access-control-allow-origin': origin,
          'access-control-allow-methods': methods,
          'access-control-allow-headers': 'authorization, content-type',
          'access-control-max-age': '600',
        },
      ]);
    }
    for (const origin of [
      strange,
      'null',
      '*',
      `${mine}.evil.example`,
      mine.toUpperCase(),
      `${mine}/`,
      `${mine}:444`,
    ]) {
      const answer = await preflight(path, origin);
      expect([origin, corsOf(answer)]).toEqual([origin, { vary: 'Origin' }]);
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
  });

  it.each([
    '/authorize',
    '/login',
    '/consent',
    '/continue',
    '/device',
    '/account',
    '/logout',
    '/introspect',
    '/nowhere',
  ])('A38: never of %s', async (path) => {
    for (const method of ['GET', 'POST']) {
      expect(Object.keys(corsOf(await preflight(path, mine, method)))).not.toContain('access-control-allow-origin');
    }
    const answer = await ask(path === '/authorize' ? authorizePath() : path, mine);
    expect(Object.keys(corsOf(answer)).filter((name) => name !== 'vary')).toEqual([]);
  });

  it('cost nothing', async () => {
    await world.counters.expectCost('document', () => preflight('/token', mine));
  });
});

describe('answers', () => {
  it('of the token endpoint are read by an origin of the client itself', async () => {
    const { code } = await authorize(world.browser());
    const answer = await post('/token', mine, codeFields(code), basic('shop.web'));
    expect([answer.status, corsOf(answer)]).toEqual([200, readable(mine)]);
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
  });

  it.each([others, strange, 'null'])('A38: and not by %s', async (origin) => {
    const { code } = await authorize(world.browser());
    const answer = await post('/token', origin, codeFields(code), basic('shop.web'));
    expect([answer.status, corsOf(answer)]).toEqual([200, { vary: 'Origin' }]);
  });

  it('A38: nor are those of a client without origins', async () => {
    const answer = await post('/token', mine, { grant_type: 'client_credentials' }, basic('shop.job', 'secret'));
    expect([answer.status, corsOf(answer)]).toEqual([200, { vary: 'Origin' }]);
  });

  it('a refusal of the grant, too, is the client’s own', async () => {
    const refused = (origin: string) => post('/token', origin, codeFields('none'), basic('shop.web'));
    expect(corsOf(await refused(mine))).toEqual(readable(mine));
    expect(corsOf(await refused(others))).toEqual({ vary: 'Origin' });
  });

  it('before the client is known an origin of any client reads why', async () => {
    for (const origin of [mine, others]) {
      const wrong = await post('/token', origin, codeFields('none'), basic('shop.web', 'wrong'));
      expect([wrong.status, corsOf(wrong)]).toEqual([401, readable(origin)]);
      const unread = await ask('/token', origin, {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: 'x',
      });
      expect([unread.status, corsOf(unread)]).toEqual([415, readable(origin)]);
    }
    const stranger = await post('/token', strange, codeFields('none'), basic('shop.web', 'wrong'));
    expect([stranger.status, corsOf(stranger)]).toEqual([401, { vary: 'Origin' }]);
  });

  it('of userinfo', async () => {
    const { code } = await authorize(world.browser());
    const { body } = await world.token(codeFields(code));
    const bearer = { headers: { authorization: `Bearer ${body.access_token}` } };
    const [own, foreign, wrong] = await Promise.all([
      ask('/userinfo', mine, bearer),
      ask('/userinfo', others, bearer),
      ask('/userinfo', others, { headers: { authorization: 'Bearer x' } }),
    ]);
    expect([own.status, corsOf(own)]).toEqual([200, readable(mine)]);
    expect([foreign.status, corsOf(foreign)]).toEqual([200, { vary: 'Origin' }]);
    expect([wrong.status, corsOf(wrong)]).toEqual([401, readable(others)]);
  });

  it('of revocation', async () => {
    const revoke = (origin: string) => post('/revoke', origin, { token: 'x' }, basic('shop.web'));
    const [own, foreign] = [await revoke(mine), await revoke(others)];
    expect([own.status, corsOf(own)]).toEqual([200, readable(mine)]);
    expect([foreign.status, corsOf(foreign)]).toEqual([200, { vary: 'Origin' }]);
  });

  it.each(['/jwks', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])(
    '%s goes to registered origins, and caches keep them apart',
    async (path) => {
      for (const origin of [mine, others]) expect(corsOf(await ask(path, origin))).toEqual(readable(origin));
      for (const origin of [strange, 'null', undefined]) {
        const answer = await ask(path, origin);
        expect([answer.status, corsOf(answer)]).toEqual([200, { vary: 'Origin' }]);
      }
    },
  );
});

it('an origin that was taken away is let in no longer', async () => {
  const declare = (allowed_origins: string[]) =>
    world.served({
      kind: 'client',
      id: 'shop.late',
      owner: anOwner('shop.late'),
      value: webApp('shop.late', { allowed_origins }),
    });
  const late = 'https://late.example.com';
  await declare([late, mine]);
  expect((await preflight('/token', late)).status).toBe(204);
  await declare([]);
  expect((await preflight('/token', late)).status).toBe(405);
  expect((await preflight('/token', mine)).status).toBe(204);
});

it('an issuer with a path has them below it', async () => {
  const below = await World.open({
    server: { issuer: `${issuer}/tenants/a` },
    clients: [webApp('shop.web', { allowed_origins: [mine] })],
  });
  try {
    const headers = { origin: mine, 'access-control-request-method': 'POST' };
    const at = (path: string) => fetch(`${below.urls[0] ?? ''}${path}`, { method: 'OPTIONS', headers });
    expect((await at('/tenants/a/token')).status).toBe(204);
    expect((await at('/token')).status).toBe(404);
  } finally {
    await below.stop();
  }
});
