/** I2, F08, Back-Channel Logout §2.4: applications of whoever was locked in a real directory receive the token that says so. */
import { text } from 'node:stream/consumers';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, type JWTVerifyResult, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser } from '../support/browser.ts';
import { makeAuthority, type TestAuthority } from '../support/certificates.ts';
import { registrationOf } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorizePath, codeFields, issuer, World, webApp } from '../support/world.ts';

const implicit = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const patience = { timeout: 120_000, interval: 250 };
/** By the id of the application whose address was called; what could not be verified is the reason. */
const received: (readonly [string, JWTVerifyResult | Error])[] = [];
let slapd: Slapd;
let authority: TestAuthority;
let sink: TlsSink;
let world: World;

beforeAll(async () => {
  [slapd, authority] = await Promise.all([startSlapd(), makeAuthority()]);
  sink = await openTlsSink(await authority.issue());
  const told = (id: string, more: Parameters<typeof webApp>[1] = {}) =>
    webApp(id, { consent: implicit, backchannel_logout_uri: `https://127.0.0.1:${sink.port}/${id}`, ...more });
  world = await World.open({
    server: { outbound_allowed: ['127.0.0.1/32'] },
    clients: [
      told('shop.web'),
      told('shop.offline'),
      told('shop.pairwise', { subject_type: 'pairwise', sector_identifier: 'shop.example.com' }),
      told('shop.unused'),
    ],
    directory: 'registered',
    directories: { 'shop/people': registrationOf(slapd, { recheck: { every: 10 } }) },
    rechecks: true,
    options: { seams: { outbound: { ca: authority.pem } } },
  });
  const keys = createLocalJWKSet((await (await world.fetch(`${issuer}/jwks`)).json()) as JSONWebKeySet);
  sink.answer = (request, response) =>
    void text(request).then(async (body) => {
      const client = (request.url ?? '').slice(1);
      const token = new URLSearchParams(body).get('logout_token') ?? '';
      const limits = { issuer, audience: client, typ: 'logout+jwt', maxTokenAge: '2 minutes' } as const;
      received.push([client, await jwtVerify(token, keys, limits).catch((error: Error) => error)]);
      response.end();
    });
});
afterAll(async () => {
  await world?.stop();
  await Promise.all([sink?.close(), slapd?.close()]);
});

async function idToken(browser: Browser, clientId: string, uid: string, scope = 'openid'): Promise<string> {
  const asked = await browser.get(authorizePath({ client_id: clientId, scope }));
  const typed = { username: uid, password: seedPassword(uid), 'sign-in': '1' };
  const { response } = asked.name === 'login' ? await browser.submit(asked, typed) : asked;
  return (await world.token(codeFields(response.code), clientId)).body.id_token ?? '';
}

it('each application that they used is told once, in its own words; of others nobody is', async () => {
  const [leaver, stayer] = [world.browser(), world.browser()];
  const tokens = {
    'shop.offline': await idToken(leaver, 'shop.offline', 'zoe', 'openid offline_access'),
    'shop.pairwise': await idToken(leaver, 'shop.pairwise', 'zoe'),
    'shop.web': await idToken(leaver, 'shop.web', 'zoe'),
  };
  const kept = decodeJwt(await idToken(stayer, 'shop.web', 'ada'));
  await slapd.lock(seedDn('zoe'));
  await expect.poll(() => received.length, patience).toBeGreaterThanOrEqual(3);
  await expect.poll(() => world.count('logout_deliveries'), patience).toBe(0);

  const all = received.map(([client, token]) => {
    if (token instanceof Error) throw token;
    return { client, ...token };
  });
  expect(all.map(({ client }) => client).toSorted()).toEqual(Object.keys(tokens));
  for (const { client, payload, protectedHeader } of all) {
    const { sub, sid } = decodeJwt(tokens[client as keyof typeof tokens]);
    const { iat, exp, jti, ...said } = payload;
    // Nothing else: above all no nonce, so that it passes for no ID token.
    expect(said).toEqual({
      iss: issuer,
      aud: client,
      sub,
      sid,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    expect([typeof iat, typeof exp, typeof jti]).toEqual(['number', 'number', 'string']);
    expect(protectedHeader).toMatchObject({ alg: 'RS256', typ: 'logout+jwt' });
    expect([sub, sid]).not.toContain(undefined);
    expect(sid).not.toBe(kept.sid);
  }
  expect(new Set(all.map(({ payload }) => payload.jti)).size).toBe(3);
  expect(new Set(all.map(({ payload }) => payload.sub)).size).toBe(2);
});
