/** Each of the seven response types, three times: allowed, refused by a directory rule, the directory down. */
import { type Browser, requirePage } from '../browser.ts';
import { type Message, stops } from '../messages.ts';
import type { Page } from '../page.ts';
import { redeem } from '../redeem.ts';
import { expectThat, type Report } from '../report.ts';
import { givenBy, type ResponseTypeFlow, responseTypeFlows } from '../response-types.ts';
import { type Asked, requireError, requireRefusal, type World } from '../world.ts';
import { claimsOf, type Scene } from './scene.ts';

/** `ada` is in finance, `alan` is not. */
export const responseTypeScenes: readonly Scene[] = responseTypeFlows.map((flow) => ({
  title: `${flow.title} (response_type=${flow.responseType}, ${flow.application}, read with ${flow.readWith})`,
  async play(world, report) {
    await allowed(world, report, flow);
    if (flow.formPost) await posted(world, report, flow);
    await refusedInPart(world, report, flow);
    await refused(world, report, flow);
  },
}));

async function allowed(world: World, report: Report, flow: ResponseTypeFlow): Promise<void> {
  await report.run(run(flow, 'allowed: ada says yes, and so does the directory'), issuesOf(flow), async () => {
    const asked = await ask(world, flow);
    const browser = world.newBrowser();
    const login = await report.messages(async () => requirePage(await browser.open(asked.url), 'login'));
    const consent = await report.messages(async () => requirePage(await world.logIn(browser, login, 'ada'), 'consent'));
    const visit = await report.messages(async () => requirePage(await browser.press(consent, 'allow'), 'continue'));
    const answer = await report.messages(() => world.goOn(browser, visit));
    expectThat(answer.mode === flow.mode, `the answer came by ${answer.mode}`);
    const { accessToken } = await report.messages(() => redeem(world, flow, asked, answer));
    if (accessToken !== undefined) expectThat(scopesOf(accessToken).includes('orders:write'), 'a scope is missing');
    return verifiedWords(flow);
  });
}

async function posted(world: World, report: Report, flow: ResponseTypeFlow): Promise<void> {
  await report.run(run(flow, 'the same with response_mode=form_post'), issuesOf(flow), async () => {
    const asked = await ask(world, flow, { response_mode: 'form_post' });
    const { browser, consent } = await consentPage(world, report, asked, 'ada');
    const visit = await report.messages(async () => requirePage(await browser.press(consent, 'allow'), 'form-post'));
    const answer = await report.messages(() => world.goOn(browser, visit));
    expectThat(answer.mode === 'form_post', `the answer came by ${answer.mode}`);
    await report.messages(() => redeem(world, flow, asked, answer));
    return verifiedWords(flow);
  });
}

async function refusedInPart(world: World, report: Report, flow: ResponseTypeFlow): Promise<void> {
  const title = 'refused in part: alan says yes, the directory says no to orders:write, which is for finance';
  await report.run(run(flow, title), issuesOf(flow), async () => {
    const asked = await ask(world, flow);
    const { browser, consent } = await consentPage(world, report, asked, 'alan');
    const partial = await report.messages(async () =>
      requirePage(await browser.press(consent, 'allow'), 'consent-partial'),
    );
    expectThat(partial.text.includes('Change your orders'), 'the page does not say what was refused');
    const answer = await report.messages(async () => world.goOn(browser, await browser.follow(partial, 'continue')));
    const { accessToken } = await report.messages(() => redeem(world, flow, asked, answer));
    if (accessToken === undefined) return ['orders:write was not'];
    const scopes = scopesOf(accessToken);
    expectThat(scopes.includes('orders:read') && !scopes.includes('orders:write'), `scope is ${scopes.join(' ')}`);
    return [`the scope is ${scopes.join(' ')}: orders:write is not among them`];
  });
}

async function refused(world: World, report: Report, flow: ResponseTypeFlow): Promise<void> {
  await report.run(run(flow, 'refused: alan says yes to the ledger, which is for finance alone'), [], async () => {
    const { responseType } = flow;
    const asked = await world.ask('ledger', {}, { responseType });
    const { browser, consent } = await consentPage(world, report, asked, 'alan');
    const told = await report.messages(async () =>
      requireError(await browser.press(consent, 'allow'), 'access_denied'),
    );
    const [back = ''] = Object.keys(told.links).filter((id) => id === 'continue' || id === 'back');
    await report.messages(async () => {
      const answer = await world.goOn(browser, await browser.follow(told, back));
      requireRefusal(answer, asked, 'access_denied');
      expectThat(answer.mode === flow.mode, `the answer came by ${answer.mode}`);
    });
    return [];
  });
}

/** A question for consent that ada has before her when the directory stops. */
export interface OpenQuestion {
  readonly flow: ResponseTypeFlow;
  /** What led to it. */
  readonly before: readonly Message[];
  readonly browser: Browser;
  readonly consent: Page;
}

export async function openQuestions(world: World): Promise<readonly OpenQuestion[]> {
  const browser = world.browserOf('ada');
  const questions: OpenQuestion[] = [];
  for (const flow of responseTypeFlows) {
    const asked = await ask(world, flow);
    const from = world.recorder.count;
    const consent = requirePage(await world.signIn(browser, asked.url, 'ada'), 'consent');
    questions.push({ flow, browser, consent, before: world.recorder.since(from) });
  }
  return questions;
}

export async function allowWhileDown(report: Report, { flow, browser, consent, before }: OpenQuestion): Promise<void> {
  await report.run(run(flow, `directory down, response_type=${flow.responseType}: ada says yes`), [], async () => {
    report.recall([...before, stops]);
    const page = await report.messages(async () =>
      requireError(await browser.press(consent, 'allow'), 'temporarily_unavailable'),
    );
    expectThat(page.text.includes('The directory does not answer'), 'the page does not say why');
    return ['the page says that the directory does not answer'];
  });
}

function ask(world: World, flow: ResponseTypeFlow, parameters: Readonly<Record<string, string>> = {}): Promise<Asked> {
  const { application, responseType } = flow;
  return world.ask(application, { prompt: 'consent', ...parameters }, { responseType });
}

/** In the browser that the person keeps. */
async function consentPage(
  world: World,
  report: Report,
  asked: Asked,
  username: string,
): Promise<{ readonly browser: Browser; readonly consent: Page }> {
  const browser = world.browserOf(username);
  const consent = await report.messages(async () =>
    requirePage(await world.signIn(browser, asked.url, username), 'consent'),
  );
  return { browser, consent };
}

function run({ responseType: flow }: ResponseTypeFlow, title: string) {
  return { flow, title };
}

function issuesOf({ responseType }: ResponseTypeFlow): readonly string[] {
  const { code, token, idToken } = givenBy(responseType);
  return [
    ...(code ? ['code'] : []),
    ...(code || token ? ['access token'] : []),
    ...(code || idToken ? ['ID token'] : []),
    ...(code ? ['refresh token'] : []),
  ];
}

function verifiedWords({ responseType }: ResponseTypeFlow): readonly string[] {
  const { code, token, idToken } = givenBy(responseType);
  if (!idToken) return [code ? 'the ID token is verified' : 'the access token is verified'];
  const hashes = [...(token ? ['at_hash'] : []), ...(code ? ['c_hash'] : [])];
  return [`the ID token is verified: ${['nonce', ...hashes].join(', ')}`];
}

function scopesOf(accessToken: string): readonly string[] {
  return String(claimsOf(accessToken).scope).split(' ');
}
