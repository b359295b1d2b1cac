import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOwner, aScope } from '../support/builders.ts';
import {
  answerDevice,
  basic,
  deviceApp,
  enterCode,
  poll,
  type StartedDevice,
  startDevice,
} from '../support/devices.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, authorize, issuer, World, webApp } from '../support/world.ts';

let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      deviceApp(),
      deviceApp('tv.strict', { consent: { mode: 'remember', remember_for: 3600, on_refused_scope: 'deny' } }),
      deviceApp('tv.closed', { access_groups: ['viewers'] }),
      deviceApp('tv.implicit', { consent: { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } }),
      webApp(),
    ],
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [{ name: 'groups-for-managers', scopes: ['groups'], groups: ['managers'] }],
      }),
    },
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `person${++turn}`;
  world.memory.add(username);
  world.memory.down = false;
});

const credentials = () => ({ username, password: `password-of-${username}`, 'sign-in': '1' });
const notRight = 'This code is not right or no longer valid.';
const outcomeOf = (device: StartedDevice) => poll(world, device).then(({ body }) => body.error ?? 'tokens');
/** Words without markup. */
const text = (html: string) =>
  html
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&#39;', "'")
    .replaceAll(/\s+/g, ' ');

describe('the page where a code is entered', () => {
  it('A51: warns before the field, and says how a code looks', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await browser.get('/device');
    expect(page.html.indexOf('role="note"')).toBeGreaterThan(0);
    expect(page.html.indexOf('role="note"')).toBeLessThan(page.html.indexOf('name="user_code"'));
    for (const words of [
      'Connect a device',
      'Nobody should send you this code. Go on only if you started this yourself, just now, and the device is in your hands. Fraudsters send codes by e-mail, chat or telephone and pretend to be support. We never send you a code for this page.',
      'Enter the code that your device shows.',
      'Eight letters, like BCDF-GHJK. Capitals, spaces and dashes do not matter.',
    ]) {
      expect(text(page.html)).toContain(words);
    }
    expect(page.html).toMatch(/name="user_code"[^>]*autocomplete="off" autocapitalize="characters" spellcheck="false"/);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('content-security-policy')).toContain(`frame-ancestors 'none'`);
  });

  it.each([
    ['lower case', (code: string) => code.toLowerCase()],
    ['without a dash', (code: string) => code.replace('-', '')],
    ['with spaces', (code: string) => ` ${code.replace('-', ' ').split('').join(' ')} `],
    ['with other dashes', (code: string) => code.replace('-', ' \u2013 ')],
    [
      'in full width',
      (code: string) => code.replaceAll(/[A-Z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
    ],
  ])('RFC 8628 §6.1: takes it %s', async (_case, typed) => {
    const { user_code } = await startDevice(world);
    const page = await enterCode(world.browser(), typed(user_code), username);
    expect([page.name, page.html.includes(user_code)]).toEqual(['device-confirm', true]);
  });

  it.each([
    ['nothing', '', 'Enter the code'],
    ['an unknown one', 'BCDF-GHJK', notRight],
    ['another form', 'AEIO-UAEI', notRight],
    ['too short', 'BCDF', notRight],
    ['markup', '"><script>', notRight],
  ])('%s: the words above the field, what was typed is kept', async (_case, typed, problem) => {
    const page = await enterCode(world.browser(), typed, username);
    expect([page.name, page.status, page.problem]).toEqual(['device', 200, problem]);
    expect(page.form.fields.user_code).toBe(typed);
    expect(page.html).toContain('aria-invalid="true"');
    expect(page.html).not.toContain('<script');
    expect(page.html).toContain('<title>Error: Connect a device');
  });

  it('a code that ran out, or was answered, is no longer valid', async () => {
    const [old, answered] = [await startDevice(world), await startDevice(world)];
    await world.rows(
      `UPDATE device_codes SET expires_at = now() WHERE grant_id = (SELECT grant_id FROM device_codes ORDER BY created_at DESC OFFSET 1 LIMIT 1)`,
    );
    const browser = world.browser();
    await answerDevice(browser, answered, 'deny', username);
    for (const { user_code } of [old, answered]) {
      expect((await enterCode(browser, user_code)).problem).toBe(notRight);
    }
  });
});

