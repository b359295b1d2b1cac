/** The directory stops while ada has every question open: whatever she allows, nothing is issued. Then it comes back. */
import * as client from 'openid-client';
import { requirePage } from '../browser.ts';
import { stops } from '../messages.ts';
import { expectThat, type Report } from '../report.ts';
import { eventually, requireError, requireRefusal, type World } from '../world.ts';
import { allowDeviceWhileDown, waitingDevice } from './device.ts';
import { introspectWhileDown } from './introspection.ts';
import { signOutWhileDown } from './logout.ts';
import { refreshWhileDown, tokensOf, useRefreshToken } from './refresh.ts';
import { allowWhileDown, type OpenQuestion, openQuestions } from './response-type.ts';
import { revokeWhileDown } from './revocation.ts';
import type { Scene } from './scene.ts';

export const down: Scene = {
  title: 'The directory has stopped, for every flow (ada had each question before her)',
  async play(world, report) {
    const before = await report.quietly('ada is asked everything', async () => ({
      questions: await openQuestions(world),
      device: await waitingDevice(world, quiet(report)),
      held: await tokensOf(world, 'ada'),
      going: await tokensOf(world, 'grace'),
    }));
    try {
      await report.quietly('the directory stops', () => world.directory('stop'));
      for (const question of before.questions) await allowWhileDown(report, question);
      await silentlyWhileDown(world, report, before.questions[0]);
      await allowDeviceWhileDown(report, before.device);
      await refreshWhileDown(report, before.held);
      await introspectWhileDown(report, before.going);
      await revokeWhileDown(report, before.going);
      await signOutWhileDown(world, report, before.going);
      await report.run(
        { flow: 'client_credentials', title: 'directory down: nobody to ask about' },
        ['access token'],
        async () => {
          report.recall([stops]);
          const config = await world.client('night-report');
          await report.messages(() => client.clientCredentialsGrant(config));
          return [];
        },
      );
      await report.quietly('the directory starts', () => world.directory('start'));
      await back(world, report, before.questions[0]);
      await report.step('the refresh token, which was not spent, is taken now', () => useRefreshToken(before.held));
    } finally {
      await world.directory('start');
    }
  },
};

/** Its messages belong to the groundwork. */
function quiet(report: Report): Report {
  return { ...report, messages: (play) => play() };
}

async function silentlyWhileDown(world: World, report: Report, question: OpenQuestion | undefined): Promise<void> {
  if (question === undefined) return;
  await report.run(
    { flow: 'code', title: 'directory down, response_type=code with prompt=none: no page' },
    [],
    async () => {
      report.recall([stops]);
      const silent = await world.ask('order-desk', { prompt: 'none' });
      await report.messages(async () => {
        const answer = await world.goOn(question.browser, await question.browser.open(silent.url));
        requireRefusal(answer, silent, 'temporarily_unavailable');
      });
      return [];
    },
  );
}

async function back(world: World, report: Report, question: OpenQuestion | undefined): Promise<void> {
  if (question === undefined) return;
  const { browser } = question;
  const title = 'the directory is back: the same question, "Allow", and a code is issued';
  await report.quietly('the server notices', () =>
    eventually(60, async () => {
      const silent = await world.ask('order-desk', { prompt: 'none' });
      const answer = await world.goOn(browser, await browser.open(silent.url));
      return answer.parameters.has('code') ? true : undefined;
    }),
  );
  await report.step(title, async () => {
    let visit = await browser.press(question.consent, 'allow');
    if (!('left' in visit) && visit.name === 'error') {
      visit = await browser.press(requireError(visit, 'temporarily_unavailable'), 'retry');
    }
    if (!('left' in visit) && visit.name === 'consent')
      visit = await browser.press(requirePage(visit, 'consent'), 'allow');
    const answer = await world.goOn(browser, visit);
    expectThat(answer.parameters.has('code'), 'no code');
  });
}
