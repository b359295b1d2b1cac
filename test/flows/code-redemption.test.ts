import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../support/builders.ts';
import { authorize, codeFields, issuer, refreshFields, verifier, World, webApp } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp(),
      webApp('shop.other'),
      webApp('shop.loose', { require_pkce: false }),
      webApp('shop.spa', { token_endpoint_auth_method: 'none', client_secret_digests: [] }),
    ],
  });
});
afterAll(() => world.stop());

type Change = Readonly<Record<string, string | undefined>>;

async function freshCode(change: Change = {}): Promise<string> {
  const { code } = await authorize(world.browser(), change);
  if (code === undefined) throw new Error('no code');
  return code;
}

function changed(code: string, change: Change): Readonly<Record<string, string>> {
  const fields = Object.entries({ ...codeFields(code), ...change });
  return Object.fromEntries(fields.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

describe('redeeming a code', () => {
  it('gives what was granted, once, and the answer is not cached', async () => {
    const { status, headers, body } = await world.token(codeFields(await freshCode()));
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
    expect(body).toMatchObject({ scope: 'openid profile email', expires_in: 300 });
    expect(Object.keys(body).sort()).toEqual([
      'access_token',
      'expires_in',
      'id_token',
      'refresh_token',
      'scope',
      'token_type',
    ]);
  });

  // A14: each single failure alone is invalid_grant; the code stays good for its owner.
  const failures: readonly [string, Change, string][] = [
    ['A14, F19: another client', {}, 'shop.other'],
    ['A14: another redirect URI', { redirect_uri: 'https://shop.example.com/cb/' }, 'shop.web'],
    ['RFC 6749 §4.1.3: the redirect URI left out', { redirect_uri: undefined }, 'shop.web'],
    ['RFC 7636 §4.6: a verifier that does not match', { code_verifier: 'x'.repeat(43) }, 'shop.web'],
    ['A17, F18: the verifier left out', { code_verifier: undefined }, 'shop.web'],
    ['A17, F18: an empty verifier', { code_verifier: '' }, 'shop.web'],
    ['F18: a verifier that is too short', { code_verifier: 'x'.repeat(42) }, 'shop.web'],
    ['an unknown code', { code: 'x'.repeat(43) }, 'shop.web'],
  ];
  it.each(failures)('%s: invalid_grant', async (_title, change, clientId) => {
    const code = await freshCode();
    const refused = await world.token(changed(code, change), clientId);
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant']);
    expect((await world.token(codeFields(code))).status).toBe(200);
  });

  it('A14: an expired code is invalid_grant, whether or not it was swept', async () => {
    const code = await freshCode();
    await world.rows(`UPDATE authorization_codes SET expires_at = now() - interval '1 second' WHERE used_at IS NULL`);
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('lives a minute at most', async () => {
    await freshCode();
    const rows = await world.rows<{ life: number }>(
      'SELECT max(extract(epoch FROM expires_at - created_at))::int AS life FROM authorization_codes',
    );
    expect(rows[0]?.life).toBe(60);
  });

  it('A18, F18: a verifier for a code without a challenge is invalid_grant, and without one it is redeemed', async () => {
    const without = { client_id: 'shop.loose', code_challenge: undefined, code_challenge_method: undefined };
    const code = await freshCode(without);
    expect((await world.token(codeFields(code), 'shop.loose')).body.error).toBe('invalid_grant');
    const { status } = await world.token(changed(code, { code_verifier: undefined }), 'shop.loose');
    expect(status).toBe(200);
  });

  it('a public client redeems with its verifier alone', async () => {
    const code = await freshCode({ client_id: 'shop.spa' });
    const post = (fields: Readonly<Record<string, string>>) =>
      world.fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ ...codeFields(code), client_id: 'shop.spa', ...fields }).toString(),
      });
    expect((await post({ code_verifier: 'y'.repeat(43) })).status).toBe(400);
    expect((await post({ code_verifier: verifier })).status).toBe(200);
  });

  it('a wrong client secret finds out nothing about a code', async () => {
    const code = await freshCode();
    for (const one of [code, 'x'.repeat(43)]) {
      const { status, body } = await world.token(codeFields(one), 'shop.web', 'wrong');
      expect([status, body.error]).toEqual([401, 'invalid_client']);
    }
    expect((await world.token(codeFields(code))).status).toBe(200);
  });

  it('a code is refused once its session has ended', async () => {
    const code = await freshCode();
    await world.rows(`UPDATE sessions SET ended_at = now()
      WHERE id = (SELECT session_id FROM authorization_codes WHERE used_at IS NULL ORDER BY created_at DESC LIMIT 1)`);
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('A39: a client that was created anew gets nothing of its predecessor', async () => {
    const code = await freshCode({ client_id: 'shop.other' });
    const used = await world.token(codeFields(await freshCode({ client_id: 'shop.other' })), 'shop.other');
    await world.rows(`UPDATE grants SET client_uid = 'a-former-uid' WHERE client_id = 'shop.other'`);
    await world.rows(`UPDATE authorization_codes SET client_uid = 'a-former-uid' WHERE client_id = 'shop.other'`);
    expect((await world.token(codeFields(code), 'shop.other')).body.error).toBe('invalid_grant');
    const refreshed = await world.token(refreshFields(used.body.refresh_token), 'shop.other');
    expect(refreshed.body.error).toBe('invalid_grant');
  });
});

describe('replay of a code', () => {
  it('RFC 6749 §4.1.2: ends the grant it gave, and no other grant of that user or client', async () => {
    const other = await world.token(codeFields(await freshCode()));
    const elsewhere = await world.token(codeFields(await freshCode({ client_id: 'shop.other' })), 'shop.other');
    const code = await freshCode();
    const won = await world.token(codeFields(code));
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(won.body.refresh_token))).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(other.body.refresh_token))).status).toBe(200);
    expect((await world.token(refreshFields(elsewhere.body.refresh_token), 'shop.other')).status).toBe(200);
    const [audit] = await world.rows(`SELECT event, outcome, reason, client_id, user_name FROM audit
      WHERE event = 'replay.detected' ORDER BY time DESC LIMIT 1`);
    expect(audit).toEqual({
      event: 'replay.detected',
      outcome: 'refused',
      reason: 'code',
      client_id: 'shop.web',
      user_name: 'ada',
    });
  });

  it('also with a wrong verifier: whoever has the code had it from somewhere', async () => {
    const code = await freshCode();
    const won = await world.token(codeFields(code));
    expect((await world.token(changed(code, { code_verifier: 'z'.repeat(43) }))).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(won.body.refresh_token))).body.error).toBe('invalid_grant');
  });

  it('by another client ends nothing', async () => {
    const code = await freshCode();
    const won = await world.token(codeFields(code));
    expect((await world.token(codeFields(code), 'shop.other')).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(won.body.refresh_token))).status).toBe(200);
  });

  it('ends the access token at userinfo too', async () => {
    const code = await freshCode();
    const { access_token: token } = (await world.token(codeFields(code))).body;
    const userinfo = () => world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    expect((await userinfo()).status).toBe(200);
    await world.token(codeFields(code));
    expect((await userinfo()).status).toBe(401);
  });
});