describe('the page that asks', () => {
  it('A51: names the client, who runs it, when and what; No comes first', async () => {
    const device = await startDevice(world, { scope: 'openid email groups' });
    const page = await enterCode(world.browser(), device.user_code, username);
    const words = text(page.html);
    for (const expected of [
      'Did you just start The television on a device?',
      'Nobody should send you this code.',
      `The device must show this code: ${device.user_code}`,
      `You are signed in as ${username} of the shop (${username}).`,
      'The television is run by shop.',
      `See your e-mail address (${username}@example.com)`,
      'Only for members of managers. Your directory is asked when you choose Yes.',
      'No, I did not start this',
      'Yes, connect my device',
    ]) {
      expect(words).toContain(expected);
    }
    // Nobody vouches for an address here: no place is named.
    expect(words).toMatch(/Requested (now|\d+ seconds? ago|1 minute ago)\./);
    const [note, deny, allow] = ['role="note"', 'id="deny"', 'id="allow"'].map((mark) => page.html.indexOf(mark));
    expect([note, deny, allow]).toEqual([note, deny, allow].toSorted((one, other) => (one ?? 0) - (other ?? 0)));
    expect(page.html).not.toContain('You will not be asked again');
  });

  it('A51: a complete link asks for a sign-in and for a click; opening it gives nothing', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const link = device.verification_uri_complete.slice(issuer.length);
    const login = await browser.get(link);
    expect(login.name).toBe('login');
    expect(text(login.html)).toContain('Sign in Connect a device');
    const page = await browser.submit(login, credentials());
    expect(page.name).toBe('device-confirm');
    expect((await browser.get(link)).name).toBe('device-confirm');
    expect(await outcomeOf(device)).toBe('authorization_pending');
  });

  it('is never skipped: neither a remembered yes nor implicit consent answers for the next device', async () => {
    const browser = world.browser();
    for (const client of ['tv.app', 'tv.app', 'tv.implicit']) {
      const device = await startDevice(world, undefined, basic(client));
      expect((await enterCode(browser, device.user_code, username)).name).toBe('device-confirm');
      expect((await poll(world, device, client)).body.error).toBe('authorization_pending');
      await answerDevice(browser, device);
    }
    expect(await world.count('consents', `client_id LIKE 'tv.%'`)).toBe(0);
  });

  it('Yes: what it may do now, and where to take it back', async () => {
    const device = await startDevice(world, { scope: 'openid email' });
    const page = await answerDevice(world.browser(), device, 'allow', username);
    expect([page.name, page.status]).toEqual(['device-done', 200]);
    expect(text(page.html)).toContain('Your device is connected');
    expect(text(page.html)).toContain(
      'The television may now: Know who you are and See your e-mail address. You can close this page.',
    );
    expect(text(page.html)).toContain('Was that a mistake? Remove the access on your account page.');
    expect(page.link('account')).toBe('/account');
    expect(await outcomeOf(device)).toBe('tokens');
  });

  it('Yes, and a second thought before the device came: the account page tells of it, and takes it back', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const done = await answerDevice(browser, device, 'allow', username);
    const account = await browser.get(done.link('account') ?? '');
    expect([account.name, text(account.html).includes('The television')]).toEqual(['account', true]);
    const uid = / name="remove" value="([^"]*)"/.exec(account.html)?.[1] ?? '';
    const after = await browser.submit(account, { remove: uid, confirmed: 'yes' });
    expect(text(after.html)).toContain('The television no longer has access.');
    expect(after.html).not.toContain(`value="${uid}"`);
    expect(await outcomeOf(device)).toBe('expired_token');
    const [event] = await world.rows(
      `SELECT client_id, scopes FROM audit WHERE event = 'consent.withdrawn' AND user_name = '${username}'`,
    );
    expect(event).toEqual({ client_id: 'tv.app', scopes: ['openid', 'profile', 'email'] });
  });

  it('No ends the request at once', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const page = await answerDevice(browser, device, 'deny', username);
    expect(text(page.html)).toContain('Stopped');
    expect(text(page.html)).toContain('The device got nothing. If somebody sent you that code, tell your help desk.');
    expect(await outcomeOf(device)).toBe('access_denied');
    expect((await enterCode(browser, device.user_code)).problem).toBe(notRight);
    const [event] = await world.rows(
      `SELECT event, outcome, reason, user_name, client_id, grant_type FROM audit WHERE event LIKE 'device.%' ORDER BY time DESC LIMIT 1`,
    );
    expect(event).toEqual({
      event: 'device.denied',
      outcome: 'refused',
      reason: 'denied_by_user',
      user_name: username,
      client_id: 'tv.app',
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    });
  });

  it.each(['allow', 'deny'] as const)(
    'a form posted twice (%s) and one that says the opposite get the same end',
    async (first) => {
      const device = await startDevice(world);
      const browser = world.browser();
      const page = await enterCode(browser, device.user_code, username);
      const opposite = first === 'allow' ? 'deny' : 'allow';
      const ends = [];
      for (const decision of [first, first, opposite])
        ends.push((await browser.submit(page, { decision })).html.match(/<h1>(.*?)<\/h1>/)?.[1]);
      expect(new Set(ends).size).toBe(1);
      expect(await world.count('audit', `event LIKE 'device.%' AND user_name = '${username}'`)).toBe(1);
      expect(await outcomeOf(device)).toBe(first === 'allow' ? 'tokens' : 'access_denied');
    },
  );

  it('two people with one code: the first decides, the second learns nothing of it', async () => {
    const device = await startDevice(world);
    const [mine, other] = [world.browser(), world.browser()];
    world.memory.add('second');
    const pages = [
      await enterCode(mine, device.user_code, username),
      await enterCode(other, device.user_code, 'second'),
    ];
    const [first, second] = pages;
    if (first === undefined || second === undefined) throw new Error('both pages are needed');
    expect((await mine.submit(first, { decision: 'deny' })).name).toBe('device-done');
    const late = await other.submit(second, { decision: 'allow' });
    expect([late.name, late.problem]).toEqual(['device', notRight]);
    expect(await outcomeOf(device)).toBe('access_denied');
  });

  it('A29, A34: no click counts that another site, browser or session sent, nor one for an altered request', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const page = await enterCode(browser, device.user_code, username);
    const fields = { ...page.form.fields, decision: 'allow' };
    const from = { 'sec-fetch-site': 'cross-site' };
    expect((await browser.post('/device', fields, from)).name).toBe('error:invalid_request');
    const without = { ...fields, token: 'x'.repeat(43) };
    expect((await browser.post('/device', without)).name).toBe('device');
    expect((await browser.post('/device', { ...fields, request: 'x'.repeat(200) })).name).toBe('device');
    const thief = world.browser();
    await authorize(thief, {}, username);
    expect((await thief.post('/device', fields)).name).toBe('device');
    // The same browser, somebody else since.
    world.memory.add('visitor');
    const login = await browser.submit(page, { 'use-another': '1' });
    await browser.submit(login, { username: 'visitor', password: 'password-of-visitor', 'sign-in': '1' });
    expect((await browser.post('/device', fields)).name).toBe('device');
    expect(await outcomeOf(device)).toBe('authorization_pending');
  });
});

