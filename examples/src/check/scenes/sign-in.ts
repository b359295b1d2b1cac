import * as client from 'openid-client';
import { requirePage } from '../browser.ts';
import { expectThat } from '../report.ts';
import { requireError, requireRefusal, requireTokenError } from '../world.ts';
import { claimsOf, type Scene } from './scene.ts';

export const allowed: Scene = {
  title: 'ada signs in, allows, and the directory confirms (authorization code, refresh)',
  async play(world, { step }) {
    const browser = world.newBrowser();
    const asked = await world.ask('order-desk');
    const login = await step('a stranger is asked to sign in', async () => {
      const page = requirePage(await browser.open(asked.url), 'login');
      expectThat(page.text.includes('Order desk'), 'the page does not say for whom');
      return page;
    });
    const again = await step('a wrong password is refused, without a word about which part was wrong', async () => {
      const page = requirePage(await browser.press(login, 'sign-in', { username: 'ada', password: 'wrong' }), 'login');
      expectThat(page.text.includes('Username or password is not right.'), 'the page does not say so');
      return page;
    });
    const consent = await step('the right one leads to the question for consent', async () => {
      const fill = { username: 'ada', password: world.facts.passwords.ada ?? '' };
      const page = requirePage(await browser.press(again, 'sign-in', fill), 'consent');
      for (const words of ['Order desk', 'See your orders', 'Change your orders', 'ada@tideclock.example'])
        expectThat(page.text.includes(words), `the page does not say "${words}"`);
      return page;
    });
    const tokens = await step('Allow gives a code, and the code gives tokens; the ID token is verified', async () => {
      const answer = await world.goOn(browser, await browser.press(consent, 'allow'));
      return world.exchange(asked, answer);
    });
    await step('the token may do all that was allowed, for a subject that is no name', () => {
      const claims = claimsOf(tokens.access_token);
      expectThat(String(claims.scope).split(' ').includes('orders:write'), `scope is ${String(claims.scope)}`);
      expectThat(/^u_[\w-]{43}$/.test(String(claims.sub)) && claims.sub === tokens.claims()?.sub, 'sub is another');
      return Promise.resolve();
    });
    await step('userinfo tells who it is', async () => {
      const subject = tokens.claims()?.sub ?? '';
      const who = await client.fetchUserInfo(asked.config, tokens.access_token, subject);
      expectThat(who.email === 'ada@tideclock.example' && who.name === 'Ada Lovelace', JSON.stringify(who));
    });
    await step('a refresh gives new tokens, the refresh token among them', async () => {
      const fresh = await client.refreshTokenGrant(asked.config, tokens.refresh_token ?? '');
      expectThat(
        fresh.refresh_token !== undefined && fresh.refresh_token !== tokens.refresh_token,
        'it did not change',
      );
    });
    await step('a second request needs no page: the session and the consent are remembered', async () => {
      const silent = await world.ask('order-desk', { prompt: 'none' });
      const answer = await world.goOn(browser, await browser.open(silent.url));
      const first = await world.exchange(silent, answer);
      await requireTokenError(world.exchange(silent, answer), 'invalid_grant');
      const refresh = client.refreshTokenGrant(asked.config, first.refresh_token ?? '');
      await requireTokenError(refresh, 'invalid_grant');
    });
  },
};

export const denied: Scene = {
  title: 'grace says no',
  async play(world, { step }) {
    await step('Do not allow sends the application away with access_denied', async () => {
      const browser = world.newBrowser();
      const asked = await world.ask('order-desk');
      const consent = requirePage(await world.signIn(browser, asked, 'grace'), 'consent');
      const answer = await world.goOn(browser, await browser.press(consent, 'deny'));
      requireRefusal(answer, asked, 'access_denied');
    });
  },
};

export const refused: Scene = {
  title: 'alan says yes, the directory says no',
  async play(world, { step }) {
    await step('orders:write is for finance: alan allows it, the directory does not, and he is told', async () => {
      const browser = world.newBrowser();
      const asked = await world.ask('order-desk');
      const consent = requirePage(await world.signIn(browser, asked, 'alan'), 'consent');
      const partial = requirePage(await browser.press(consent, 'allow'), 'consent-partial');
      expectThat(partial.text.includes('Change your orders'), 'the page does not say what was refused');
      const answer = await browser.follow(partial, 'continue');
      const tokens = await world.exchange(asked, await world.goOn(browser, answer));
      const scopes = String(claimsOf(tokens.access_token).scope).split(' ');
      expectThat(scopes.includes('orders:read') && !scopes.includes('orders:write'), `scope is ${scopes.join(' ')}`);
    });
    await step('the ledger is for finance alone: alan gets access_denied, the ledger gets nothing', async () => {
      const browser = world.newBrowser();
      const asked = await world.ask('ledger');
      let visit = await world.signIn(browser, asked, 'alan');
      if (!('left' in visit) && visit.name === 'consent') visit = await browser.press(visit, 'allow');
      if (!('left' in visit) && visit.name === 'error') {
        const page = requireError(visit, 'access_denied');
        visit = await browser.follow(page, Object.keys(page.links)[0] ?? '');
      }
      requireRefusal(await world.goOn(browser, visit), asked, 'access_denied');
    });
  },
};
