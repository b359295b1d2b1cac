/** Refresh tokens: the directory is asked again at each use, and a locked account ends them. */
import * as client from 'openid-client';
import { requirePage } from '../browser.ts';
import type { CheckedName } from '../facts.ts';
import { stops } from '../messages.ts';
import { expectThat, type Report } from '../report.ts';
import { type Asked, requireRefusal, requireTokenError, type Tokens, type World } from '../world.ts';
import { claimsOf, type Scene } from './scene.ts';

const flow = 'refresh_token';
const renewed = ['access token', 'ID token', 'refresh token'];

export const refresh: Scene = {
  title: 'Refresh token (order-desk, read by openid-client)',
  async play(world, report) {
    const ada = await report.quietly('ada’s tokens', () => tokensOf(world, 'ada'));
    await report.run({ flow, title: 'allowed: ada’s account is as it was' }, renewed, async () => {
      const fresh = await report.messages(() => useRefreshToken(ada));
      expectThat(fresh.refresh_token !== ada.tokens.refresh_token, 'the refresh token did not change');
      expectThat(fresh.claims()?.sub === ada.tokens.claims()?.sub, 'sub is another');
      return ['the refresh token is a new one'];
    });
    await refusedOnceLocked(world, report);
  },
};

async function refusedOnceLocked(world: World, report: Report): Promise<void> {
  const zoe = await report.quietly('zoe’s tokens', () => tokensOf(world, 'zoe'));
  try {
    await report.run({ flow, title: 'refused: zoe’s account has been locked in the directory' }, [], async () => {
      await report.messages(() => world.directory('lock', 'zoe'));
      await report.messages(() => requireTokenError(useRefreshToken(zoe), 'invalid_grant'));
      return [];
    });
  } finally {
    await world.directory('unlock', 'zoe');
  }
}

export interface Held {
  readonly asked: Asked;
  readonly tokens: Tokens;
}

/** Signs in to that application and says yes. */
export async function tokensOf(world: World, username: string, name: CheckedName = 'order-desk'): Promise<Held> {
  const browser = world.browserOf(username);
  const asked = await world.ask(name, { prompt: 'consent' });
  const consent = requirePage(await world.signIn(browser, asked.url, username), 'consent');
  let visit = await browser.press(consent, 'allow');
  if (!('left' in visit) && visit.name === 'consent-partial') visit = await browser.follow(visit, 'continue');
  return { asked, tokens: await world.exchange(asked, await world.goOn(browser, visit)) };
}

export function useRefreshToken({ asked, tokens }: Held): Promise<Tokens> {
  return client.refreshTokenGrant(asked.config, tokens.refresh_token ?? '');
}

export async function refreshWhileDown(report: Report, held: Held): Promise<void> {
  await report.run({ flow, title: 'directory down, refresh token: ada’s application uses it' }, [], async () => {
    report.recall([stops]);
    await report.messages(() => requireTokenError(useRefreshToken(held), 'temporarily_unavailable'));
    return ['the refresh token is not spent'];
  });
}

export const session: Scene = {
  title: 'A second request of the same browser',
  async play(world, { step, quietly }) {
    const browser = world.browserOf('ada');
    const { tokens: first } = await quietly('ada allows the order desk', () => tokensOf(world, 'ada'));
    const silent = await world.ask('order-desk', { prompt: 'none' });
    const again = await step(
      'no page: session and consent are remembered, the directory is asked all the same',
      async () => {
        const answer = await world.goOn(browser, await browser.open(silent.url));
        const tokens = await world.exchange(silent, answer);
        expectThat(tokens.claims()?.sub === first.claims()?.sub, 'sub is another');
        return { answer, tokens };
      },
    );
    await step('the code was worth one use: a second one ends what the first gave', async () => {
      await requireTokenError(world.exchange(silent, again.answer), 'invalid_grant');
      const late = client.refreshTokenGrant(silent.config, again.tokens.refresh_token ?? '');
      await requireTokenError(late, 'invalid_grant');
    });
    await step('userinfo tells who it is', async () => {
      const config = await world.client('order-desk');
      const subject = first.claims()?.sub ?? '';
      const who = await client.fetchUserInfo(config, first.access_token, subject);
      expectThat(who.email === 'ada@tideclock.example' && who.name === 'Ada Lovelace', 'it tells of somebody else');
      expectThat(/^u_[\w-]{43}$/.test(subject) && claimsOf(first.access_token).sub === subject, 'sub is another');
    });
    await step('an application that was never allowed anything gets consent_required', async () => {
      const other = await world.ask('ledger', { prompt: 'none' });
      requireRefusal(await world.goOn(browser, await browser.open(other.url)), other, 'consent_required');
    });
  },
};
