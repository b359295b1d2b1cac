/** What a flow ends with where something is not given: by a rule of the directory, by its silence, by the person. */
import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import type { Browser } from '../support/browser.ts';
import { basic, deviceFields, startDevice } from '../support/devices.ts';
import { authorizePath, codeFields } from '../support/world.ts';
import type { Actors } from './every-flow.suite.ts';

export function refusals(the: () => Actors): void {
  const ledger = 'openid ledger';
  const silent = (browser: Browser) =>
    browser.get(authorizePath({ client_id: 'web.jwt', scope: 'openid', prompt: 'none' }));

  it('a rule of the directory refuses a scope: the person is told, and the application gets the rest', async () => {
    const browser = the().world.browser();
    const page = await the().through(browser, authorizePath({ client_id: 'web.jwt', scope: ledger }), 'alan');
    expect([page.name, page.html.includes('Read the ledger')]).toEqual(['consent-partial', true]);
    const on = await browser.get(page.link('continue') ?? '');
    const { body } = await the().world.token(codeFields(on.response.code), 'web.jwt');
    expect(body.scope).toBe('openid');
  });

  it('the same for an application that takes all or nothing: access_denied', async () => {
    const browser = the().world.browser();
    const page = await the().through(browser, authorizePath({ client_id: 'web.strict', scope: ledger }), 'alan');
    expect(page.response).toMatchObject({ error: 'access_denied' });
    expect(page.response.code).toBeUndefined();
  });

  it('the directory is down: nothing is given, and "Try again" goes on with the same request', async () => {
    const browser = the().world.browser();
    const login = await browser.get(authorizePath({ client_id: 'web.strict', scope: 'openid', state: 'kept' }));
    const password = the().deployment.password('grace');
    const page = await browser.submit(login, { username: 'grace', password, 'sign-in': '1' });
    expect(page.name).toBe('consent');
    the().deployment.directoryAnswers(false);
    try {
      const away = await browser.submit(page, { decision: 'allow' });
      expect([away.name, away.status]).toEqual(['error:temporarily_unavailable', 503]);
      the().deployment.directoryAnswers(true);
      let after = away;
      const again = async () => {
        after = await browser.submit(away, { retry: '1' });
        return after.name.startsWith('error:') ? after.name : after.response.state;
      };
      await expect.poll(again, { timeout: 90_000, interval: 500 }).toBe('kept');
      expect((await the().world.token(codeFields(after.response.code), 'web.strict')).status).toBe(200);
    } finally {
      the().deployment.directoryAnswers(true);
    }
  });

  it('a device that somebody says no to', async () => {
    const device = await startDevice(the().world, { scope: 'openid' }, basic('tv.jwt'));
    const browser = the().world.browser();
    const login = await browser.get(`/device?user_code=${device.user_code}`);
    const password = the().deployment.password('ada');
    const page = await browser.submit(login, { username: 'ada', password, 'sign-in': '1' });
    expect((await browser.submit(page, { decision: 'deny' })).name).toBe('device-done');
    const { body } = await the().world.token(deviceFields(device.device_code), 'tv.jwt');
    expect(body.error).toBe('access_denied');
  });

  it('prompt=select_account: the account is chosen, or another one signs in', async () => {
    const browser = the().world.browser();
    const choose = authorizePath({ client_id: 'web.jwt', scope: 'openid', prompt: 'select_account' });
    await the().through(browser, authorizePath({ client_id: 'web.jwt', scope: 'openid' }), 'ada');
    const page = await browser.get(choose);
    expect(page.name).toBe('choose-account');
    const account = /<button name="account" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    expect((await browser.submit(page, { account })).response.code).toBeTruthy();
    const login = await browser.submit(await browser.get(choose), { 'use-another': '1' });
    const password = the().deployment.password('grace');
    const other = await browser.submit(login, { username: 'grace', password, 'sign-in': '1' });
    const done = other.name === 'consent' ? await browser.submit(other, { decision: 'allow' }) : other;
    const { body } = await the().world.token(codeFields(done.response.code), 'web.jwt');
    const quiet = await the().world.token(
      codeFields((await silent(browser)).leftTo?.searchParams.get('code') ?? ''),
      'web.jwt',
    );
    expect(decodeJwt(body.id_token ?? '').sub).toBe(decodeJwt(quiet.body.id_token ?? '').sub);
  });
}
