/**
 * What a pairwise subject hides, the `sid` of a browser session does not tell: each sector is told one of its own, everywhere
 * the same, and a session ends by it as by any other.
 */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import type { Browser } from '../support/browser.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { introspect, userinfo } from '../support/tokens.ts';
import { authorize, codeFields, refreshFields, World, webApp } from '../support/world.ts';

const implicit = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const framed = (host: string) => `https://${host}/out`;
const pairwise = (host: string): Partial<ClientRegistration> => ({
  consent: implicit,
  subject_type: 'pairwise',
  sector_identifier: host,
  redirect_uris: ['https://shop.example.com/cb', `https://${host}/cb`],
  frontchannel_logout_uri: framed(host),
});

let world: World;
let turn = 0;
let username = '';
let browser: Browser;
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.public', { consent: implicit }),
      webApp('shop.a', pairwise('a.example.com')),
      webApp('shop.a2', pairwise('a.example.com')),
      webApp('shop.b', pairwise('b.example.com')),
      webApp('shop.moves', pairwise('a.example.com')),
      aClient('shop.front').everyResponseType().with(pairwise('b.example.com')).build(),
    ],
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
  browser = world.browser();
});

const granted = async (clientId: string, scope = 'openid') => {
  const { code } = await authorize(browser, { client_id: clientId, scope }, username);
  return (await world.token(codeFields(code), clientId)).body;
};
const sidOf = (jwt: string | undefined) => decodeJwt(jwt ?? '').sid;

describe('the sid of one browser session', () => {
  it('is one in a sector, another in each other, and the own one for public clients alone', async () => {
    const sids: unknown[] = [];
    for (const id of ['shop.a', 'shop.a2', 'shop.b', 'shop.public']) sids.push(sidOf((await granted(id)).id_token));
    expect(sids[0]).toBe(sids[1]);
    expect(new Set(sids).size).toBe(3);
    const [row] = await world.rows<{ id: string }>('SELECT id FROM sessions WHERE username = $1', [username]);
    expect(sids[3]).toBe(row?.id);
  });

  it('is the same in ID and access token, after a refresh, for offline access, and from the front channel', async () => {
    const first = await granted('shop.b');
    const second = (await world.token(refreshFields(first.refresh_token), 'shop.b')).body;
    const offline = await granted('shop.b', 'openid offline_access');
    const change = { client_id: 'shop.front', response_type: 'code id_token token', scope: 'openid' };
    const front = await authorize(browser, change, username);
    const tokens = [first.id_token, first.access_token, second.id_token, second.access_token, offline.id_token];
    const sids = [...tokens, front.id_token, front.access_token].map(sidOf);
    expect(sids[0]).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(new Set(sids)).toEqual(new Set([sids[0]]));
  });
});

describe('a session ends by it', () => {
  const opened = async (token: string | undefined, clientId: string) => [
    (await introspect(world, token, clientId)).body.active,
    (await userinfo(world, token)).status,
  ];

  it('the hint of a pairwise client ends the session without a question, and everything that hangs off it', async () => {
    const a = await granted('shop.a');
    const b = await granted('shop.b');
    const change = { client_id: 'shop.front', response_type: 'id_token token', scope: 'openid' };
    const front = await authorize(browser, change, username);
    const tokens = { 'shop.a': a.access_token, 'shop.b': b.access_token, 'shop.front': front.access_token };
    for (const [clientId, token] of Object.entries(tokens)) expect(await opened(token, clientId)).toEqual([true, 200]);
    const page = await browser.get(`/logout?id_token_hint=${a.id_token ?? ''}`);
    expect(page.name).toBe('signed-out');
    // Front-channel logout: each frame with the sid that its own client knows.
    const frames = [...page.html.matchAll(/<iframe [^>]*src="([^"]*)"/g)].map(
      ([, src]) => new URL((src ?? '').replaceAll('&amp;', '&')),
    );
    const byHost = Object.fromEntries(frames.map((url) => [url.host, url.searchParams.get('sid')]));
    expect(byHost).toEqual({ 'a.example.com': sidOf(a.id_token), 'b.example.com': sidOf(b.id_token) });
    for (const [clientId, token] of Object.entries(tokens)) {
      await expect.poll(() => opened(token, clientId)).toEqual([false, 401]);
    }
    expect((await world.token(refreshFields(b.refresh_token), 'shop.b')).body.error).toBe('invalid_grant');
  });

  it('a token from the browser goes with the session although its code gives offline access', async () => {
    const change = { client_id: 'shop.front', response_type: 'code token', scope: 'openid offline_access' };
    const front = await authorize(browser, change, username);
    const { body } = await world.token(codeFields(front.code), 'shop.front');
    expect(await opened(front.access_token, 'shop.front')).toEqual([true, 200]);
    const { id_token: hint = '' } = await granted('shop.a');
    await browser.get(`/logout?id_token_hint=${hint}`);
    await expect.poll(() => opened(front.access_token, 'shop.front')).toEqual([false, 401]);
    expect(await opened(body.access_token, 'shop.front')).toEqual([true, 200]);
  });

  it('a token of before its client came to another sector is refused: whether its session ended cannot be told', async () => {
    const { access_token: token, id_token: hint = '' } = await granted('shop.moves');
    expect(await opened(token, 'shop.moves')).toEqual([true, 200]);
    const value = webApp('shop.moves', pairwise('c.example.com'));
    await world.served({ kind: 'client', id: 'shop.moves', owner: anOwner('shop.moves'), value });
    expect(await opened(token, 'shop.moves')).toEqual([false, 401]);
    expect((await browser.get(`/logout?id_token_hint=${hint}`)).name).toBe('sign-out');
    const after = await granted('shop.moves');
    expect(await opened(after.access_token, 'shop.moves')).toEqual([true, 200]);
  });

  it('the hint of one person ends nothing of another', async () => {
    const { id_token: hint = '' } = await granted('shop.a');
    username = `${username}-other`;
    world.memory.add(username);
    browser = world.browser();
    await granted('shop.a');
    expect((await browser.get(`/logout?id_token_hint=${hint}`)).name).toBe('sign-out');
  });
});