describe('A15, F19: one kind of handle is never another', () => {
  it('codes, refresh tokens, access tokens and cookies in each other’s place', async () => {
    const browser = world.browser();
    const { code = '' } = await authorize(browser);
    const { body } = await world.token(codeFields((await authorize(browser)).code));
    const handles = [code, body.refresh_token, body.access_token, body.id_token, ...browser.cookies.values()];
    for (const handle of handles) {
      if (handle !== code) {
        const { status, body: answer } = await world.token(codeFields(handle));
        expect([status, answer.error]).toEqual([400, 'invalid_grant']);
      }
      if (handle !== body.refresh_token) {
        const { status, body: answer } = await world.token(refreshFields(handle));
        expect([status, answer.error]).toEqual([400, 'invalid_grant']);
      }
    }
    expect((await world.token(codeFields(code))).status).toBe(200);
    expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
  });

  it('no handle stands in the database as it is', async () => {
    const { code = '' } = await authorize(world.browser());
    const { body } = await world.token(codeFields(code));
    const dump = JSON.stringify(
      await Promise.all(
        ['authorization_codes', 'refresh_tokens', 'sessions', 'grants', 'audit'].map((table) =>
          world.rows(`SELECT to_jsonb(t)::text AS row FROM ${table} t`),
        ),
      ),
    );
    for (const handle of [code, body.refresh_token ?? '']) {
      expect(dump).not.toContain(handle);
      expect(dump).not.toContain(Buffer.from(handle).toString('hex'));
    }
    // What is stored is the digest, so the search above looked at the right rows.
    expect(dump).toContain(Buffer.from(digestOf(code), 'base64url').toString('hex'));
  });
});
