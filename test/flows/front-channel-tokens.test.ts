/** What the front channel gives, and what of it holds afterwards. */
import { describe, expect, it } from 'vitest';
import { gives } from '../../server/src/protocol/response-type.ts';
import { anOwner } from '../support/builders.ts';
import { verified } from '../support/front-channel.ts';
import {
  byPage,
  credentials,
  front,
  hybrid,
  issued,
  silently,
  useFrontChannel,
  userinfo,
  username,
  withToken,
  world,
} from '../support/front-channel-world.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, authorizePath, codeFields, issuer, refreshFields } from '../support/world.ts';

useFrontChannel();

describe('what the front channel gives', () => {
  it.each(withToken)('%s: an access token of ten minutes at most, whatever the client has', async (response_type) => {
    for (const [client_id, expected] of [
      ['shop.long', 600],
      ['shop.web', 300],
      ['shop.short', 60],
    ] as const) {
      const { response } = await byPage(world.browser(), { response_type, client_id });
      expect(response.expires_in).toBe(String(expected));
      const { iat, exp } = await verified(world, response.access_token, 'access');
      expect(Number(exp) - Number(iat)).toBe(expected);
    }
  });

  it.each(front)('%s: the grant lives as long as what came with it', async (response_type) => {
    const before = Date.now() / 1000;
    const { response } = await byPage(world.browser(), { response_type, client_id: 'shop.long' });
    const [row] = await world.rows<{ at: number; lives: number; session_id: string | null; used: boolean }>(
      `SELECT extract(epoch FROM g.created_at)::bigint AS at, extract(epoch FROM g.expires_at - g.created_at)::int AS lives, g.session_id
        FROM grants g ORDER BY g.created_at DESC LIMIT 1`,
    );
    expect(row?.at).toBeGreaterThanOrEqual(Math.floor(before) - 5);
    const idToken = 300;
    expect(row?.lives).toBe((gives(response_type, 'token') ? 600 : idToken) + 60);
    expect(row?.session_id).toEqual(expect.any(String));
    expect(response.error).toBeUndefined();
  });

  it('the claims that a client always wants are in its ID token beside an access token', async () => {
    const { response } = await byPage(world.browser(), { response_type: 'id_token token', client_id: 'shop.wants' });
    const claims = await verified(world, response.id_token, 'id');
    expect([claims.email, claims.name]).toEqual([`${username}@example.com`, undefined]);
  });

  it.each(withToken)('%s: audiences as from the token endpoint', async (response_type) => {
    const { response } = await byPage(world.browser(), { response_type, scope: 'openid shop:api' });
    expect((await verified(world, response.access_token, 'access')).aud).toBe('https://api.shop.example.com');
  });

  it.each(withToken)('I10: %s: a session that ends takes the token along', async (response_type) => {
    const browser = world.browser();
    const { response } = await byPage(browser, { response_type });
    expect((await userinfo(response.access_token)).status).toBe(200);
    // Somebody else signs in with this browser.
    const other = await browser.submit(await browser.get(authorizePath({ prompt: 'login' })), { 'use-another': '1' });
    world.memory.add('grace');
    await browser.submit(other, { username: 'grace', password: 'password-of-grace', 'sign-in': '1' });
    await expect.poll(async () => (await userinfo(response.access_token)).status).toBe(401);
  });

  it.each(hybrid)(
    'I1: %s: a code that comes again ends its grant, the front-channel token included',
    async (response_type) => {
      const { response } = await byPage(world.browser(), { response_type });
      const first = await world.token(codeFields(response.code));
      expect(first.status).toBe(200);
      if (gives(response_type, 'token')) expect((await userinfo(response.access_token)).status).toBe(200);
      expect((await world.token(codeFields(response.code))).body.error).toBe('invalid_grant');
      for (const token of [response.access_token, first.body.access_token]) {
        if (token === undefined) continue;
        await expect.poll(async () => (await userinfo(token)).status).toBe(401);
      }
      expect((await world.token(refreshFields(first.body.refresh_token))).body.error).toBe('invalid_grant');
    },
  );

  it.each(hybrid)('%s: a grant that ended before its code was redeemed gives nothing more', async (response_type) => {
    const { response } = await byPage(world.browser(), { response_type });
    await world.rows(
      `UPDATE grants SET ended_at = now(), ended_reason = 'user' WHERE username = '${username}' AND ended_at IS NULL`,
    );
    const before = await world.count('refresh_tokens');
    expect((await world.token(codeFields(response.code))).body.error).toBe('invalid_grant');
    expect(await world.count('refresh_tokens')).toBe(before);
    expect(await world.count('grants', `username = '${username}' AND ended_at IS NULL`)).toBe(0);
  });

  it.each(hybrid)(
    'RFC 7636 §4.6: %s: the code is bound to its challenge, client and redirect URI',
    async (response_type) => {
      const { response } = await byPage(world.browser(), { response_type });
      const fields = codeFields(response.code);
      expect((await world.token({ ...fields, code_verifier: 'x'.repeat(43) })).body.error).toBe('invalid_grant');
      expect((await world.token({ ...fields, redirect_uri: 'https://shop.example.com/' })).body.error).toBe(
        'invalid_grant',
      );
      expect((await world.token(fields, 'shop.other')).body.error).toBe('invalid_grant');
      expect((await world.token(fields)).status).toBe(200);
    },
  );

  it.each(hybrid)('I1: %s: of fifty redemptions at once one wins', async (response_type) => {
    const { response } = await byPage(world.browser(), { response_type });
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.token(codeFields(response.code))));
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(answers.filter(({ body }) => body.error === 'invalid_grant').length).toBe(49);
  });

  it.each(hybrid)(
    '%s with offline_access: the code goes on after the session, what came with it does not',
    async (response_type) => {
      const browser = world.browser();
      const { response } = await byPage(browser, { response_type, scope: 'openid offline_access' });
      const { body } = await world.token(codeFields(response.code));
      await world.rows(`UPDATE sessions SET ended_at = now(), ended_reason = 'user' WHERE username = '${username}'`);
      expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
    },
  );

  it('a page that was read too long gives no token any more: it starts again', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [{ name: 'staff alone', scopes: ['email'], groups: ['staff'] }] }));
    try {
      world.memory.add(username, { groups: [] });
      for (const response_mode of ['fragment', 'form_post'] as const) {
        const browser = world.browser();
        const page = await byPage(browser, { response_type: 'id_token token', response_mode, prompt: 'consent' });
        expect(page.name).toBe('consent-partial');
        const read = await browser.get(page.link('continue') ?? '');
        expect(read.response).toMatchObject({ scope: 'openid profile' });
        await world.rows(
          `UPDATE authorization_codes SET expires_at = now() - interval '1 second' WHERE username = '${username}'`,
        );
        expect((await browser.get(page.link('continue') ?? '')).name).toBe('error:request_expired');
      }
    } finally {
      await declare();
    }
  });

  it('A16: the answer is for the browser that was asked, and for a minute', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ response_type: 'token' }));
    const consent = await browser.submit(login, credentials());
    const { headers } = await browser.postOnly(consent.form.action, { ...consent.form.fields, decision: 'allow' });
    const path = headers.get('location') ?? '';
    expect((await world.browser().get(path)).name).toBe('error:cookie_missing');
    const other = world.browser();
    await byPage(other, { response_type: 'token' });
    expect((await other.get(path)).name).toBe('error:request_expired');
    expect((await browser.get(path)).response.access_token).toEqual(expect.any(String));
    await world.rows(
      `UPDATE authorization_codes SET created_at = now() - interval '61 seconds' WHERE username = '${username}'`,
    );
    expect((await browser.get(path)).name).toBe('error:already_answered');
  });

  it('a user with too many unused answers gets no more for a minute', async () => {
    const browser = world.browser();
    await byPage(browser, { response_type: 'token' });
    for (let at = 1; at < 10; at++)
      expect((await silently(browser, { response_type: 'token' })).response.access_token).toBeTruthy();
    const refused = await silently(browser, { response_type: 'token' });
    expect(refused.response).toMatchObject({ error: 'temporarily_unavailable', state: 'the-state' });
    expect(refused.mode).toBe('fragment');
  });

  it('what left through the browser is told', async () => {
    const { response } = await byPage(world.browser(), { response_type: 'id_token token' });
    expect(response.id_token).toBeTruthy();
    const browser = world.browser();
    const login = await browser.get(authorizePath({ response_type: 'id_token', prompt: 'consent' }));
    const consent = await browser.submit(login, credentials());
    expect((await browser.submit(consent, { decision: 'deny' })).response.error).toBe('access_denied');
    const [row] = await world.rows<{ event: string; grant_type: string }>(
      `SELECT event, grant_type FROM audit WHERE user_name = '${username}' AND grant_type IS NOT NULL`,
    );
    expect(row).toEqual({ event: 'consent.given', grant_type: 'implicit' });
    const metrics = await (await fetch(`${world.servers[0]?.managementUrl ?? ''}/metrics`)).text();
    expect(metrics).toMatch(/nauthera_tokens_issued_total\{kind="access",format="jwt",grant_type="implicit"\} [1-9]/);
    expect(metrics).toMatch(/nauthera_tokens_issued_total\{kind="id",format="jwt",grant_type="implicit"\} [1-9]/);
    expect(metrics).toMatch(
      /nauthera_authorization_requests_total\{response_type="id_token token",outcome="success"\} [1-9]/,
    );
    expect(metrics).toMatch(
      /nauthera_authorization_requests_total\{response_type="id_token",outcome="access_denied"\} [1-9]/,
    );
  });

  it('the scope openid refused by a rule ends a request that wants an ID token', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
    await declare(aDirectory({ consent_rules: [{ name: 'staff sign in', scopes: ['openid'], groups: ['staff'] }] }));
    try {
      world.memory.add(username, { groups: [] });
      const before = await issued();
      for (const response_type of ['id_token', 'id_token token', 'code id_token', 'code id_token token'] as const)
        expect((await byPage(world.browser(), { response_type })).name).toBe('error:access_denied');
      expect(await issued()).toEqual(before);
      expect((await byPage(world.browser(), { response_type: 'code token' })).name).toBe('consent-partial');
    } finally {
      await declare();
    }
  });

  it.each(withToken)(
    'RFC 8707 §2: %s: with the scope of the named resource refused there is nobody to give a token for',
    async (response_type) => {
      const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
      const declare = (value = aDirectory()) =>
        world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
      const asking = { response_type, scope: 'openid shop:api', resource: 'https://api.shop.example.com' };
      const browser = world.browser();
      expect((await byPage(browser, asking)).response.access_token).toBeDefined();
      await declare(aDirectory({ consent_rules: [{ name: 'api', scopes: ['shop:api'], groups: ['developers'] }] }));
      try {
        const before = await issued();
        for (const page of [await silently(browser, asking), await byPage(world.browser(), asking)]) {
          expect([page.mode, page.response.error, page.response.state]).toEqual([
            'fragment',
            'invalid_target',
            'the-state',
          ]);
        }
        expect(await issued()).toEqual(before);
      } finally {
        await declare();
      }
    },
  );

  it('RFC 8414 §2: metadata lists what policy allows, in both documents alike', async () => {
    const documents = ['openid-configuration', 'oauth-authorization-server'].map((name) =>
      world.fetch(`${issuer}/.well-known/${name}`),
    );
    const [first, second] = await Promise.all(documents.map(async (one) => (await one).text()));
    expect(second).toBe(first);
    expect(JSON.parse(first ?? '')).toMatchObject({
      response_types_supported: ['code', 'id_token', 'code id_token'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
    });
  });
});
