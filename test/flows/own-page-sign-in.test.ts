/** A sign-in without a client: `/device` stands for every page of ours that somebody has to be signed in for. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deviceApp, enterCode, startDevice } from '../support/devices.ts';
import { MovedClock } from '../support/moved-clock.ts';
import { authorize, World, webApp } from '../support/world.ts';

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({ clients: [deviceApp(), webApp()] });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `person${++turn}`;
  world.memory.add(username);
  world.memory.down = false;
});

const credentials = () => ({ username, password: `password-of-${username}`, 'sign-in': '1' });

describe('a sign-in for a page of ours', () => {
  it('names no client and offers no way back; it ends at the page, after 303, with a new cookie', async () => {
    const browser = world.browser();
    const login = await browser.get('/device');
    expect(login.name).toBe('login');
    for (const words of ['to continue to', 'You will go back', 'id="cancel"']) expect(login.html).not.toContain(words);
    const answer = await browser.postOnly('/login', { ...login.form.fields, ...credentials() });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/device']);
    expect(answer.headers.getSetCookie().join()).toContain('__Host-nauthera_session');
    expect((await browser.get('/device')).name).toBe('device');
  });

  it('is an event of the audit without a client', async () => {
    const browser = world.browser();
    await browser.submit(await browser.get('/device'), { ...credentials(), password: 'wrong' });
    await browser.submit(await browser.get('/device'), credentials());
    const events = await world.rows(
      `SELECT event, outcome, client_id, grant_id FROM audit WHERE user_name = '${username}' ORDER BY time`,
    );
    expect(events).toEqual([
      { event: 'login.failed', outcome: 'refused', client_id: null, grant_id: null },
      { event: 'login.succeeded', outcome: 'success', client_id: null, grant_id: null },
    ]);
  });

  it('A49: meets the same limits as every other', async () => {
    const browser = world.browser();
    let page = await browser.get('/device');
    for (let tries = 0; tries < 5; tries++) page = await browser.submit(page, { ...credentials(), password: 'wrong' });
    page = await browser.submit(page, credentials());
    expect([page.name, page.problem]).toEqual(['login', 'Too many tries. Wait 1 minute, then try again.']);
  });

  it('a wrong password keeps the user name, and the code of a complete link', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const login = await browser.get(`/device?user_code=${device.user_code}`);
    const again = await browser.submit(login, { ...credentials(), password: 'wrong' });
    expect([again.name, again.form.fields.username]).toEqual(['login', username]);
    expect((await browser.submit(again, credentials())).name).toBe('device-confirm');
  });

  it('an unreachable directory: a page that keeps what was wanted', async () => {
    const browser = world.browser();
    const login = await browser.get('/device');
    world.memory.down = true;
    const away = await browser.submit(login, credentials());
    expect([away.name, away.status]).toEqual(['error:temporarily_unavailable', 503]);
    world.memory.down = false;
    const again = await browser.get(away.link('retry') ?? '');
    expect((await browser.submit(again, credentials())).name).toBe('device');
  });

  it('whoever is signed in is not asked, and may be somebody else', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    expect((await browser.get('/device')).name).toBe('device');
    const confirm = await enterCode(browser, (await startDevice(world)).user_code);
    const login = await browser.submit(confirm, { 'use-another': '1' });
    expect(login.name).toBe('login');
    const other = `${username}-other`;
    world.memory.add(other);
    const page = await browser.submit(login, { username: other, password: `password-of-${other}`, 'sign-in': '1' });
    expect([page.name, page.html.includes(`${other} of the shop`)]).toEqual(['device-confirm', true]);
  });

  it('open for more than 30 minutes: "Start again" comes back to the page', async () => {
    const moved = new MovedClock();
    const other = await World.open({ options: { clock: moved.clock } });
    try {
      await moved.during(other, async (move) => {
        const browser = other.browser();
        const login = await browser.get('/device');
        move(31 * 60);
        const ada = { username: 'ada', password: 'password-of-ada', 'sign-in': '1' };
        const expired = await browser.submit(login, ada);
        expect(expired.name).toBe('error:request_expired');
        const again = await browser.submit(expired, { restart: '1' });
        expect((await browser.submit(again, ada)).name).toBe('device');
      });
    } finally {
      await other.stop();
    }
  });

  it('A34: its request opens in no other browser, and is no authorization request', async () => {
    const browser = world.browser();
    const login = await browser.get('/device');
    const thief = world.browser();
    await thief.get('/device');
    expect((await thief.post('/login', { ...login.form.fields, ...credentials() })).name).toBe('error:invalid_request');
    for (const path of ['/consent', '/continue']) {
      const page = await browser.get(`${path}?request=${login.form.fields.request ?? ''}`);
      expect(['login', 'error:invalid_request']).toContain(page.name);
    }
    const consent = await browser.post('/consent', { ...login.form.fields, decision: 'allow' });
    expect(consent.name).toBe('error:invalid_request');
  });

  it.each<[string, Record<string, string>]>([
    ['/account', {}],
    ['/device', { request: 'x' }],
    ['/password', {}],
  ])('A65: a form from elsewhere, which comes without our cookies, is answered with none: %s', async (path, fields) => {
    const answer = await world.browser().postOnly(path, fields, { 'sec-fetch-site': 'cross-site' });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([400, []]);
  });

  it('A29: a form from elsewhere is refused', async () => {
    const browser = world.browser();
    const login = await browser.get('/device');
    const fields = { ...login.form.fields, ...credentials() };
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example', 'sec-fetch-site': '-' },
    ]) {
      expect((await browser.post('/login', fields, headers)).name).toBe('error:invalid_request');
    }
    expect((await browser.post('/login', { ...fields, token: 'x'.repeat(43) })).name).toBe('error:invalid_request');
  });
});
