/**
 * Every flow from its first request to its last, with JWTs and with opaque tokens, as applications write it with
 * `openid-client` and with `oauth4webapi`. It knows nothing of how many servers there are.
 */
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gives } from '../../server/src/protocol/response-type.ts';
import { deviceCodeGrant, grantTypes, responseTypes } from '../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aClient, aScope } from '../support/builders.ts';
import { ownClaims, signed, signingKey } from '../support/client-keys.ts';
import type { Declared, Deployment } from '../support/deployment.ts';
import { deviceApp } from '../support/devices.ts';
import { answered, leftHalf, membersOf } from '../support/front-channel.ts';
import { unlessBusy } from '../support/unless-busy.ts';
import { authorizePath, challenge, codeFields, issuer, refreshFields, verifier } from '../support/world.ts';
import { refusals } from './every-refusal.suite.ts';

export const callback = 'https://shop.example.com/cb';
const bye = 'https://shop.example.com/bye';
const orders = 'https://orders.example.com';
const scopes = ['openid', 'profile', 'email', 'offline_access', 'orders', 'ledger'];
const scope = 'openid email orders offline_access';
export const formats = ['jwt', 'opaque'] as const;
type Format = (typeof formats)[number];
const key = signingKey('ES256');

const appsOf = (format: Format, receiver: string): readonly ClientRegistration[] => {
  const common = { scopes, access_token_format: format };
  const machine = aClient(`job.${format}`).machine(`secret-of-job.${format}`);
  return [
    aClient(`web.${format}`)
      .everyResponseType()
      .with({
        ...common,
        post_logout_redirect_uris: [bye],
        backchannel_logout_uri: `${receiver}/web.${format}`,
        frontchannel_logout_uri: 'https://shop.example.com/front',
      })
      .build(),
    deviceApp(`tv.${format}`, common),
    machine.with({ ...common, scopes: ['orders'], default_scopes: ['orders'] }).build(),
  ];
};

export const everyFlow: Declared = {
  clients: (receiver) => [
    ...formats.flatMap((format) => appsOf(format, receiver)),
    aClient('web.strict')
      .with({ scopes, consent: { mode: 'always', remember_for: 60, on_refused_scope: 'deny' } })
      .build(),
    aClient('job.keyed').machine('unused').withKeys(key.jwk).build(),
    aClient('api.orders')
      .machine('secret-of-api.orders')
      .with({ introspection_audiences: [orders] })
      .build(),
  ],
  scopes: [aScope('orders', { audiences: [orders] }), aScope('ledger', { display_name: 'Read the ledger' })],
  // `alan` is none of them.
  rules: [{ name: 'finance', scopes: ['ledger'], groups: ['finance'] }],
  server: { grant_types_supported: [...grantTypes], response_types_supported: [...responseTypes] },
};

/** The parts of a flow that tests of one deployment share. */
export class Actors {
  readonly deployment: Deployment;
  constructor(deployment: Deployment) {
    this.deployment = deployment;
  }

  get world() {
    return this.deployment.world;
  }

  /** Signs in and allows where that is asked; the page that leads back to the client. */
  async through(browser: Browser, path: string, username = 'ada'): Promise<Page> {
    let page = await unlessBusy(() => browser.get(path));
    if (page.name === 'login') page = await this.signIn(browser, page, username);
    return page.name === 'consent' ? browser.submit(page, { decision: 'allow' }) : page;
  }

  async tokens(browser: Browser, clientId: string, username = 'ada', wanted = scope) {
    const page = await this.through(browser, authorizePath({ client_id: clientId, scope: wanted }), username);
    return (await unlessBusy(() => this.world.token(codeFields(page.response.code), clientId))).body;
  }

  signIn(browser: Browser, login: Page, username = 'ada'): Promise<Page> {
    const password = this.deployment.password(username);
    return unlessBusy(() => browser.submit(login, { username, password, 'sign-in': '1' }));
  }

  /** Allows what a device asked for, with its code in the address. */
  async approve(browser: Browser, userCode: string, username = 'ada'): Promise<Page> {
    let page = await unlessBusy(() => browser.get(`/device?user_code=${userCode}`));
    if (page.name === 'login') page = await this.signIn(browser, page, username);
    return unlessBusy(() => browser.submit(page, { decision: 'allow' }));
  }

  async userinfo(token: string | undefined): Promise<number> {
    const headers = { authorization: `Bearer ${token ?? ''}` };
    return (await unlessBusy(() => this.world.fetch(`${issuer}/userinfo`, { headers }))).status;
  }

