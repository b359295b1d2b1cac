/** RP-initiated logout: with a hint at once, without one only after a click. */
import * as client from 'openid-client';
import { requireLeft, requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import { requireRefusal } from '../world.ts';
import { tokensOf } from './refresh.ts';
import type { Scene } from './scene.ts';

export const logout: Scene = {
  title: 'Signing out (order-desk)',
  async play(world, { step, quietly }) {
    const browser = world.browserOf('grace');
    const { asked, tokens } = await quietly('grace’s tokens', () => tokensOf(world, 'grace'));
    const idToken = tokens.id_token ?? '';
    const backTo = { post_logout_redirect_uri: `${world.facts.application}/signed-out`, state: 'back' };
    await step('without a hint, she is asked first; she stays', async () => {
      const page = requirePage(await browser.open(client.buildEndSessionUrl(asked.config)), 'sign-out');
      await browser.press(page, 'stay');
      const silent = await world.ask('order-desk', { prompt: 'none' });
      const answer = await world.goOn(browser, await browser.open(silent.url));
      expectThat(answer.parameters.has('code'), 'she is signed out');
    });
    await step('with a valid hint it is done, and she gets back to the application', async () => {
      const url = client.buildEndSessionUrl(asked.config, { id_token_hint: idToken, ...backTo });
      const visit = await browser.open(url);
      const left =
        'left' in visit ? visit : requireLeft(await browser.follow(requirePage(visit, 'signed-out'), 'back'));
      expectThat(left.left.searchParams.get('state') === 'back', 'state is not the one that was sent');
    });
    await step('her session is over', async () => {
      const silent = await world.ask('order-desk', { prompt: 'none' });
      requireRefusal(await world.goOn(browser, await browser.open(silent.url)), silent, 'login_required');
    });
  },
};
