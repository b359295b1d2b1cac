/** The seven response types, read by clients that others wrote. */
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { describe, expect, it } from 'vitest';
import type { Page } from '../support/browser.ts';
import { byPage, credentials, useFrontChannel, username, withToken, world } from '../support/front-channel-world.ts';
import { authorizePath, challenge, issuer, verifier } from '../support/world.ts';

useFrontChannel();

describe('clients written by others', () => {
  const parameters = {
    redirect_uri: 'https://shop.example.com/cb',
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
  };
  const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };

  /** As the application's server gets the response: a URL, or the request that the form makes. */
  const arrival = (page: Page): URL | Request =>
    page.posted === undefined
      ? (page.wayOut as URL)
      : new Request(page.posted.action, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams(page.posted.fields).toString(),
        });
  async function answerTo(url: URL): Promise<URL | Request> {
    const browser = world.browser();
    const login = await browser.get(url.href);
    const consent = await browser.submit(login, credentials());
    return arrival(await browser.submit(consent, { decision: 'allow' }));
  }

  it.each(['fragment', 'form_post'])('openid-client: id_token by %s', async (response_mode) => {
    const configuration = await world.relyingParty();
    oidc.useIdTokenResponseType(configuration);
    const came = await answerTo(oidc.buildAuthorizationUrl(configuration, { ...parameters, response_mode }));
    const claims = await oidc.implicitAuthentication(configuration, came, 'the-nonce', { expectedState: 'the-state' });
    expect(claims).toMatchObject({ iss: issuer, aud: 'shop.web', email: `${username}@example.com` });
  });

  it.each(['fragment', 'form_post'])('openid-client: code id_token by %s', async (response_mode) => {
    const configuration = await world.relyingParty();
    oidc.useCodeIdTokenResponseType(configuration);
    const came = await answerTo(oidc.buildAuthorizationUrl(configuration, { ...parameters, ...pkce, response_mode }));
    const checks = { pkceCodeVerifier: verifier, expectedNonce: 'the-nonce', expectedState: 'the-state' };
    const tokens = await oidc.authorizationCodeGrant(configuration, came, checks);
    expect(tokens.claims()).toMatchObject({ iss: issuer, aud: 'shop.web', nonce: 'the-nonce' });
    expect(tokens.refresh_token).toBeTruthy();
  });

  it.each(['query', 'form_post'])('openid-client: code by %s', async (response_mode) => {
    const configuration = await world.relyingParty();
    const came = await answerTo(oidc.buildAuthorizationUrl(configuration, { ...parameters, ...pkce, response_mode }));
    const form = came instanceof Request ? new URL(`${came.url}?${await came.text()}`) : came;
    const checks = { pkceCodeVerifier: verifier, expectedNonce: 'the-nonce', expectedState: 'the-state' };
    expect((await oidc.authorizationCodeGrant(configuration, form, checks)).claims()).toMatchObject({
      aud: 'shop.web',
    });
  });

  it.each(['fragment', 'form_post'])(
    'oauth4webapi: code id_token by %s, c_hash and signature checked',
    async (response_mode) => {
      const server = await discovered();
      const client = { client_id: 'shop.web' };
      const url = new URL(authorizePath({ response_type: 'code id_token', response_mode }), issuer);
      const options = { [oauth.customFetch]: (target: string, init: object) => world.fetch(target, init) };
      const came = await oauth.validateCodeIdTokenResponse(
        server,
        client,
        await answerTo(url),
        'the-nonce',
        'the-state',
        undefined,
        options,
      );
      expect(came.get('code')).toBeTruthy();
    },
  );

  it.each(withToken)('oauth4webapi: the access token of %s at a resource server', async (response_type) => {
    const server = await discovered();
    const { response } = await byPage(world.browser(), { response_type, scope: 'openid shop:api' });
    const request = new Request('https://api.shop.example.com/', {
      headers: { authorization: `Bearer ${response.access_token ?? ''}` },
    });
    const options = { [oauth.customFetch]: (target: string, init: object) => world.fetch(target, init) };
    const claims = await oauth.validateJwtAccessToken(server, request, 'https://api.shop.example.com', options);
    expect(claims).toMatchObject({ client_id: 'shop.web', scope: 'openid shop:api' });
  });

  async function discovered(): Promise<oauth.AuthorizationServer> {
    const answer = await oauth.discoveryRequest(new URL(issuer), {
      [oauth.customFetch]: (target, init) => world.fetch(target, { headers: init.headers }),
    });
    return oauth.processDiscoveryResponse(new URL(issuer), answer);
  }
});