  /** As a resource server asks: each of so many that answer in turn. */
  async active(token: string | undefined, times = 6): Promise<readonly unknown[]> {
    const ask = async () => {
      const init = {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from('api.orders:secret-of-api.orders').toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ token: token ?? '' }).toString(),
      };
      const response = await unlessBusy(() => this.world.fetch(`${issuer}/introspect`, init));
      return ((await response.json()) as { active?: unknown }).active;
    };
    return [...new Set(await Promise.all(Array.from({ length: times }, ask)))];
  }
}

/** @param more further tests of the same deployment, after all others. */
export function describeEveryFlow(
  open: (declared: Declared) => Promise<Deployment>,
  more: (actors: () => Actors) => void = () => undefined,
): void {
  let deployment: Deployment;
  let actors: Actors;
  const http = {
    [oauth.customFetch]: (url: string, init: unknown) => deployment.world.fetch(url, init as RequestInit),
  };
  beforeAll(async () => {
    deployment = await open(everyFlow);
    actors = new Actors(deployment);
  });
  afterAll(() => deployment?.close());

  const server = async () =>
    oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), http));
  const parameters = { redirect_uri: callback, scope, state: 'the-state', nonce: 'the-nonce' };
  const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };
  const checks = { pkceCodeVerifier: verifier, expectedNonce: 'the-nonce', expectedState: 'the-state' };

  describe.each(formats)('with %s access tokens', (format) => {
    const web = `web.${format}`;
    const tv = `tv.${format}`;
    const job = `job.${format}`;
    const client = { client_id: web };
    const secretOf = (clientId: string) => oauth.ClientSecretBasic(`secret-of-${clientId}`);

    it('openid-client: code, userinfo, refresh, and the second time in silence', async () => {
      const party = await deployment.world.relyingParty(web);
      const browser = deployment.world.browser();
      const url = oidc.buildAuthorizationUrl(party, { ...parameters, ...pkce });
      const page = await actors.through(browser, url.href);
      const tokens = await oidc.authorizationCodeGrant(party, page.wayOut as URL, checks);
      const { sub = '' } = tokens.claims() ?? {};
      expect(sub).toMatch(/^u_/);
      expect(tokens.access_token.split('.')).toHaveLength(format === 'jwt' ? 3 : 1);
      expect((await oidc.fetchUserInfo(party, tokens.access_token, sub)).email).toMatch(/^ada@/);
      const refreshed = await oidc.refreshTokenGrant(party, tokens.refresh_token ?? '');
      expect(refreshed.claims()?.sub).toBe(sub);
      expect((await oidc.fetchUserInfo(party, refreshed.access_token, sub)).sub).toBe(sub);
      const silent = oidc.buildAuthorizationUrl(party, { ...parameters, ...pkce, prompt: 'none' });
      const again = await oidc.authorizationCodeGrant(party, (await browser.get(silent.href)).leftTo as URL, checks);
      expect(again.claims()).toMatchObject({ sub, auth_time: tokens.claims()?.auth_time });
    });

    it('oauth4webapi: code, userinfo and refresh', async () => {
      const as = await server();
      const page = await actors.through(deployment.world.browser(), authorizePath({ client_id: web, scope }), 'grace');
      const came = oauth.validateAuthResponse(as, client, page.wayOut as URL, 'the-state');
      const secret = secretOf(web);
      const answer = await oauth.authorizationCodeGrantRequest(as, client, secret, came, callback, verifier, http);
      const expected = { expectedNonce: 'the-nonce', requireIdToken: true };
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, expected);
      const { sub = '' } = oauth.getValidatedIdTokenClaims(tokens) ?? {};
      const info = await oauth.userInfoRequest(as, client, tokens.access_token, http);
      expect((await oauth.processUserInfoResponse(as, client, sub, info)).sub).toBe(sub);
      const next = await oauth.refreshTokenGrantRequest(as, client, secret, tokens.refresh_token ?? '', http);
      expect((await oauth.processRefreshTokenResponse(as, client, next)).refresh_token).toBeTruthy();
    });

    it('openid-client: implicit and hybrid', async () => {
      const implicit = await deployment.world.relyingParty(web);
      oidc.useIdTokenResponseType(implicit);
      const browser = deployment.world.browser();
      const one = await actors.through(browser, oidc.buildAuthorizationUrl(implicit, parameters).href, 'alan');
      const claims = await oidc.implicitAuthentication(implicit, one.wayOut as URL, 'the-nonce', checks);
      const hybrid = await deployment.world.relyingParty(web);
      oidc.useCodeIdTokenResponseType(hybrid);
      const url = oidc.buildAuthorizationUrl(hybrid, { ...parameters, ...pkce });
      const other = await actors.through(browser, url.href, 'alan');
      const tokens = await oidc.authorizationCodeGrant(hybrid, other.wayOut as URL, checks);
      expect(tokens.claims()?.sub).toBe(claims.sub);
    });

    it('oauth4webapi: hybrid, with c_hash and signature checked', async () => {
      const as = await server();
      const path = authorizePath({ client_id: web, scope, response_type: 'code id_token' });
      const page = await actors.through(deployment.world.browser(), path);
      const url = page.wayOut as URL;
      const came = await oauth.validateCodeIdTokenResponse(as, client, url, 'the-nonce', 'the-state', undefined, http);
      const secret = secretOf(web);
      const answer = await oauth.authorizationCodeGrantRequest(as, client, secret, came, callback, verifier, http);
      const expected = { expectedNonce: 'the-nonce', requireIdToken: true };
      expect((await oauth.processAuthorizationCodeResponse(as, client, answer, expected)).access_token).toBeTruthy();
    });

    it('each response type in each mode, one browser', async () => {
      const browser = deployment.world.browser();
      for (const [response_type, response_mode] of answered) {
        const asked = { client_id: web, response_type, response_mode, scope: 'openid email orders' };
        const page = await actors.through(browser, authorizePath(asked), 'grace');
        const { state: _state, iss, ...response } = page.response;
        expect([page.mode, iss, Object.keys(response).sort()]).toEqual([
          response_mode,
          issuer,
          membersOf(response_type),
        ]);
        if (gives(response_type, 'id_token')) {
          const claims = decodeJwt(response.id_token ?? '');
          if (gives(response_type, 'code')) expect(claims.c_hash).toBe(leftHalf(response.code ?? ''));
          if (gives(response_type, 'token')) expect(claims.at_hash).toBe(leftHalf(response.access_token ?? ''));
        }
        if (gives(response_type, 'token')) {
          expect(await actors.userinfo(response.access_token)).toBe(200);
          expect(await actors.active(response.access_token, 3)).toEqual([true]);
        }
        if (gives(response_type, 'code')) {
          const { status, body } = await deployment.world.token(codeFields(response.code), web);
          expect([status, await actors.userinfo(body.access_token)]).toEqual([200, 200]);
        }
      }
    });

    it('both: a device', async () => {
      const party = await deployment.world.relyingParty(tv);
      const as = await server();
      const own = { client_id: tv };
      const [one, started] = await Promise.all([
        oidc.initiateDeviceAuthorization(party, { scope }),
        oauth.deviceAuthorizationRequest(as, own, secretOf(tv), { scope }, http),
      ]);
      const other = await oauth.processDeviceAuthorizationResponse(as, own, started);
      const browser = deployment.world.browser();
      expect((await actors.approve(browser, one.user_code)).name).toBe('device-done');
      expect((await actors.approve(browser, other.user_code)).name).toBe('device-done');
      // Both have been answered: the library need not wait its five seconds.
      const tokens = await oidc.pollDeviceAuthorizationGrant(party, { ...one, interval: 1 });
      expect((await oidc.refreshTokenGrant(party, tokens.refresh_token ?? '')).claims()?.sub).toBe(
        tokens.claims()?.sub,
      );
      const answer = await oauth.deviceCodeGrantRequest(as, own, secretOf(tv), other.device_code, http);
      const second = await oauth.processDeviceCodeResponse(as, own, answer);
      expect([await actors.userinfo(second.access_token), await actors.active(second.access_token)]).toEqual([
        200,
        [true],
      ]);
    });

    it('both: client credentials, introspection, revocation', async () => {
      const as = await server();
      const party = await deployment.world.relyingParty(job);
      const api = await deployment.world.relyingParty('api.orders');
      const one = await oidc.clientCredentialsGrant(party, { scope: 'orders' });
      expect(await oidc.tokenIntrospection(api, one.access_token)).toMatchObject({ active: true, sub: job });
      const own = { client_id: job };
      const given = new URLSearchParams({ scope: 'orders' });
      const answer = await oauth.clientCredentialsGrantRequest(as, own, secretOf(job), given, http);
      const other = await oauth.processClientCredentialsResponse(as, own, answer);
      await oidc.tokenRevocation(party, one.access_token);
      const revoked = await oauth.revocationRequest(as, own, secretOf(job), other.access_token, http);
      await oauth.processRevocationResponse(revoked);
      const asker = { client_id: 'api.orders' };
      for (const token of [one.access_token, other.access_token]) {
        await expect.poll(() => actors.active(token)).toEqual([false]);
        const asked = await oauth.introspectionRequest(as, asker, secretOf('api.orders'), token, http);
        expect(await oauth.processIntrospectionResponse(as, asker, asked)).toEqual({ active: false });
      }
    });

    it('a refresh token that is revoked ends its access tokens, and nothing of another grant', async () => {
      const party = await deployment.world.relyingParty(web);
      const [one, other] = [
        await actors.tokens(deployment.world.browser(), web, 'grace'),
        await actors.tokens(deployment.world.browser(), web, 'alan'),
      ];
      expect(await actors.active(one.access_token)).toEqual([true]);
      await oidc.tokenRevocation(party, one.refresh_token ?? '', { token_type_hint: 'refresh_token' });
      await expect.poll(() => actors.active(one.access_token)).toEqual([false]);
      const asked = await Promise.all([1, 2, 3].map(() => actors.userinfo(one.access_token)));
      expect(asked).toEqual([401, 401, 401]);
      await expect(oidc.refreshTokenGrant(party, one.refresh_token ?? '')).rejects.toMatchObject({
        error: 'invalid_grant',
      });
      expect(await actors.active(other.access_token)).toEqual([true]);
    });

    it('I1: a code that comes again gives nothing, and ends what it gave', async () => {
      const path = authorizePath({ client_id: web, scope });
      const { code } = (await actors.through(deployment.world.browser(), path)).response;
      const first = await deployment.world.token(codeFields(code), web);
      expect(first.status).toBe(200);
      const replays = await Promise.all([1, 2, 3].map(() => deployment.world.token(codeFields(code), web)));
      expect(replays.map(({ body }) => body.error)).toEqual(['invalid_grant', 'invalid_grant', 'invalid_grant']);
      const later = await deployment.world.token(refreshFields(first.body.refresh_token), web);
      expect(later.body.error).toBe('invalid_grant');
      await expect.poll(() => actors.active(first.body.access_token)).toEqual([false]);
    });

    it('openid-client: sign-out; the application is told, its frame is loaded, nobody is signed in any more', async () => {
      const party = await deployment.world.relyingParty(web);
      const browser = deployment.world.browser();
      const tokens = await actors.tokens(browser, web, 'alan', 'openid email');
      const lasting = await actors.tokens(browser, web, 'alan');
      const { sid, sub } = decodeJwt(tokens.id_token ?? '');
      deployment.told.length = 0;
      const url = oidc.buildEndSessionUrl(party, {
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: bye,
        state: 'out',
      });
      const page = await browser.get(url.href);
      expect([page.name, page.wayOut?.href]).toEqual(['signed-out', `${bye}?state=out`]);
      expect(page.html).toContain('src="https://shop.example.com/front?');
      const told = () => deployment.told.filter(({ path }) => path === `/${web}`);
      await expect.poll(() => told().length).toBe(1);
      const token = new URLSearchParams(told()[0]?.body).get('logout_token') ?? '';
      expect(decodeJwt(token)).toMatchObject({ iss: issuer, aud: web, sid, sub });
      const silent = await browser.get(authorizePath({ client_id: web, prompt: 'none' }));
      expect(silent.response.error).toBe('login_required');
      const refresh = (one: typeof tokens) => deployment.world.token(refreshFields(one.refresh_token), web);
      expect((await refresh(lasting)).status).toBe(200);
      await expect.poll(() => actors.active(tokens.access_token)).toEqual([false]);
    });
  });

  it('A22: a signed assertion is taken once, whoever gets it', async () => {
    const assertion = await signed(key, ownClaims('job.keyed', issuer));
    const ask = () =>
      deployment.world.tokenForm({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      });
    const answers = await Promise.all(Array.from({ length: 50 }, () => unlessBusy(ask)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.error === 'invalid_client')).toHaveLength(49);
  });

  it('the documents are the same whoever answers', async () => {
    for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks']) {
      const texts = await Promise.all(
        deployment.processes.map(async (process) => (await fetch(`${process}${path}`)).text()),
      );
      expect(new Set(texts).size).toBe(1);
      expect(texts[0]).not.toContain('"d":');
    }
    expect((await server()).grant_types_supported).toContain(deviceCodeGrant);
  });

  describe('what is not given', () => refusals(() => actors));
  more(() => actors);
}
