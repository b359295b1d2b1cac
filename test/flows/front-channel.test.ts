/** The seven response types in every mode: by page and in silence, allowed, refused by a rule, and with the directory down. */
import { describe, expect, it } from 'vitest';
import { gives, isFrontChannel } from '../../server/src/protocol/response-type.ts';
import type { Page } from '../support/browser.ts';
import { anOwner } from '../support/builders.ts';
import { answered, leftHalf, membersOf, verified } from '../support/front-channel.ts';
import {
  byPage,
  credentials,
  issued,
  silently,
  useFrontChannel,
  userinfo,
  username,
  world,
} from '../support/front-channel-world.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, authorizePath, codeFields, issuer, refreshFields } from '../support/world.ts';

useFrontChannel();

const rule = { name: 'staff alone', scopes: ['openid', 'profile', 'email', 'shop:api'], groups: ['staff'] };
const withoutProtocol = ({ state: _state, iss: _iss, ...members }: Readonly<Record<string, string>>) => members;

describe.each(answered)('response_type=%s, response_mode=%s', (response_type, response_mode) => {
  const asked = { response_type, response_mode };

  async function expectWhole(page: Page, clientId = 'shop.web'): Promise<Readonly<Record<string, string>>> {
    expect(page.mode).toBe(response_mode);
    const { response } = page;
    expect(response).toMatchObject({ state: 'the-state', iss: issuer });
    expect(Object.keys(withoutProtocol(response)).sort()).toEqual(membersOf(response_type));
    if (gives(response_type, 'token')) {
      expect(response).toMatchObject({ token_type: 'Bearer', expires_in: '300', scope: 'openid profile email' });
      const claims = await verified(world, response.access_token, 'access');
      expect(claims).toMatchObject({ client_id: clientId, aud: clientId, scope: 'openid profile email' });
    }
    if (gives(response_type, 'id_token')) {
      const claims = await verified(world, response.id_token, 'id');
      expect(claims).toMatchObject({ aud: clientId, nonce: 'the-nonce', sid: expect.any(String) as string });
      expect(claims.at_hash).toBe(gives(response_type, 'token') ? leftHalf(response.access_token ?? '') : undefined);
      expect(claims.c_hash).toBe(gives(response_type, 'code') ? leftHalf(response.code ?? '') : undefined);
      // OpenID Connect Core §5.4: without an access token the claims of the scopes are here, otherwise at userinfo.
      expect(claims.email).toBe(response_type === 'id_token' ? `${username}@example.com` : undefined);
    }
    return response;
  }

  it('allowed: by page, and then in silence, each parameter once', async () => {
    const browser = world.browser();
    const page = await byPage(browser, asked);
    expect(page.name).toBe(response_mode === 'form_post' ? 'form-post' : 'continue');
    const first = await expectWhole(page);
    const again = await silently(browser, asked);
    expect(again.name).toBe(response_mode === 'form_post' ? 'form-post' : 'left');
    const second = await expectWhole(again);
    for (const name of ['code', 'access_token']) {
      if (first[name] !== undefined) expect(second[name]).not.toBe(first[name]);
    }
  });

  it('the same sub and auth_time everywhere, and a refresh token from the token endpoint alone', async () => {
    const { response } = await byPage(world.browser(), { ...asked, scope: 'openid profile email offline_access' });
    expect(response).not.toHaveProperty('refresh_token');
    const told: Awaited<ReturnType<typeof verified>>[] = [];
    if (gives(response_type, 'token')) {
      told.push(await verified(world, response.access_token, 'access'));
      const { status, body } = await userinfo(response.access_token);
      expect(status).toBe(200);
      expect(body.email).toBe(`${username}@example.com`);
      told.push({ ...told[0], sub: String(body.sub) });
    }
    if (gives(response_type, 'id_token')) told.push(await verified(world, response.id_token, 'id'));
    if (gives(response_type, 'code')) {
      const { status, body } = await world.token(codeFields(response.code));
      expect(status).toBe(200);
      expect(body.refresh_token).toEqual(expect.any(String));
      told.push(await verified(world, body.id_token, 'id'), await verified(world, body.access_token, 'access'));
      expect(told.at(-2)).toMatchObject({ nonce: 'the-nonce' });
      expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
    }
    expect(new Set(told.map(({ sub, auth_time }) => `${sub} ${String(auth_time)}`)).size).toBe(1);
    const offline = gives(response_type, 'code') ? / offline_access$/ : /^(?!.*offline_access)/;
    for (const { scope } of told) if (scope !== undefined) expect(scope).toMatch(offline);
  });

  it('refused by a rule of the directory: access_denied in the same way, nothing issued, nothing stored', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [rule] }));
    try {
      world.memory.add(username, { groups: [] });
      const before = await issued();
      const browser = world.browser();
      const page = await byPage(browser, asked);
      expect(page.name).toBe('error:access_denied');
      const way = response_mode === 'form_post' ? await browser.get(page.link('back') ?? '') : page;
      expect(way.response).toEqual({
        error: 'access_denied',
        error_description: expect.any(String) as string,
        state: 'the-state',
        iss: issuer,
      });
      expect(await issued()).toEqual(before);
      // The yes was for nothing; asked in silence it is still none.
      const silent = await silently(browser, asked);
      expect(silent.mode).toBe(response_mode);
      expect(silent.response).toMatchObject({ error: 'consent_required', state: 'the-state', iss: issuer });
      expect(await issued()).toEqual(before);
    } finally {
      await declare();
    }
  });

  it('refused by a rule although remembered: in silence and on a page that says so', async () => {
    const browser = world.browser();
    await byPage(browser, asked);
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [rule] }));
    try {
      world.memory.add(username, { groups: [] });
      const before = await issued();
      const silent = await silently(browser, asked);
      expect(silent.mode).toBe(response_mode);
      expect(silent.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
      const page = await browser.get(authorizePath(asked));
      expect(page.name).toBe('error:access_denied');
      const way = response_mode === 'form_post' ? await browser.get(page.link('back') ?? '') : page;
      expect(way.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
      expect(await issued()).toEqual(before);
    } finally {
      await declare();
    }
  });

  it('I7: the directory is down: nothing issued, nothing stored, and "Try again" does what was wanted', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath(asked));
    const consent = await browser.submit(login, credentials());
    expect(consent.name).toBe('consent');
    const before = await issued();
    world.memory.down = true;
    const page = await browser.submit(consent, { decision: 'allow' });
    expect(page.name).toBe('error:temporarily_unavailable');
    expect(await issued()).toEqual(before);
    world.memory.down = false;
    const done = await browser.submit(page, {});
    await expectWhole(done);
    world.memory.down = true;
    const after = await issued();
    const silent = await silently(browser, asked);
    expect(silent.mode).toBe(response_mode);
    expect(silent.response).toMatchObject({ error: 'temporarily_unavailable', state: 'the-state', iss: issuer });
    expect(await issued()).toEqual(after);
  });

  it('No, and Cancel, are access_denied in the same way', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath(asked));
    const cancelled = await browser.submit(login, { cancel: '1' });
    expect(cancelled.mode).toBe(response_mode);
    expect(cancelled.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    const consent = await browser.submit(await browser.get(authorizePath(asked)), credentials());
    const denied = await browser.submit(consent, { decision: 'deny' });
    expect(denied.mode).toBe(response_mode);
    expect(denied.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
  });

  it('a form sent twice gets the one answer, and there is one grant', async () => {
    const browser = world.browser();
    const consent = await browser.submit(await browser.get(authorizePath(asked)), credentials());
    const before = await world.count('grants');
    const [first, second] = await Promise.all([
      browser.submit(consent, { decision: 'allow' }),
      browser.submit(consent, { decision: 'allow' }),
    ]);
    expect(second.response).toEqual(first.response);
    expect((await world.count('grants')) - before).toBe(isFrontChannel(response_type) ? 1 : 0);
  });

  it('a sign-in that answers at once: remembered yes, all in one statement', async () => {
    await byPage(world.browser(), asked);
    const other = world.browser();
    const page = await other.submit(await other.get(authorizePath(asked)), credentials());
    expect(page.name).toBe(response_mode === 'form_post' ? 'form-post' : 'continue');
    const response = await expectWhole(page);
    if (gives(response_type, 'id_token')) {
      const { auth_time } = await verified(world, response.id_token, 'id');
      const again = await silently(other, { ...asked, max_age: '1000' });
      expect((await verified(world, again.response.id_token, 'id')).auth_time).toBe(auth_time);
    }
  });

  it('a public client is answered alike', async () => {
    await expectWhole(await byPage(world.browser(), { ...asked, client_id: 'shop.spa' }), 'shop.spa');
  });
});
