import * as client from 'openid-client';
import { requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import { eventually, requireError, requireRefusal, requireTokenError } from '../world.ts';
import type { Scene } from './scene.ts';

export const stopped: Scene = {
  title: 'The directory stops while grace reads the question',
  async play(world, { step }) {
    const browser = world.newBrowser();
    const asked = await world.ask('order-desk');
    const ada = world.newBrowser();
    const mine = await world.ask('order-desk');
    const before = await step('grace and ada are signed in, and the directory is stopped', async () => {
      const tokens = await world.exchange(mine, await world.goOn(ada, await world.signIn(ada, mine, 'ada')));
      const consent = requirePage(await world.signIn(browser, asked, 'grace'), 'consent');
      await world.directory('stop');
      return { consent, tokens };
    });
    try {
      const waiting = await step('Allow issues nothing: the page says that the directory does not answer', async () =>
        requireError(await browser.press(before.consent, 'allow'), 'temporarily_unavailable'),
      );
      await step('a silent request is sent away with temporarily_unavailable', async () => {
        const silent = await world.ask('order-desk', { prompt: 'none' });
        requireRefusal(await world.goOn(ada, await ada.open(silent.url)), silent, 'temporarily_unavailable');
      });
      await step('a refresh gets temporarily_unavailable, and nothing is spent', async () => {
        const refresh = client.refreshTokenGrant(asked.config, before.tokens.refresh_token ?? '');
        await requireTokenError(refresh, 'temporarily_unavailable');
      });
      await step('a program without users is served all the same', async () => {
        await client.clientCredentialsGrant(await world.client('night-report'));
      });
      await world.directory('start');
      await step('the directory is back: "Try again" goes on with the same request, and a code is issued', async () => {
        let page = waiting;
        const answer = await eventually(60, async () => {
          let visit = await browser.press(page, 'retry');
          if (!('left' in visit) && visit.name === 'consent') visit = await browser.press(visit, 'allow');
          if ('left' in visit || visit.name === 'continue') return world.goOn(browser, visit);
          page = requireError(visit, 'temporarily_unavailable');
          return undefined;
        });
        expectThat((await world.exchange(asked, answer)).claims()?.sub !== undefined, 'no ID token');
      });
      await step('and the same refresh token is taken now', async () => {
        await client.refreshTokenGrant(asked.config, before.tokens.refresh_token ?? '');
      });
    } finally {
      await world.directory('start');
    }
  },
};

export const locked: Scene = {
  title: 'zoe’s account is locked while an application holds her tokens',
  async play(world, { step }) {
    const browser = world.newBrowser();
    const asked = await world.ask('order-desk');
    try {
      await step('her next refresh is refused, and so is the next silent request', async () => {
        const consent = requirePage(await world.signIn(browser, asked, 'zoe'), 'consent');
        const partial = requirePage(await browser.press(consent, 'allow'), 'consent-partial');
        const answer = await world.goOn(browser, await browser.follow(partial, 'continue'));
        const tokens = await world.exchange(asked, answer);
        await world.directory('lock', 'zoe');
        await requireTokenError(client.refreshTokenGrant(asked.config, tokens.refresh_token ?? ''), 'invalid_grant');
        const silent = await world.ask('order-desk', { prompt: 'none' });
        const refusal = await world.goOn(browser, await browser.open(silent.url));
        expectThat(!refusal.searchParams.has('code'), 'a code was issued');
      });
    } finally {
      await world.directory('unlock', 'zoe');
    }
  },
};
