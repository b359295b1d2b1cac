/** The end of a session: asked for by an application, and told to the others by a call or by a frame. */
import * as client from 'openid-client';
import { requireLeft, requirePage, type Visit } from '../browser.ts';
import { verifyLogoutToken } from '../by-hand.ts';
import { expectThat, type Report } from '../report.ts';
import { requireError, requireRefusal, type World } from '../world.ts';
import { type Held, tokensOf } from './refresh.ts';
import type { Scene } from './scene.ts';

const flow = 'rp_initiated_logout';

export const logout: Scene = {
  title: 'Signing out (order-desk is called, showroom is told in a frame)',
  async play(world, report) {
    await hinted(world, report);
    await asked(world, report);
    await called(world, report);
    await framed(world, report);
  },
};

async function hinted(world: World, report: Report): Promise<void> {
  const held = await report.quietly('grace’s tokens', () => tokensOf(world, 'grace'));
  const title = 'allowed: the ID token says whose session it is, so nobody is asked';
  await report.run({ flow, title }, [], async () => {
    await report.messages(async () => arrive(await world.browserOf('grace').open(endSession(world, held))));
    await report.messages(() => isOver(world));
    return ['the state is the one that was sent; the session is over'];
  });
}

/** Without a hint, or with an address that nobody registered: nothing ends before she says so. */
async function asked(world: World, report: Report): Promise<void> {
  const held = await report.quietly('grace’s tokens', () => tokensOf(world, 'grace'));
  const browser = world.browserOf('grace');
  const question = () => browser.open(client.buildEndSessionUrl(held.asked.config));
  await report.run({ flow, title: 'refused: there is no hint, so grace is asked first, and stays' }, [], async () => {
    const page = await report.messages(async () => requirePage(await question(), 'sign-out'));
    await report.messages(() => browser.press(page, 'stay'));
    await world.recorder.aside(() => isOn(world));
    return ['her session goes on'];
  });
  await report.run({ flow, title: 'refused: an address to go back to that the Client does not list' }, [], async () => {
    const elsewhere = {
      post_logout_redirect_uri: 'https://elsewhere.example/',
      id_token_hint: held.tokens.id_token ?? '',
    };
    const url = client.buildEndSessionUrl(held.asked.config, elsewhere);
    await report.messages(async () => requireError(await browser.open(url), 'logout_failed'));
    await world.recorder.aside(() => isOn(world));
    return ['she stays on a page of the server, and her session goes on until she says otherwise'];
  });
  await report.run({ flow, title: 'allowed: there is no hint, grace is asked first, and says yes' }, [], async () => {
    const page = await report.messages(async () => requirePage(await question(), 'sign-out'));
    await report.messages(async () => requirePage(await browser.press(page, 'sign-out'), 'signed-out'));
    await report.messages(() => isOver(world));
    return ['the session is over'];
  });
}

async function called(world: World, report: Report): Promise<void> {
  const held = await report.quietly('grace’s tokens', () => tokensOf(world, 'grace'));
  const title = 'allowed: grace signs out, and the server calls order-desk';
  await report.run({ flow: 'backchannel_logout', title }, [], async () => {
    await report.messages(async () => arrive(await world.browserOf('grace').open(endSession(world, held))));
    const { clientId } = world.facts.applications['order-desk'];
    const { sid, sub } = sessionOf(held);
    const token = await report.messages(() => world.calledAbout(sid));
    await verifyLogoutToken(world.facts, token, { clientId, sid, sub });
    return [
      'the logout token is verified: signature, typ, iss, aud, iat, exp, jti, events, no nonce',
      'its sid and sub are those of the ID token',
    ];
  });
}

async function framed(world: World, report: Report): Promise<void> {
  const held = await report.quietly('grace’s tokens', () => tokensOf(world, 'grace', 'showroom'));
  const browser = world.browserOf('grace');
  const title = 'allowed: grace signs out, and the page tells showroom in a frame';
  await report.run({ flow: 'frontchannel_logout', title }, [], async () => {
    const page = await report.messages(async () =>
      requirePage(await browser.open(endSession(world, held)), 'signed-out'),
    );
    const [frame, ...others] = await report.messages(() => browser.loadFrames(page));
    expectThat(frame !== undefined && others.length === 0, `${page.frames.length} frames`);
    expectThat(frame.status === 200 && frame.name === 'frontchannel-logout', 'the application did not take it');
    const { searchParams } = new URL(frame.url);
    expectThat(searchParams.get('iss') === world.facts.issuer, 'iss is another');
    expectThat(searchParams.get('sid') === sessionOf(held).sid, 'it is about another session');
    await report.messages(async () => arrive(await browser.follow(page, 'back')));
    await report.messages(() => isOver(world));
    return ['its iss and sid are those of the ID token', 'the state is the one that was sent; the session is over'];
  });
}

/** The address by which the application signs its user out, to come back. */
function endSession(world: World, { asked: { config }, tokens }: Held): URL {
  const back = { post_logout_redirect_uri: `${world.facts.application}/signed-out`, state: 'back' };
  return client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token ?? '', ...back });
}

function arrive(visit: Visit): void {
  const { left } = requireLeft(visit);
  expectThat(left.pathname === '/signed-out', `it is another address: ${left.pathname}`);
  expectThat(left.searchParams.get('state') === 'back', 'state is not the one that was sent');
}

function sessionOf({ tokens }: Held): { readonly sid: string; readonly sub: string } {
  const claims = tokens.claims();
  const sid = claims?.sid;
  expectThat(typeof sid === 'string', 'the ID token names no session');
  return { sid, sub: claims?.sub ?? '' };
}

async function isOver(world: World): Promise<void> {
  const silent = await world.ask('order-desk', { prompt: 'none' });
  requireRefusal(
    await world.goOn(world.browserOf('grace'), await world.browserOf('grace').open(silent.url)),
    silent,
    'login_required',
  );
}

async function isOn(world: World): Promise<void> {
  const silent = await world.ask('order-desk', { prompt: 'none' });
  const answer = await world.goOn(world.browserOf('grace'), await world.browserOf('grace').open(silent.url));
  expectThat(answer.parameters.has('code'), 'she is signed out');
}

/** Her tokens are from before; nobody asks the directory about somebody who goes. */
export async function signOutWhileDown(world: World, report: Report, held: Held): Promise<void> {
  await report.run({ flow, title: 'directory down: nobody is asked about somebody who goes' }, [], async () => {
    await report.messages(async () => arrive(await world.browserOf('grace').open(endSession(world, held))));
    await report.messages(() => isOver(world));
    return ['the session is over'];
  });
}
