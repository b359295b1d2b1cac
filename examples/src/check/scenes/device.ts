/** The device flow (RFC 8628): the person decides in a browser of their own, the device asks whether they have. */
import * as client from 'openid-client';
import { type Browser, requirePage } from '../browser.ts';
import { type Message, stops } from '../messages.ts';
import type { Page } from '../page.ts';
import { expectThat, type Report } from '../report.ts';
import { requireError, requireTokenError, type World } from '../world.ts';
import { claimsOf, type Scene } from './scene.ts';

const deviceCode = 'urn:ietf:params:oauth:grant-type:device_code';

const flow = 'device_code';

interface Started {
  readonly config: client.Configuration;
  readonly answer: client.DeviceAuthorizationResponse;
}

export const device: Scene = {
  title: 'Device code (television, read by openid-client)',
  async play(world, report) {
    const given = ['access token', 'ID token', 'refresh token'];
    await report.run({ flow, title: 'allowed: ada says yes, and so does the directory' }, given, async () => {
      const started = await report.messages(() => start(world));
      await report.messages(() => requireTokenError(pollOnce(started), 'authorization_pending'));
      const { browser, confirm } = await confirmPage(world, report, started, 'ada', world.newBrowser());
      await report.messages(async () => requirePage(await browser.press(confirm, 'allow'), 'device-done'));
      const tokens = await report.messages(() => client.pollDeviceAuthorizationGrant(started.config, started.answer));
      expectThat(tokens.claims() !== undefined, 'no ID token');
      return ['the ID token is verified'];
    });
    const part = 'refused in part: alan says yes, the directory says no to orders:write, which is for finance';
    await report.run({ flow, title: part }, given, async () => {
      const started = await report.messages(() => start(world));
      const { browser, confirm } = await confirmPage(world, report, started, 'alan');
      const done = await report.messages(async () => requirePage(await browser.press(confirm, 'allow'), 'device-done'));
      expectThat(done.text.includes('Change your orders'), 'the page does not say what was refused');
      const tokens = await report.messages(() => pollOnce(started));
      const { scope } = claimsOf(tokens.access_token);
      expectThat(!String(scope).includes('orders:write'), `scope is ${String(scope)}`);
      return [`the scope is ${String(scope)}: orders:write is not among them`];
    });
    await report.run(
      { flow, title: 'refused: the television wants nothing but orders:write, alan says yes' },
      [],
      async () => {
        const started = await report.messages(() => start(world, 'orders:write'));
        const { browser, confirm } = await confirmPage(world, report, started, 'alan');
        await report.messages(async () => {
          const visit = await browser.press(confirm, 'allow');
          expectThat(!('left' in visit) && visit.name !== 'device-confirm', 'the page did not change');
        });
        await report.messages(() => requireTokenError(pollOnce(started), 'access_denied'));
        return [];
      },
    );
  },
};

/** A device whose code ada has entered when the directory stops. */
export interface WaitingDevice {
  readonly before: readonly Message[];
  readonly started: Started;
  readonly browser: Browser;
  readonly confirm: Page;
}

export async function waitingDevice(world: World, report: Report): Promise<WaitingDevice> {
  const from = world.recorder.count;
  const started = await start(world);
  const question = await confirmPage(world, report, started, 'ada');
  return { started, ...question, before: world.recorder.since(from) };
}

export async function allowDeviceWhileDown(
  report: Report,
  { started, browser, confirm, before }: WaitingDevice,
): Promise<void> {
  await report.run({ flow, title: 'directory down, device code: ada says yes' }, [], async () => {
    report.recall([...before, stops]);
    await report.messages(async () => requireError(await browser.press(confirm, 'allow'), 'temporarily_unavailable'));
    await report.messages(() => requireTokenError(pollOnce(started), 'authorization_pending'));
    return ['the device goes on waiting'];
  });
}

async function start(world: World, scope?: string): Promise<Started> {
  const config = await world.client('television');
  const scopes = scope ?? world.facts.applications.television.scopes.join(' ');
  return { config, answer: await client.initiateDeviceAuthorization(config, { scope: scopes }) };
}

function pollOnce({ config, answer }: Started) {
  return client.genericGrantRequest(config, deviceCode, { device_code: answer.device_code });
}

/** Types the code that the device shows. */
async function confirmPage(
  world: World,
  report: Report,
  { answer }: Started,
  username: string,
  browser = world.browserOf(username),
): Promise<{ readonly browser: Browser; readonly confirm: Page }> {
  const enter = await report.messages(async () =>
    requirePage(await world.signIn(browser, answer.verification_uri, username), 'device'),
  );
  const confirm = await report.messages(async () =>
    requirePage(await browser.press(enter, 'continue', { user_code: answer.user_code }), 'device-confirm'),
  );
  expectThat(confirm.text.includes('Nobody should send you this code'), 'the page does not warn');
  return { browser, confirm };
}
