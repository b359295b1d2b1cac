/** The sample application, which plays by itself what the other scenes play by hand. Its own messages it shows itself. */
import { Browser, requirePage, type Visit } from '../browser.ts';
import type { Page } from '../page.ts';
import { expectThat } from '../report.ts';
import type { World } from '../world.ts';
import type { Scene } from './scene.ts';

export const application: Scene = {
  title: 'The sample application, as a person uses it',
  async play(world, { step }) {
    const browser = new Browser();
    const begin = async (key: string, choices: Readonly<Record<string, string>> = {}) => {
      const start = requirePage(await browser.open(world.facts.application), 'start');
      return requirePage(await browser.press(start, `start-${key}`, choices), 'walk');
    };
    const walkOn = async (from: Page, ...buttons: readonly string[]) => {
      let page = from;
      for (const button of buttons) page = requirePage(await browser.press(page, button), 'walk');
      return page;
    };
    await step('every step of ada’s walk is shown: request, answer, tokens, userinfo, refresh', async () => {
      const asked = await browser.follow(await begin('order-desk', { prompt: 'consent' }), 'go');
      const page = await walkOn(await allowAll(world, browser, asked), 'exchange', 'userinfo', 'refresh');
      const { clientSecret } = world.facts.applications['order-desk'];
      expectThat(!page.markup.includes(clientSecret), "the page shows the client's secret");
      expectSteps(page, [
        'discovery',
        'authorization-request',
        'authorization-response',
        'token',
        'userinfo',
        'refresh',
      ]);
    });
    await step('hybrid, posted as a form: tokens in the answer, and a code for more', async () => {
      const choices = { prompt: 'consent', response_type: 'code id_token token', response_mode: 'form_post' };
      const asked = await browser.follow(await begin('showroom', choices), 'go');
      const page = await walkOn(await allowAll(world, browser, asked), 'exchange');
      expectSteps(page, [
        'discovery',
        'authorization-request',
        'authorization-response',
        'front-channel-check',
        'token',
      ]);
    });
    await step('the television shows a code, and is connected on another page', async () => {
      const shown = await begin('television');
      await allowAll(world, browser, await browser.follow(shown, 'verify-complete'));
      expectSteps(await walkOn(shown, 'poll'), ['discovery', 'device-authorization', 'token']);
    });
    await step('the machine’s token is shown too', async () => {
      expectSteps(await begin('night-report'), ['discovery', 'token']);
    });
  },
};

/** Through whatever the server asks, up to a page where there is nothing to allow. */
async function allowAll(world: World, browser: Browser, from: Visit): Promise<Page> {
  let visit = from;
  for (;;) {
    if ('left' in visit) throw new Error('the browser was to stay');
    const { name } = visit;
    if (name === 'login') visit = await world.logIn(browser, visit, 'ada');
    else if (name === 'consent' || name === 'device-confirm') visit = await browser.press(visit, 'allow');
    else if (name === 'device' || name === 'form-post') visit = await browser.press(visit, 'continue');
    else if (name === 'continue') visit = await browser.follow(visit, 'continue');
    else return visit;
  }
}

function expectSteps(page: Page, wanted: readonly string[]): void {
  const steps = [...page.markup.matchAll(/data-step="([^"]+)" data-outcome="([^"]+)"/g)];
  const outcomes = steps.map(([, name = '', outcome = '']) => `${name} ${outcome}`);
  expectThat(outcomes.join() === wanted.map((name) => `${name} done`).join(), outcomes.join(', '));
}
