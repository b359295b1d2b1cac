/**
 * A session that ends by itself, idle or at its absolute end, takes along what hangs off it, at every endpoint and at whoever
 * checks a token alone: no access token is given a longer life than its session has left.
 */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { introspect, userinfo } from '../support/tokens.ts';
import { authorize, codeFields, refreshFields, World, webApp } from '../support/world.ts';

const implicit = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const opaque = { access_token_format: 'opaque' } as const;
const front = { consent: implicit, scopes: ['openid', 'offline_access'] };

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.jwt', { consent: implicit }),
      webApp('shop.opaque', { consent: implicit, ...opaque }),
      aClient('shop.front-jwt').everyResponseType().with(front).build(),
      aClient('shop.front-opaque')
        .everyResponseType()
        .with({ ...front, ...opaque })
        .build(),
    ],
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

/** Every session of this person ends in so many seconds. */
const ends = {
  idle: (left: number) =>
    world.rows(
      `UPDATE sessions SET last_seen_at = now() - make_interval(secs => idle_seconds - $2::integer) WHERE username = $1`,
      [username, left],
    ),
  absolute: (left: number) =>
    world.rows(`UPDATE sessions SET expires_at = now() + make_interval(secs => $2::integer) WHERE username = $1`, [
      username,
      left,
    ]),
} as const;
const ways = ['idle', 'absolute'] as const;
const formats = ['jwt', 'opaque'] as const;
const table = ways.flatMap((way) => formats.map((format) => [way, format] as const));

const codeOf = async (clientId: string, scope = 'openid') =>
  (await authorize(world.browser(), { client_id: clientId, scope }, username)).code;
const redeemed = async (clientId: string, code: string | undefined) =>
  (await world.token(codeFields(code), clientId)).body;

/** What the answer, the token and its row say of its life, in seconds; all the same but for a second. */
async function lifeOf(token: string | undefined, expiresIn: number | undefined, clientId: string): Promise<number> {
  const { iat = 0, exp = 0 } = (await introspect(world, token, clientId)).body as { iat?: number; exp?: number };
  expect(Math.abs(exp - iat - (expiresIn ?? 0))).toBeLessThanOrEqual(1);
  if (token?.includes('.') === true) {
    const claims = decodeJwt(token);
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(expiresIn);
  }
  return expiresIn ?? 0;
}
/** A busy machine takes a while between what a test wrote and what the server reads. */
const about = (seconds: number, most: number) => {
  expect(seconds).toBeLessThanOrEqual(most);
  expect(seconds).toBeGreaterThan(most - 60);
};

describe.each(table)('the session ends (%s); access tokens are %s', (way, format) => {
  const clientId = `shop.${format}`;

  it('a token for a code lives no longer', async () => {
    const code = await codeOf(clientId);
    await ends[way](120);
    const { access_token: token, expires_in } = await redeemed(clientId, code);
    about(await lifeOf(token, expires_in, clientId), 120);
  });

  it('nor does one for a refresh, nor its repeat', async () => {
    const first = await redeemed(clientId, await codeOf(clientId));
    expect(first.expires_in).toBe(300);
    await ends[way](120);
    for (const _ of ['once', 'again']) {
      const { body } = await world.token(refreshFields(first.refresh_token), clientId);
      about(await lifeOf(body.access_token, body.expires_in, clientId), 120);
    }
  });

  it('with offline access it lives as always', async () => {
    const code = await codeOf(clientId, 'openid offline_access');
    await ends[way](120);
    const { expires_in, refresh_token } = await redeemed(clientId, code);
    expect(expires_in).toBe(300);
    expect((await world.token(refreshFields(refresh_token), clientId)).body.expires_in).toBe(300);
  });
});

describe('once a session has ended by itself', () => {
  it('introspection, userinfo and refresh refuse what they took before, of each kind', async () => {
    const cases: { clientId: string; token: string | undefined; refreshToken: string | undefined }[] = [];
    for (const [way, format] of table) {
      username = `user${++turn}`;
      world.memory.add(username);
      const clientId = `shop.${format}`;
      const code = await codeOf(clientId);
      await ends[way](45);
      const { access_token: token, refresh_token: refreshToken } = await redeemed(clientId, code);
      cases.push({ clientId, token, refreshToken });
    }
    const holds = () =>
      Promise.all(
        cases.map(async ({ clientId, token }) => [
          (await introspect(world, token, clientId)).body.active,
          (await userinfo(world, token)).status,
        ]),
      );
    // Asked twice: the second answer comes from memory.
    for (const _ of ['read', 'seen']) expect(await holds()).toEqual(cases.map(() => [true, 200]));
    await expect.poll(holds, { timeout: 120_000, interval: 500 }).toEqual(cases.map(() => [false, 401]));
    for (const { clientId, refreshToken } of cases) {
      expect((await world.token(refreshFields(refreshToken), clientId)).body.error).toBe('invalid_grant');
    }
  });
});

describe.each(formats)('from the front channel, %s', (format) => {
  const clientId = `shop.front-${format}`;
  const change = { client_id: clientId, response_type: 'id_token token', scope: 'openid offline_access' };

  it('a token lives no longer than the session has left, whatever its code would give', async () => {
    const browser = world.browser();
    await authorize(browser, change, username);
    await ends.absolute(120);
    const { access_token: token, expires_in } = await authorize(browser, change, username);
    about(await lifeOf(token, Number(expires_in), clientId), 120);
  });

  it('who comes by an idle session wakes it: the token lives as always', async () => {
    const browser = world.browser();
    await authorize(browser, change, username);
    await ends.idle(120);
    expect((await authorize(browser, change, username)).expires_in).toBe('300');
  });
});

describe('a grant', () => {
  it.each(formats)('that ends by itself ends the last token of a refresh, %s', async (format) => {
    const clientId = `shop.${format}`;
    const first = await redeemed(clientId, await codeOf(clientId, 'openid offline_access'));
    await world.rows(`UPDATE grants SET expires_at = now() + interval '120 seconds' WHERE username = $1`, [username]);
    const { body } = await world.token(refreshFields(first.refresh_token), clientId);
    about(await lifeOf(body.access_token, body.expires_in, clientId), 120);
  });
});
