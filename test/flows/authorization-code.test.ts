import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issuer, World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.stop());

describe('authorization code flow, as a relying party sees it', () => {
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
    expect(tokens.claims()).toMatchObject({ iss: issuer, aud: 'shop.web', nonce });
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
  });
});
