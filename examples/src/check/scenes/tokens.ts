/** What becomes of tokens: introspection (RFC 7662), revocation (RFC 7009), opaque ones, subjects for one application alone. */
import * as client from 'openid-client';
import { requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import { eventually, requireTokenError } from '../world.ts';
import { tokensOf, useRefreshToken } from './refresh.ts';
import type { Scene } from './scene.ts';

export const introspection: Scene = {
  title: 'Introspection and revocation (courier has opaque tokens, stockroom is the API that is shown them)',
  async play(world, { step }) {
    const courier = await world.client('courier');
    const stockroom = await world.client('stockroom');
    const token = await step('courier gets a token that says nothing to whoever finds it', async () => {
      const tokens = await client.clientCredentialsGrant(courier, { scope: 'orders:stock' });
      expectThat(!tokens.access_token.includes('.'), 'the token is a JWT');
      return tokens.access_token;
    });
    await step('stockroom asks, and hears whose it is and what it may do', async () => {
      const found = await client.tokenIntrospection(stockroom, token);
      expectThat(found.active && found.scope === 'orders:stock', `active: ${found.active}, scope: ${found.scope}`);
      expectThat(found.client_id === world.facts.applications.courier.clientId, 'it is another client’s');
    });
    await step('an application without "introspection" hears nothing', async () => {
      const other = await world.client('night-report');
      const found = await client.tokenIntrospection(other, token).catch(() => ({ active: false }));
      expectThat(!found.active, 'it is told');
    });
    await step('courier revokes it, and stockroom hears that it is not active', async () => {
      await client.tokenRevocation(courier, token);
      // Every replica knows within a second.
      await eventually(10, async () => {
        const found = await client.tokenIntrospection(stockroom, token);
        return !found.active && Object.keys(found).join() === 'active' ? true : undefined;
      });
    });
  },
};

export const revocation: Scene = {
  title: 'Revocation of what a user allowed (order-desk)',
  async play(world, { step, quietly }) {
    const held = await quietly('grace’s tokens', () => tokensOf(world, 'grace'));
    await step('a revoked refresh token ends the grant: refresh and userinfo are refused', async () => {
      await client.tokenRevocation(held.asked.config, held.tokens.refresh_token ?? '');
      await requireTokenError(useRefreshToken(held), 'invalid_grant');
      const subject = held.tokens.claims()?.sub ?? '';
      const userinfo = client.fetchUserInfo(held.asked.config, held.tokens.access_token, subject);
      const refused = await userinfo.then(
        () => false,
        () => true,
      );
      expectThat(refused, 'userinfo still tells');
    });
  },
};

export const pairwise: Scene = {
  title: 'An application of another company (loyalty: pairwise subjects, opaque tokens, signed userinfo)',
  async play(world, { step, quietly }) {
    const home = await quietly('ada’s tokens at home', () => tokensOf(world, 'ada'));
    const asked = await world.ask(
      'loyalty',
      { prompt: 'consent' },
      { metadata: { userinfo_signed_response_alg: 'RS256' } },
    );
    const browser = world.browserOf('ada');
    const tokens = await step(
      'ada allows it; it knows her by another subject, and its token says nothing',
      async () => {
        const consent = requirePage(await world.signIn(browser, asked.url, 'ada'), 'consent');
        const answer = await world.goOn(browser, await browser.press(consent, 'allow'));
        const found = await world.exchange(asked, answer);
        expectThat(found.claims()?.sub !== home.tokens.claims()?.sub, 'the subject is the one of home');
        expectThat(!found.access_token.includes('.'), 'the access token is a JWT');
        return found;
      },
    );
    await step('userinfo comes signed, and the signature holds', async () => {
      const subject = tokens.claims()?.sub ?? '';
      const who = await client.fetchUserInfo(asked.config, tokens.access_token, subject);
      expectThat(who.email === 'ada@tideclock.example', 'it tells of somebody else');
    });
  },
};

export const native: Scene = {
  title: 'An app on a telephone (pocket-clock: no secret, a scheme of its own)',
  async play(world, { step }) {
    const browser = world.browserOf('ada');
    const asked = await world.ask('pocket-clock', { redirect_uri: 'example.tideclock.pocket:/callback' });
    await step(
      'ada is asked each time, since any app may say that it is this one; PKCE alone protects the code',
      async () => {
        const consent = requirePage(await world.signIn(browser, asked.url, 'ada'), 'consent');
        const answer = await world.goOn(browser, await browser.press(consent, 'allow'));
        const tokens = await world.exchange(asked, answer);
        await client.refreshTokenGrant(asked.config, tokens.refresh_token ?? '');
      },
    );
  },
};
