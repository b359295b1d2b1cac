import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweep } from '../../server/src/store/sweep.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, World } from '../support/world.ts';

const postgres: TestPostgres[] = [];
afterAll(() => Promise.all(postgres.map((one) => one.stop())));

const backends: readonly [string, () => Promise<string | undefined>][] = [
  ['PGlite', () => Promise.resolve(undefined)],
  ...(['newest', 'oldest'] as const).map(
    (version) =>
      [
        `the ${version} Postgres`,
        async () => {
          const server = await startPostgres(version);
          postgres.push(server);
          return server.createDatabase();
        },
      ] as [string, () => Promise<string>],
  ),
];

describe.each(backends)('authorization code flow on %s', (_name, create) => {
  let world: World;
  beforeAll(async () => {
    const databaseUrl = await create();
    world = await World.open(databaseUrl === undefined ? {} : { databaseUrl });
  });
  afterAll(() => world.stop());

  it('signs in, asks, and gives tokens that openid-client accepts', async () => {
    const configuration = await world.relyingParty();
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: 'https://shop.example.com/cb',
      scope: 'openid profile email',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    const browser = world.browser();
    const login = await browser.get(url.href);
    expect(login.name).toBe('login');
    expect(login.html).toContain('The shop');
    const consent = await browser.submit(login, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
    expect(consent.name).toBe('consent');
    expect(consent.html).toContain('ada@example.com');
    const done = await browser.submit(consent, { decision: 'allow' });
    expect(done.name).toBe('continue');
    const tokens = await oidc.authorizationCodeGrant(configuration, done.wayOut as URL, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    expect(tokens.claims()).toMatchObject({ iss: issuer, aud: 'shop.web', nonce, sid: expect.any(String) });
    const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, tokens.claims()?.sub ?? '');
    expect(userinfo).toEqual({
      sub: tokens.claims()?.sub,
      name: 'ada of the shop',
      email: 'ada@example.com',
      email_verified: false,
    });
    const refreshed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect(refreshed.claims()).toMatchObject({ sub: tokens.claims()?.sub, auth_time: tokens.claims()?.auth_time });
    expect(refreshed.claims()?.nonce).toBeUndefined();
    const silent = await browser.get(`${url.pathname}${url.search}&prompt=none`);
    expect(silent.leftTo?.searchParams.get('code')).toBeTruthy();
  });

  it('every end of a code is the same answer: mismatch, replay; a spent refresh token ends the grant', async () => {
    const { code } = await authorize(world.browser());
    expect((await world.token({ ...codeFields(code), code_verifier: 'x'.repeat(43) })).body.error).toBe(
      'invalid_grant',
    );
    const first = await world.token(codeFields(code));
    const second = await world.token(refreshFields(first.body.refresh_token));
    expect((await world.token(refreshFields(first.body.refresh_token))).body.refresh_token).toBe(
      second.body.refresh_token,
    );
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(second.body.refresh_token))).body.error).toBe('invalid_grant');
  });

  it('a leaver, a denial and a wrong password leave their rows', async () => {
    world.memory.add('grace');
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    const wrong = await browser.submit(login, { username: 'grace', password: 'wrong', 'sign-in': '1' });
    const consent = await browser.submit(wrong, { username: 'grace', password: 'password-of-grace', 'sign-in': '1' });
    await browser.submit(consent, { decision: 'deny' });
    const again = await browser.get(authorizePath());
    world.memory.add('grace', { account: 'disabled' });
    expect((await browser.submit(again, { decision: 'allow' })).name).toBe('error:access_denied');
    const rows = await world.rows<{ event: string }>(
      `SELECT event FROM audit WHERE user_name = 'grace' ORDER BY time, event DESC`,
    );
    expect(rows.map(({ event }) => event)).toEqual([
      'login.failed',
      'login.succeeded',
      'consent.denied',
      'grant.ended',
      'consent.verified',
    ]);
  });

  it('F55, A81: the sweep removes what no longer matters, and nothing else', async () => {
    const browser = world.browser();
    const { code } = await authorize(browser);
    const { body } = await world.token(codeFields(code));
    const counts = async () => {
      const tables = [
        'sessions',
        'consents',
        'authorization_codes',
        'grants',
        'refresh_tokens',
        'revocations',
        'audit',
      ];
      return Object.fromEntries(
        await Promise.all(tables.map(async (table) => [table, await world.count(table)] as const)),
      );
    };
    const before = await counts();
    await sweep({ database: world.database, onSwept: (table, rows) => expect([table, rows]).toBe('nothing') });
    expect(await counts()).toEqual(before);
    const later = await world.token(refreshFields(body.refresh_token));
    expect(later.status).toBe(200);

    const swept: Record<string, number> = {};
    await world.rows(
      `UPDATE authorization_codes SET keep_until = now() - interval '1 second' WHERE used_at IS NOT NULL`,
    );
    await world.rows(`UPDATE refresh_tokens SET keep_until = now() - interval '1 second' WHERE used_at IS NOT NULL`);
    await world.rows(`UPDATE revocations SET expires_at = now() - interval '1 second'`);
    await world.rows(`UPDATE audit SET time = now() - interval '91 days' WHERE event = 'login.failed'`);
    await sweep({ database: world.database, onSwept: (table, rows) => void (swept[table] = rows) });
    expect(Object.keys(swept).sort()).toEqual(['audit', 'authorization_codes', 'refresh_tokens', 'revocations']);
    expect((await world.token(refreshFields(later.body.refresh_token))).status).toBe(200);
  });
});
