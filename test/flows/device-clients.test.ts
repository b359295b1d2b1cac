/** RFC 8628 as applications live it, through the libraries that they use. */
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../server/src/protocol/terms.ts';
import { aScope, aServer } from '../support/builders.ts';
import { answerDevice, deviceApp, hurry, publicDeviceApp } from '../support/devices.ts';
import { issuer, World } from '../support/world.ts';

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  const scopes = ['openid', 'profile', 'email', 'films', 'games'];
  world = await World.open({
    server: {
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrant],
      lifetimes: { ...aServer().lifetimes, device_code: 300 },
    },
    scopes: [
      aScope('films', { audiences: ['https://films.example'] }),
      aScope('games', { audiences: ['https://games.example'] }),
    ],
    clients: [deviceApp('tv.app', { scopes }), publicDeviceApp('tv.public', { scopes })],
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `person${++turn}`;
  world.memory.add(username);
});

describe('openid-client', () => {
  it('finds the endpoint, starts, polls every five seconds, and gets verified tokens', async () => {
    const configuration = await world.relyingParty('tv.app');
    const metadata = configuration.serverMetadata();
    expect(metadata.device_authorization_endpoint).toBe(`${issuer}/device_authorization`);
    expect(metadata.grant_types_supported).toContain(deviceCodeGrant);
    const device = await oidc.initiateDeviceAuthorization(configuration, { scope: 'openid email' });
    expect([device.expires_in, device.interval]).toEqual([300, 5]);
    const polling = oidc.pollDeviceAuthorizationGrant(configuration, device);
    await answerDevice(world.browser(), { ...device, verification_uri_complete: '', interval: 5 }, 'allow', username);
    const tokens = await polling;
    expect(tokens.claims()).toMatchObject({ aud: 'tv.app', iss: issuer });
    const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, tokens.claims()?.sub ?? '');
    expect(userinfo.email).toBe(`${username}@example.com`);
    const refreshed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect(refreshed.claims()).toMatchObject({ sub: userinfo.sub, auth_time: tokens.claims()?.auth_time });
  });

  it('a public client that hurries is slowed down, waits longer, and succeeds', async () => {
    const none = { [oidc.customFetch]: (url: string, init: unknown) => world.fetch(url, init as RequestInit) };
    const configuration = await oidc.discovery(new URL(issuer), 'tv.public', undefined, oidc.None(), none);
    configuration[oidc.customFetch] = none[oidc.customFetch];
    const device = await oidc.initiateDeviceAuthorization(configuration, { scope: 'openid' });
    const polling = oidc.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 1 });
    await expect.poll(() => slowDowns()).toBeGreaterThan(0);
    await answerDevice(world.browser(), { ...device, verification_uri_complete: '', interval: 1 }, 'allow', username);
    expect((await polling).claims()?.aud).toBe('tv.public');
  });

  it('a No ends the wait with access_denied', async () => {
    const configuration = await world.relyingParty('tv.app');
    const device = await oidc.initiateDeviceAuthorization(configuration, { scope: 'openid' });
    await answerDevice(world.browser(), { ...device, verification_uri_complete: '', interval: 1 }, 'deny', username);
    await expect(oidc.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 1 })).rejects.toMatchObject({
      error: 'access_denied',
    });
  });
});

async function slowDowns(): Promise<number> {
  const [server] = world.servers;
  const metrics = await (await fetch(`${server?.managementUrl}/metrics`)).text();
  return Number(/nauthera_device_authorizations_total\{outcome="slow_down"\} (\d+)/.exec(metrics)?.[1] ?? 0);
}

describe('oauth4webapi', () => {
  const http = { [oauth.customFetch]: (url: string, init: unknown) => world.fetch(url, init as RequestInit) };
  const client: oauth.Client = { client_id: 'tv.app' };
  const secret = oauth.ClientSecretBasic('secret-of-tv.app');
  const server = async () =>
    oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), http));
  const start = async (parameters: Record<string, string>) => {
    const as = await server();
    const response = await oauth.deviceAuthorizationRequest(as, client, secret, parameters, http);
    return oauth.processDeviceAuthorizationResponse(as, client, response);
  };
  const poll = async (code: string, more: Record<string, string> = {}) => {
    const as = await server();
    const options = { ...http, additionalParameters: more };
    const response = await oauth.deviceCodeGrantRequest(as, client, secret, code, options);
    return oauth.processDeviceCodeResponse(as, client, response);
  };
  const answer = (device: oauth.DeviceAuthorizationResponse) =>
    answerDevice(world.browser(), { ...device, verification_uri_complete: '', interval: 5 }, 'allow', username);

  it('reads every answer: pending, slow_down, tokens, and the end of a spent code', async () => {
    const device = await start({ scope: 'openid' });
    await expect(poll(device.device_code)).rejects.toMatchObject({ error: 'authorization_pending', status: 400 });
    await hurry(world);
    await expect(poll(device.device_code)).rejects.toMatchObject({ error: 'slow_down', status: 400 });
    await answer(device);
    expect((await poll(device.device_code)).id_token).toEqual(expect.any(String));
    await expect(poll(device.device_code)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('RFC 8707: a resource narrows the audience, where the device asks or when it comes for the tokens', async () => {
    const audience = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).aud;
    const narrow = await start({ scope: 'films games', resource: 'https://films.example' });
    await answer(narrow);
    await expect(poll(narrow.device_code, { resource: 'https://games.example' })).rejects.toMatchObject({
      error: 'invalid_target',
    });
    // Nothing was spent by the refusal.
    expect(audience((await poll(narrow.device_code)).access_token)).toBe('https://films.example');
    const wide = await start({ scope: 'films games' });
    await answer(wide);
    const { access_token } = await poll(wide.device_code, { resource: 'https://games.example' });
    expect(audience(access_token)).toBe('https://games.example');
    await expect(start({ scope: 'films', resource: 'https://games.example' })).rejects.toMatchObject({
      error: 'invalid_target',
    });
  });
});
