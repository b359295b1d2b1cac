import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Page } from '../support/browser.ts';
import { threeProcesses } from '../support/deployment.ts';
import { basic, deviceFields, type StartedDevice, startDevice } from '../support/devices.ts';
import { withEndlessGrace } from '../support/endless-grace.ts';
import { introspect, postForm, userinfo } from '../support/tokens.ts';
import { unlessBusy } from '../support/unless-busy.ts';
import { authorizePath, codeFields, issuer, refreshFields, type TokenAnswer } from '../support/world.ts';
import { type Actors, describeEveryFlow, formats } from './every-flow.suite.ts';

const scope = 'openid email orders offline_access';
const fifty = <T>(ask: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 50 }, (_, at) => ask(at)));

function tally(answers: readonly TokenAnswer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const key = body.error === undefined ? String(status) : body.error;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** What one case writes for nobody else: rows since its beginning. */
async function since(actors: Actors) {
  const [row] = await actors.world.rows<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return (event: string, where = 'true') =>
    actors.world.count('audit', `time > '${row?.now}'::timestamptz AND event = '${event}' AND ${where}`);
}

function races(the: () => Actors): void {
  const consentPage = async (username: string, response_type: string) => {
    const browser = the().world.browser();
    const path = authorizePath({ client_id: 'web.opaque', scope, response_type, prompt: 'consent' });
    const login = await unlessBusy(() => browser.get(path));
    return { browser, page: await the().signIn(browser, login, username) };
  };

  it('F01, I1: a hybrid code 50 times at once: one success, and what came with it ends too', async () => {
    const { browser, page } = await consentPage('ada', 'code id_token token');
    const { response } = await browser.submit(page, { decision: 'allow' });
    expect(await the().active(response.access_token)).toEqual([true]);
    const answers = await fifty(() => unlessBusy(() => the().world.token(codeFields(response.code), 'web.opaque')));
    expect(tally(answers)).toEqual({ '200': 1, invalid_grant: 49 });
    const winner = answers.find(({ status }) => status === 200)?.body;
    const later = await the().world.token(refreshFields(winner?.refresh_token), 'web.opaque');
    expect(later.body.error).toBe('invalid_grant');
    for (const token of [response.access_token, winner?.access_token]) {
      await expect.poll(() => the().active(token)).toEqual([false]);
    }
  });

  it('F02, I1: a refresh token with opaque access tokens 50 times at once: one successor, and each answer works', async () => {
    const tokens = await the().tokens(the().world.browser(), 'web.opaque', 'grace');
    const answers = await withEndlessGrace(the().world.database, () =>
      fifty(() => unlessBusy(() => the().world.token(refreshFields(tokens.refresh_token), 'web.opaque'))),
    );
    expect(tally(answers)).toEqual({ '200': 50 });
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    const given = [...new Set(answers.map(({ body }) => body.access_token))];
    for (const token of given.slice(0, 5)) expect(await the().active(token, 3)).toEqual([true]);
    const [first] = answers;
    expect((await the().world.token(refreshFields(first?.body.refresh_token), 'web.opaque')).status).toBe(200);
  });

  it('A24: 50 clicks on a consent that gives everything: one answer, one grant', async () => {
    const { browser, page } = await consentPage('alan', 'code id_token token');
    const grants = await the().world.count('grants');
    const codes = await the().world.count('authorization_codes');
    const pages = await fifty(() => unlessBusy(() => browser.submit(page, { decision: 'allow' })));
    expect(new Set(pages.map(({ response }) => response.code)).size).toBe(1);
    expect(new Set(pages.map(({ response }) => response.access_token)).size).toBe(1);
    expect(await the().world.count('grants')).toBe(grants + 1);
    expect(await the().world.count('authorization_codes')).toBe(codes + 1);
  });

  it('A24, A67: yes and no to one device at once: one of them', async () => {
    const device = await startDevice(the().world, { scope }, basic('tv.opaque'));
    const audited = await since(the());
    const browser = the().world.browser();
    const password = the().deployment.password('grace');
    const login = await browser.get(`/device?user_code=${device.user_code}`);
    const page = await browser.submit(login, { username: 'grace', password, 'sign-in': '1' });
    const pages = await fifty((at) =>
      unlessBusy(() => browser.submit(page, { decision: at % 2 === 0 ? 'allow' : 'deny' })),
    );
    expect(pages.map(({ name }) => name).filter((name) => name !== 'device-done')).toEqual([]);
    const [yes, no] = [await audited('device.approved'), await audited('device.denied')];
    expect(yes + no).toBe(1);
    const answers = await fifty(() =>
      unlessBusy(() => the().world.token(deviceFields(device.device_code), 'tv.opaque')),
    );
    expect(tally(answers)).toEqual(yes === 1 ? { '200': 1, invalid_grant: 49 } : { access_denied: 50 });
  });

  it('I10: refreshed and revoked at once: in the end nothing of it works', async () => {
    const tokens = await the().tokens(the().world.browser(), 'web.opaque', 'ada');
    const all: TokenAnswer[] = [];
    await fifty(async (at) => {
      if (at % 5 === 0) {
        const sent = { token: tokens.refresh_token ?? '' };
        const { status } = await postForm(the().world, '/revoke', sent, basic('web.opaque'));
        expect([200, 503]).toContain(status);
      } else all.push(await unlessBusy(() => the().world.token(refreshFields(tokens.refresh_token), 'web.opaque')));
    });
    expect(Object.keys(tally(all)).filter((key) => key !== '200' && key !== 'invalid_grant')).toEqual([]);
    for (const { body } of [{ body: tokens }, ...all]) {
      if (body.refresh_token === undefined) continue;
      const { body: later } = await the().world.token(refreshFields(body.refresh_token), 'web.opaque');
      expect(later.error).toBe('invalid_grant');
      await expect.poll(() => the().active(body.access_token)).toEqual([false]);
    }
  });

  it('A24: 50 sign-outs at once: one session ends, the application is told once', async () => {
    const browser = the().world.browser();
    const tokens = await the().tokens(browser, 'web.jwt', 'grace', 'openid email');
    const { sid } = decodeJwt(tokens.id_token ?? '');
    /** Others may still be told of what other cases ended. */
    const told = () =>
      the().deployment.told.filter(
        ({ body }) => decodeJwt(new URLSearchParams(body).get('logout_token') ?? '').sid === sid,
      );
    const audited = await since(the());
    const path = `/logout?${new URLSearchParams({ id_token_hint: tokens.id_token ?? '' }).toString()}`;
    const pages = await fifty(() => unlessBusy(() => browser.clone().get(path)));
    expect(pages.map(({ name }) => name).filter((name) => name !== 'signed-out')).toEqual([]);
    expect(await audited('session.ended')).toBe(1);
    await expect.poll(() => told().length).toBe(1);
    await expect.poll(() => the().world.count('logout_deliveries')).toBe(0);
    expect(told()).toHaveLength(1);
  });
}

function refusals(the: () => Actors): void {
  type Way = (
    tokens: TokenAnswer['body'],
    clientId: string,
    browser: ReturnType<Actors['world']['browser']>,
  ) => unknown;
  const ways: Readonly<Record<string, Way>> = {
    'a revoked refresh token': ({ refresh_token }, clientId) =>
      postForm(the().world, '/revoke', { token: refresh_token ?? '' }, basic(clientId)),
    'a revoked access token': ({ access_token }, clientId) =>
      postForm(the().world, '/revoke', { token: access_token ?? '' }, basic(clientId)),
    'a sign-out': ({ id_token }, _clientId, browser) =>
      browser.get(`/logout?${new URLSearchParams({ id_token_hint: id_token ?? '' }).toString()}`),
    'access taken back on the account page': async (_tokens, clientId, browser) =>
      browser.submit(await browser.get('/account'), { remove: `uid-of-${clientId}`, confirmed: 'yes' }),
  };
  const cases = Object.keys(ways).flatMap((way) => formats.map((format) => [way, format] as const));

  it.each(cases)('F52, I10: %s, %s: refused by each process, which had all seen it', async (way, format) => {
    const clientId = `web.${format}`;
    const browser = the().world.browser();
    // Without offline_access: it hangs off the session.
    const tokens = await the().tokens(browser, clientId, 'alan', 'openid email orders');
    const { processes } = the().deployment;
    const works = async () => {
      let found = 0;
      for (const url of processes) {
        const asked = await introspect(the().world, tokens.access_token, 'api.orders', {}, url);
        if (asked.body.active === true) found += 1;
        if ((await userinfo(the().world, tokens.access_token, url)).status === 200) found += 1;
      }
      return found;
    };
    expect(await works()).toBe(2 * processes.length);
    const began = performance.now();
    await ways[way]?.(tokens, clientId, browser);
    await expect.poll(works, { interval: 20 }).toBe(0);
    // The promise is a second; a machine that does other work too is given more, and far less than a token lives.
    expect(performance.now() - began).toBeLessThan(60_000);
    const { body } = await the().world.token(refreshFields(tokens.refresh_token), clientId);
    expect(body.error).toBe('invalid_grant');
  });
}

function kills(the: () => Actors): void {
  it('F03, I1, I3: two of three processes killed while they issue: each answer once, no grant that nobody holds', {
    timeout: 600_000,
  }, async () => {
    const { replicas, world, password } = the().deployment;
    const browser = world.browser();
    const path = authorizePath({
      client_id: 'web.opaque',
      scope,
      response_type: 'code id_token token',
      prompt: 'consent',
    });
    const login = await browser.get(path);
    await browser.submit(login, { username: 'ada', password: password('ada'), 'sign-in': '1' });
    const devices: StartedDevice[] = [];
    const pages: Page[] = [];
    for (let at = 0; at < 24; at++) {
      const device = await startDevice(world, { scope }, basic('tv.opaque'));
      expect((await the().approve(browser, device.user_code)).name).toBe('device-done');
      devices.push(device);
      // Ten codes of one person and one application may wait, no more.
      if (at % 3 === 0) pages.push(await browser.get(path));
    }
    const mark = await world.rows<{ now: string }>('SELECT clock_timestamp()::text AS now');
    let unanswered = 0;
    /** Until there is an answer, from whoever is left. */
    const insisting = async <T extends { readonly status: number }>(ask: () => Promise<T>): Promise<T> => {
      for (const deadline = Date.now() + 90_000; Date.now() < deadline; await sleep(50)) {
        try {
          const answer = await ask();
          if (answer.status < 500) return answer;
        } catch {
          unanswered += 1;
        }
      }
      throw new Error('never answered');
    };
    const exchange = (device: StartedDevice) =>
      insisting(() => world.token(deviceFields(device.device_code), 'tv.opaque'));
    const consent = (page: (typeof pages)[number]) => insisting(() => browser.submit(page, { decision: 'allow' }));
    const work = devices.map((device, at) => async () => {
      const page = at % 3 === 0 ? pages[at / 3] : undefined;
      return Promise.all([exchange(device), page === undefined ? undefined : consent(page)]);
    });
    const running = [];
    for (const [at, one] of work.entries()) {
      running.push(one());
      // In the middle of a burst: some are with the process that goes.
      if (at === 7 || at === 15) await replicas[at === 7 ? 0 : 1]?.kill();
    }
    const results = await Promise.all(running);
    expect(unanswered).toBeGreaterThan(0);
    // However long it takes until two processes have started.
    await world.rows(`UPDATE authorization_codes SET expires_at = now() + interval '1 hour' WHERE used_at IS NULL`);
    await Promise.all(replicas.slice(0, 2).map((replica) => replica.restart()));

    const exchanged = results.map(([answer]) => answer);
    const given = exchanged.filter(({ status }) => status === 200).length;
    expect(exchanged.filter(({ body }) => body.error !== undefined && body.error !== 'invalid_grant')).toEqual([]);
    const after = `created_at > '${mark[0]?.now}'::timestamptz`;
    // Whose answer was lost came again: a replay, and its grant is over.
    expect(await world.count('grants', `client_id = 'tv.opaque' AND ended_at IS NULL AND ${after}`)).toBe(given);
    const codes = results.flatMap(([, page]) => (page === undefined ? [] : [page.response.code]));
    expect(new Set(codes).size).toBe(8);
    expect(await world.count('grants', `client_id = 'web.opaque' AND ${after}`)).toBe(8);
    const redeemed = await Promise.all(
      codes.map((code) => insisting(() => world.token(codeFields(code), 'web.opaque'))),
    );
    expect(tally(redeemed)).toEqual({ '200': 8 });
    for (const url of the().deployment.processes) expect((await fetch(`${url}/jwks`)).status).toBe(200);
    expect((await world.fetch(`${issuer}/jwks`)).status).toBe(200);
  });
}

describe('every flow, three processes behind a round-robin proxy', () =>
  describeEveryFlow(threeProcesses, (the) => {
    it('each process answered its part of it: no browser and no client stayed with one', () => {
      const counts = the().deployment.proxy?.answered ?? [];
      expect(counts).toHaveLength(3);
      for (const count of counts) expect(count).toBeGreaterThan(100);
    });
    describe('fifty at once', () => races(the));
    describe('what was ended', () => refusals(the));
    describe('kill -9', () => kills(the));
  }));