describe('a registration that changes under way', () => {
  const under = async (id: string) => {
    const value = deviceApp(id);
    await world.served({ kind: 'client', id, owner: anOwner(id), value });
    const device = await startDevice(world, undefined, basic(id));
    const browser = world.browser();
    return { value, browser, page: await enterCode(browser, device.user_code, username), device };
  };
  const nothingApproved = async (id: string) =>
    expect(await world.count('device_codes', `client_id = '${id}' AND outcome IS NOT NULL`)).toBe(0);

  it('a client that is withdrawn before the click: its code is no longer valid', async () => {
    const { value, browser, page } = await under('tv.leaving');
    const owner = anOwner('tv.leaving');
    await world.served({ kind: 'client', id: 'tv.leaving', owner, value, withdrawn: true });
    expect((await browser.submit(page, { decision: 'allow' })).problem).toBe(notRight);
    await nothingApproved('tv.leaving');
  });

  it('one that may not use the grant any more', async () => {
    const { value, browser, page, device } = await under('tv.changing');
    const change = { ...value, grant_types: ['client_credentials' as const] };
    await world.served({ kind: 'client', id: 'tv.changing', owner: anOwner('tv.changing'), value: change });
    expect((await browser.submit(page, { decision: 'allow' })).problem).toBe(notRight);
    expect((await poll(world, device, 'tv.changing')).body.error).toBe('unauthorized_client');
    await nothingApproved('tv.changing');
  });

  const narrowed = (id: string, value: ReturnType<typeof deviceApp>, scopes: readonly string[]) =>
    world.served({
      kind: 'client',
      id,
      owner: anOwner(id),
      value: { ...value, scopes: [...scopes], default_scopes: [] },
    });
  const userinfo = async (token: unknown) => {
    const headers = { authorization: `Bearer ${String(token)}` };
    return (await world.fetch(`${issuer}/userinfo`, { headers })).json();
  };

  it('one that a scope was taken from before the click: it is not given', async () => {
    const { value, browser, page, device } = await under('tv.narrowing');
    await narrowed('tv.narrowing', value, ['openid', 'profile']);
    expect((await browser.submit(page, { decision: 'allow' })).name).toBe('device-done');
    expect((await poll(world, device, 'tv.narrowing')).body.scope).toBe('openid profile');
  });

  it('one that a scope was taken from after the click: neither it nor its claims are given', async () => {
    const { value, browser, page, device } = await under('tv.narrowed');
    await browser.submit(page, { decision: 'allow' });
    await narrowed('tv.narrowed', value, ['openid', 'profile']);
    const { body } = await poll(world, device, 'tv.narrowed');
    expect(body.scope).toBe('openid profile');
    const told = await userinfo(body.access_token);
    expect(told).toHaveProperty('name');
    expect(told).not.toHaveProperty('email');
  });

  it('a scope whose owner gives it more claims before the click: it is shown again', async () => {
    const declare = (claims: string[]) =>
      world.served({
        kind: 'scope',
        id: 'tv:grow',
        owner: anOwner('scope tv:grow'),
        value: aScope('tv:grow', { claims }),
      });
    await declare([]);
    const value = deviceApp('tv.growing', { scopes: ['openid', 'tv:grow'] });
    await world.served({ kind: 'client', id: 'tv.growing', owner: anOwner('tv.growing'), value });
    const device = await startDevice(world, { scope: 'openid tv:grow' }, basic('tv.growing'));
    const browser = world.browser();
    const page = await enterCode(browser, device.user_code, username);
    await declare(['email']);
    const again = await browser.submit(page, { decision: 'allow' });
    expect(again.name).toBe('device-confirm');
    expect(again.html).toContain(`${username}@example.com`);
    await nothingApproved('tv.growing');
    expect((await browser.submit(again, { decision: 'allow' })).name).toBe('device-done');
  });

  it('one that every scope was taken from: nothing, before the click and after it', async () => {
    const before = await under('tv.bare');
    await narrowed('tv.bare', before.value, []);
    expect((await before.browser.submit(before.page, { decision: 'allow' })).problem).toBe(notRight);
    await nothingApproved('tv.bare');
    const after = await under('tv.bared');
    await after.browser.submit(after.page, { decision: 'allow' });
    await narrowed('tv.bared', after.value, []);
    expect((await poll(world, after.device, 'tv.bared')).body.error).toBe('access_denied');
  });
});

