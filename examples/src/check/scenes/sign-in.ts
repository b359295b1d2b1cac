import { requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import { requireRefusal } from '../world.ts';
import type { Scene } from './scene.ts';

export const signIn: Scene = {
  title: 'What the pages of a sign-in say',
  async play(world, { step }) {
    const browser = world.browserOf('grace');
    const asked = await world.ask('order-desk', { prompt: 'consent' });
    const login = await step('a stranger is asked to sign in, and for which application', async () => {
      const page = requirePage(await browser.open(asked.url), 'login');
      expectThat(page.text.includes('Order desk'), 'the page does not say for whom');
      return page;
    });
    const again = await step('a wrong password is refused, without a word about which part was wrong', async () => {
      const page = requirePage(
        await browser.press(login, 'sign-in', { username: 'grace', password: 'wrong' }),
        'login',
      );
      expectThat(page.text.includes('Username or password is not right.'), 'the page does not say so');
      return page;
    });
    const consent = await step(
      'the right one leads to the question for consent, in the words of the scopes',
      async () => {
        const page = requirePage(await world.logIn(browser, again, 'grace'), 'consent');
        for (const words of ['Order desk', 'See your orders', 'Change your orders', 'grace@tideclock.example'])
          expectThat(page.text.includes(words), `the page does not say "${words}"`);
        return page;
      },
    );
    await step('"Do not allow" sends the application away with access_denied', async () => {
      const answer = await world.goOn(browser, await browser.press(consent, 'deny'));
      requireRefusal(answer, asked, 'access_denied');
    });
  },
};
