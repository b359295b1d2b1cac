/** Access tokens that say nothing to whoever holds them, for clients whose registration wants them. */
import { decodeJwt } from 'jose';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { logTo } from '../support/captured-log.ts';
import { leftHalf } from '../support/front-channel.ts';
import {
  introspect,
  machineToken,
  otherCase,
  tokenClients,
  tokenScopes,
  tokensOf,
  userinfo,
} from '../support/tokens.ts';
import { authorize, codeFields, refreshFields, World } from '../support/world.ts';

const metrics = new Registry();
const log: string[] = [];
let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      ...tokenClients,
      aClient('shop.front')
        .everyResponseType()
        .with({
          scopes: ['openid', 'email', 'orders', 'offline_access'],
          access_token_format: 'opaque',
          access_token_lifetime: 1200,
        })
        .build(),
    ],
    scopes: tokenScopes,
    options: {
      metrics,
      log: logTo(log),
    },
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});
const granted = (scope = 'openid email orders') => tokensOf(world, 'shop.opaque', { username, scope });
const rows = () =>
  world.rows(`SELECT *, extract(epoch FROM expires_at - issued_at)::int AS seconds FROM access_tokens`);

describe('accessToken.format: opaque', () => {
  it('is 256 random bits, and nothing of it is stored or logged but its digest', async () => {
    await world.rows('DELETE FROM access_tokens');
    const { access_token: token = '', expires_in } = await granted();
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(expires_in).toBe(300);
    const stored = await rows();
    expect(stored).toMatchObject([{ client_id: 'shop.opaque', scopes: ['openid', 'email', 'orders'], seconds: 300 }]);
    await introspect(world, token);
    await userinfo(world, token);
    const everything: string[] = [];
    for (const table of await world.rows<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`,
    )) {
      everything.push(JSON.stringify(await world.rows(`SELECT t::text FROM ${table.name} t`)));
    }
    const digest = leftHalf(token);
    expect(everything.join('\n').includes(token) || log.join('\n').includes(token)).toBe(false);
    expect(log.join('\n')).not.toContain(digest);
    expect(log.length).toBeGreaterThan(0);
  });

  it('A57: the whole of it is looked up, letter by letter', async () => {
    const { access_token: token = '' } = await granted();
    expect((await userinfo(world, token)).status).toBe(200);
    for (const odd of [token.slice(0, -1), `${token}A`, otherCase(token), token.slice(1), `${token}${token}`]) {
      expect([odd, (await userinfo(world, odd)).status]).toEqual([odd, 401]);
    }
  });

  it('the ID token beside it is a JWT as ever, and userinfo knows the same person', async () => {
    const { access_token: token, id_token: idToken = '' } = await granted();
    const { body } = await userinfo(world, token);
    expect(body).toEqual({ sub: decodeJwt(idToken).sub, email: `${username}@example.com`, email_verified: false });
  });

  it('each refresh gives another one, with its scopes and audiences; the former lives on until it expires', async () => {
    const first = await granted();
    const { body } = await world.token({ ...refreshFields(first.refresh_token), scope: 'openid' }, 'shop.opaque');
    const narrow = (await introspect(world, body.access_token, 'shop.opaque')).body;
    expect(narrow).toMatchObject({ active: true, scope: 'openid', aud: 'shop.opaque' });
    expect((await introspect(world, body.access_token)).body).toEqual({ active: false });
    expect((await userinfo(world, body.access_token)).body).toEqual({ sub: narrow.sub });
    expect((await introspect(world, first.access_token)).body).toMatchObject({ scope: 'openid email orders' });
  });

  it('the repeat of a refresh gives a token that works, and none once the grant has ended', async () => {
    const first = await granted();
    const refresh = () => world.token(refreshFields(first.refresh_token), 'shop.opaque');
    await refresh();
    const again = await refresh();
    expect((await introspect(world, again.body.access_token)).body.active).toBe(true);
    await world.rows(`UPDATE grants SET ended_at = now()`);
    expect((await refresh()).body.error).toBe('invalid_grant');
  });

  it('a code that was spent gives no second token', async () => {
    const { code } = await authorize(world.browser(), { client_id: 'shop.opaque' }, username);
    await world.token(codeFields(code), 'shop.opaque');
    const before = await world.count('access_tokens');
    expect((await world.token(codeFields(code), 'shop.opaque')).body.error).toBe('invalid_grant');
    expect(await world.count('access_tokens')).toBe(before);
  });

  it.each(['token', 'id_token token', 'code token', 'code id_token token'])(
    'from the authorization endpoint, response type %s: ten minutes at most',
    async (response_type) => {
      await world.rows('DELETE FROM access_tokens');
      const response = await authorize(
        world.browser(),
        { client_id: 'shop.front', response_type, scope: 'openid email orders' },
        username,
      );
      const token = response.access_token ?? '';
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(response.expires_in).toBe('600');
      expect(await rows()).toMatchObject([{ seconds: 600, client_uid: 'uid-of-shop.front' }]);
      if (response.id_token !== undefined) expect(decodeJwt(response.id_token).at_hash).toBe(leftHalf(token));
      expect((await introspect(world, token)).body).toMatchObject({ active: true, client_id: 'shop.front' });
      expect((await userinfo(world, token)).body).toMatchObject({ email: `${username}@example.com` });
      if (response.code === undefined) return;
      const { body } = await world.token(codeFields(response.code), 'shop.front');
      expect(body.access_token).not.toBe(token);
      expect((await introspect(world, body.access_token)).body.active).toBe(true);
    },
  );

  it.each(['code token', 'code id_token token'])(
    'I10: %s with offline_access: the code goes on after the session, what came with it does not',
    async (response_type) => {
      const browser = world.browser();
      const scope = 'openid email orders offline_access';
      const response = await authorize(browser, { client_id: 'shop.front', response_type, scope }, username);
      const token = response.access_token ?? '';
      const { body } = await world.token(codeFields(response.code), 'shop.front');
      expect((await introspect(world, token)).body).toMatchObject({ active: true });
      const account = await browser.get('/account');
      await browser.submit(await browser.submit(account, { 'sign-out-all': 'ask' }), { 'sign-out-all': 'yes' });
      const active = async (one: string | undefined) => (await introspect(world, one)).body.active;
      const asked = async (one: string | undefined) => (await userinfo(world, one)).status;
      await expect.poll(() => active(token)).toBe(false);
      expect([await active(body.access_token), await asked(token), await asked(body.access_token)]).toEqual([
        true,
        401,
        200,
      ]);
    },
  );

  it('the format of what was issued is counted', async () => {
    for (const clientId of ['shop.job', 'shop.job-opaque']) await machineToken(world, clientId);
    const values = (await metrics.getSingleMetric('nauthera_tokens_issued_total')?.get())?.values ?? [];
    const access = values.filter(({ labels }) => labels.kind === 'access');
    expect(access.map(({ labels }) => `${labels.format} ${labels.grant_type}`).toSorted()).toEqual([
      'jwt client_credentials',
      'opaque authorization_code',
      'opaque client_credentials',
      'opaque implicit',
      'opaque refresh_token',
    ]);
  });
});