describe('A51: the network of origin, behind a trusted proxy', () => {
  let proxied: World;
  beforeAll(async () => {
    proxied = await World.open({
      clients: [deviceApp()],
      server: { trusted_proxies: { cidrs: ['127.0.0.1', '::1'], header: 'x-forwarded-for' } },
    });
  });
  afterAll(() => proxied?.stop());

  it.each([
    ['198.51.100.7', '198.51.100.200', /Requested [^,.]+, from your own network\./],
    ['198.51.100.7', '203.0.113.5', /Requested [^,.]+, from another network than yours: 198\.51\.100\.0\/24\./],
    ['2001:db8:7:1::1', '2001:db8:7:2::1', /Requested [^,.]+, from your own network\./],
    ['not an address', '203.0.113.5', /Requested [^,.]+\./],
  ])('device at %s, person at %s', async (device, person, words) => {
    const started = await startDevice(proxied, undefined, { ...basic('tv.app'), 'x-forwarded-for': device });
    const browser = proxied.browser(false);
    browser.headers.set('x-forwarded-for', person);
    expect(text((await enterCode(browser, started.user_code)).html)).toMatch(words);
  });
});

describe('the directory has the last word', () => {
  const groups = (names: string[]) => world.memory.add(username, { groups: names });

  it('a refused scope is dropped, and both are told', async () => {
    const device = await startDevice(world, { scope: 'openid groups' });
    const page = await answerDevice(world.browser(), device, 'allow', username);
    expect(text(page.html)).toContain('Your directory does not allow: See your groups. The television gets the rest.');
    expect((await poll(world, device)).body.scope).toBe('openid');
    const [event] = await world.rows(
      `SELECT outcome, scopes, scopes_refused FROM audit WHERE event = 'device.approved' ORDER BY time DESC LIMIT 1`,
    );
    expect(event).toEqual({ outcome: 'success', scopes: ['openid'], scopes_refused: ['groups'] });
  });

  it('a rule that holds allows it, asked after the click and not before', async () => {
    const device = await startDevice(world, { scope: 'openid groups' });
    const browser = world.browser();
    const page = await enterCode(browser, device.user_code, username);
    const asked = world.memory.searches;
    groups(['managers']);
    await browser.submit(page, { decision: 'allow' });
    expect(world.memory.searches).toBe(asked + 1);
    expect((await poll(world, device)).body.scope).toBe('openid groups');
  });

  it.each([
    ['Deny', 'tv.strict', 'openid groups', 'scope_refused'],
    ['nothing remains', 'tv.app', 'groups', 'scope_refused'],
    ['not a member (access.groups)', 'tv.closed', 'openid', 'not_a_member'],
  ])('%s: access_denied, on the page and for the device', async (_case, client, scope, reason) => {
    const device = await startDevice(world, { scope }, basic(client));
    const page = await answerDevice(world.browser(), device, 'allow', username);
    expect([page.name, page.status]).toEqual(['error:access_denied', 403]);
    expect((await poll(world, device, client)).body.error).toBe('access_denied');
    const [event] = await world.rows(
      `SELECT reason FROM audit WHERE event = 'device.denied' ORDER BY time DESC LIMIT 1`,
    );
    expect(event).toEqual({ reason });
  });

  it('a member may', async () => {
    groups(['viewers']);
    const device = await startDevice(world, { scope: 'openid' }, basic('tv.closed'));
    expect((await answerDevice(world.browser(), device, 'allow', username)).name).toBe('device-done');
  });

  it('whoever has left gets nothing, and loses what they had', async () => {
    const browser = world.browser();
    const device = await startDevice(world);
    const page = await enterCode(browser, device.user_code, username);
    world.memory.add(username, { account: 'disabled' });
    expect((await browser.submit(page, { decision: 'allow' })).name).toBe('login');
    expect(await outcomeOf(device)).toBe('access_denied');
    expect(await world.count('sessions', `username = '${username}' AND ended_at IS NULL`)).toBe(0);
  });

  it('F10: it does not answer: nothing is approved, and "Try again" repeats the click', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const page = await enterCode(browser, device.user_code, username);
    world.memory.down = true;
    const away = await browser.submit(page, { decision: 'allow' });
    expect([away.name, away.status, away.headers.get('retry-after')]).toEqual([
      'error:temporarily_unavailable',
      503,
      '2',
    ]);
    expect(text(away.html)).toContain('The directory does not answer');
    expect(await outcomeOf(device)).toBe('authorization_pending');
    expect((await browser.submit(away, { retry: '1' })).name).toBe('error:temporarily_unavailable');
    world.memory.down = false;
    expect((await browser.submit(away, { retry: '1' })).name).toBe('device-done');
    expect(await outcomeOf(device)).toBe('tokens');
  });

  it('No needs no directory', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const page = await enterCode(browser, device.user_code, username);
    world.memory.down = true;
    expect((await browser.submit(page, { decision: 'deny' })).name).toBe('device-done');
  });
});
