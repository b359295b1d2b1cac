import { Browser, requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import type { Scene } from './scene.ts';

export const application: Scene = {
  title: 'The sample application, as a person uses it',
  async play(world, { step }) {
    const browser = new Browser();
    await step('every step of ada’s walk is shown: request, answer, tokens, userinfo, refresh', async () => {
      const start = requirePage(await browser.open(world.facts.application), 'start');
      const begun = requirePage(await browser.press(start, 'start-order-desk', { prompt: 'consent' }), 'walk');
      const login = requirePage(await browser.follow(begun, 'go'), 'login');
      const fill = { username: 'ada', password: world.facts.passwords.ada ?? '' };
      const consent = requirePage(await browser.press(login, 'sign-in', fill), 'consent');
      let page = requirePage(await browser.press(consent, 'allow'), 'continue');
      page = requirePage(await browser.follow(page, 'continue'), 'walk');
      for (const button of ['exchange', 'userinfo', 'refresh'])
        page = requirePage(await browser.press(page, button), 'walk');
      const outcomes = [...page.markup.matchAll(/data-step="([^"]+)" data-outcome="([^"]+)"/g)].map(
        ([, name, outcome]) => `${name} ${outcome}`,
      );
      const wanted = ['discovery', 'authorization-request', 'authorization-response', 'token', 'userinfo', 'refresh'];
      const { clientSecret } = world.facts.applications['order-desk'];
      expectThat(!page.markup.includes(clientSecret), "the page shows the client's secret");
      expectThat(outcomes.join() === wanted.map((name) => `${name} done`).join(), outcomes.join(', '));
    });
    await step('the machine’s token is shown too', async () => {
      const start = requirePage(await browser.open(world.facts.application), 'start');
      const page = requirePage(await browser.press(start, 'start-night-report'), 'walk');
      expectThat(page.markup.includes('data-step="token" data-outcome="done"'), page.text.slice(0, 200));
    });
  },
};
