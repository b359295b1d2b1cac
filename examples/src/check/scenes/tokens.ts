/** Tokens that say nothing to others, subjects for one application alone, applications without a secret. */
import * as client from 'openid-client';
import { requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import { tokensOf } from './refresh.ts';
import type { Scene } from './scene.ts';

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
