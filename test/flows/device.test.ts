import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../server/src/protocol/terms.ts';
import { anOwner } from '../support/builders.ts';
import { logTo } from '../support/captured-log.ts';
import {
  answerDevice,
  askForDevice,
  basic,
  deviceApp,
  deviceFields,
  enterCode,
  hurry,
  poll,
  publicDeviceApp,
  startDevice,
} from '../support/devices.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, issuer, refreshFields, World, webApp } from '../support/world.ts';

let world: World;
const log: string[] = [];
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    options: {
      log: logTo(log),
    },
    clients: [
      deviceApp(),
      deviceApp('tv.other'),
      deviceApp('tv.once', { grant_types: [deviceCodeGrant] }),
      deviceApp('tv.bare', { default_scopes: [] }),
      deviceApp('tv.opaque', { access_token_format: 'opaque' }),
      deviceApp('tv.strict', {
        consent: { mode: 'remember', remember_for: 3600, on_refused_scope: 'deny' },
      }),
      deviceApp('tv.closed', { access_groups: ['television'] }),
      publicDeviceApp(),
      publicDeviceApp('tv.flooded'),
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

const age = (seconds: number) =>
  world.rows(`UPDATE device_codes SET polled_at = polled_at - interval '${seconds} seconds'`);
const expire = (grant = 'true') =>
  world.rows(`UPDATE device_codes SET expires_at = now() - interval '1 second' WHERE ${grant}`);

describe('the device authorization endpoint (RFC 8628 §3.2)', () => {
  it('answers with two codes, where to go, and how long and how often', async () => {
    const response = await askForDevice(world);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await response.json();
    expect(body).toEqual({
      device_code: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${issuer}/device`,
      verification_uri_complete: `${issuer}/device?user_code=${body.user_code}`,
      expires_in: 600,
      interval: 5,
    });
  });

  it('a public client says who it is and proves nothing', async () => {
    const device = await startDevice(world, { client_id: 'tv.public', scope: 'openid' }, {});
    const pending = await world.tokenForm({ ...deviceFields(device.device_code), client_id: 'tv.public' });
    expect(pending.body.error).toBe('authorization_pending');
  });

  it.each<[string, Record<string, string>, Record<string, string>, number, string]>([
    ['nobody', { scope: 'openid' }, {}, 401, 'invalid_client'],
    ['a wrong secret', { scope: 'openid' }, { authorization: `Basic ${btoa('tv.app:wrong')}` }, 401, 'invalid_client'],
    ['a confidential client without its secret', { client_id: 'tv.app' }, {}, 401, 'invalid_client'],
    ['another client in the form', { client_id: 'tv.other' }, basic('tv.app'), 400, 'invalid_request'],
    ['a client that does not list the grant', {}, basic('shop.web'), 400, 'unauthorized_client'],
    ['a scope that is not open to the client', { scope: 'openid phone' }, basic('tv.app'), 400, 'invalid_scope'],
    ['a malformed scope', { scope: 'open"id' }, basic('tv.app'), 400, 'invalid_scope'],
    [
      'a resource that is no audience',
      { resource: 'https://elsewhere.example' },
      basic('tv.app'),
      400,
      'invalid_target',
    ],
    ['a resource that is no URI', { resource: 'elsewhere' }, basic('tv.app'), 400, 'invalid_target'],
  ])('refuses %s, and stores nothing', async (_case, fields, headers, status, error) => {
    const before = await world.count('device_codes');
    const response = await askForDevice(world, fields, headers);
    expect([response.status, (await response.json()).error]).toEqual([status, error]);
    expect(await world.count('device_codes')).toBe(before);
  });

  it('refuses a repeated parameter, one in the URL, and any method but POST', async () => {
    const twice = await world.fetch(`${issuer}/device_authorization`, {
      method: 'POST',
      headers: { ...basic('tv.app'), 'content-type': 'application/x-www-form-urlencoded' },
      body: 'scope=openid&scope=email',
    });
    expect((await twice.json()).error).toBe('invalid_request');
    const inUrl = await world.fetch(`${issuer}/device_authorization?scope=openid`, {
      method: 'POST',
      headers: { ...basic('tv.app'), 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect((await inUrl.json()).error).toBe('invalid_request');
    const got = await world.fetch(`${issuer}/device_authorization`, { headers: basic('tv.app') });
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('without a scope: those that the client has by default', async () => {
    const device = await startDevice(world, {});
    await answerDevice(world.browser(), device, 'allow', username);
    expect((await poll(world, device)).body.scope).toBe('openid');
  });

  it.each([
    ['tv.bare', {}],
    ['tv.once', { scope: 'offline_access' }],
  ])('RFC 6749 §3.3: with nothing to ask for it is refused (%s, %j)', async (clientId, fields) => {
    const answer = await askForDevice(world, fields, basic(clientId));
    expect([answer.status, (await answer.json()).error]).toEqual([400, 'invalid_scope']);
  });

  it('offline_access says nothing for a client without refresh tokens', async () => {
    const answer = await askForDevice(world, { scope: 'openid offline_access' }, basic('tv.once'));
    const device = (await answer.json()) as Parameters<typeof answerDevice>[1];
    const page = await answerDevice(world.browser(), device, 'allow', username);
    expect(page.html).not.toContain('offline');
    const [row] = await world.rows('SELECT requested_scopes FROM device_codes ORDER BY expires_at DESC LIMIT 1');
    expect(row).toEqual({ requested_scopes: ['openid'] });
  });

  it('1000 waiting codes of one client, and no more; another client does not notice', async () => {
    const [row] = await world.rows<{ uid: string }>(
      `SELECT client_uid AS uid FROM device_codes WHERE client_id = 'tv.public' LIMIT 1`,
    );
    await world.rows(`INSERT INTO device_codes (hash, user_code, grant_id, client_id, client_uid, requested_scopes, expires_at, keep_until)
      SELECT sha256(n::text::bytea), sha256(n::text::bytea), gen_random_uuid(), 'tv.public', '${row?.uid}', '{}', now() + interval '5 minutes', now() + interval '5 minutes'
      FROM generate_series(1, 1000) AS n`);
    const full = await askForDevice(world, { client_id: 'tv.public' }, {});
    expect([full.status, full.headers.get('retry-after'), (await full.json()).error]).toEqual([
      503,
      '2',
      'temporarily_unavailable',
    ]);
    await startDevice(world);
    await expire(`client_id = 'tv.public'`);
    await startDevice(world, { client_id: 'tv.public' }, {});
  });

  it('a stranger who names a public client takes no more than a share of its codes; others do not notice', async () => {
    const flood = Array.from({ length: 200 }, () => askForDevice(world, { client_id: 'tv.flooded' }, {}));
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(refused.length).toBeGreaterThan(100);
    expect(await refused[0]?.json()).toMatchObject({ error: 'temporarily_unavailable' });
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    await startDevice(world, { client_id: 'tv.public' }, {});
    for (let at = 0; at < 40; at += 1) await startDevice(world);
  });

  it('keeps digests alone: no code can be read from the table', async () => {
    const device = await startDevice(world);
    const rows = await world.rows<{ row: string }>('SELECT device_codes::text AS row FROM device_codes');
    const { createHash } = await import('node:crypto');
    const plain = device.user_code.replace('-', '');
    const text = rows.map(({ row }) => row).join('\n');
    for (const secret of [
      device.device_code,
      device.user_code,
      plain,
      createHash('sha256').update(plain).digest('hex'),
    ]) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('polling (RFC 8628 §3.5)', () => {
  it('authorization_pending until somebody answers; slow_down for who comes too early, which writes nothing', async () => {
    const device = await startDevice(world);
    expect((await poll(world, device)).body.error).toBe('authorization_pending');
    await hurry(world);
    const [polled] = await world.rows(`SELECT max(polled_at)::text AS at FROM device_codes`);
    const early = await poll(world, device);
    expect([early.status, early.body.error]).toEqual([400, 'slow_down']);
    expect(await world.rows(`SELECT max(polled_at)::text AS at FROM device_codes`)).toEqual([polled]);
    await age(65);
    expect((await poll(world, device)).body.error).toBe('authorization_pending');
  });

  it('A50: another client gets invalid_grant, and takes nothing away', async () => {
    const [waiting, denied, device] = [await startDevice(world), await startDevice(world), await startDevice(world)];
    await answerDevice(world.browser(), denied, 'deny', username);
    for (const one of [waiting, denied]) {
      expect((await poll(world, one, 'tv.other')).body.error).toBe('invalid_grant');
    }
    expect((await poll(world, waiting)).body.error).toBe('authorization_pending');
    await answerDevice(world.browser(), device, 'allow', username);
    const stolen = await poll(world, device, 'tv.other');
    expect([stolen.status, stolen.body.error]).toEqual([400, 'invalid_grant']);
    expect((await poll(world, device)).status).toBe(200);
  });

  it.each([
    ['an unknown code', 'x'.repeat(43), 'invalid_grant'],
    ['a code of another form', 'x'.repeat(600), 'invalid_grant'],
    ['no code', '', 'invalid_request'],
  ])('%s: %s', async (_case, code, error) => {
    expect((await world.token(deviceFields(code), 'tv.app')).body.error).toBe(error);
  });

  it('F19: a device code is no authorization code, and the other way round', async () => {
    const device = await startDevice(world);
    await answerDevice(world.browser(), device, 'allow', username);
    const asCode = await world.token({ grant_type: 'authorization_code', code: device.device_code }, 'shop.web');
    const asRefresh = await world.token(refreshFields(device.device_code), 'tv.app');
    expect([asCode.body.error, asRefresh.body.error]).toEqual(['invalid_grant', 'invalid_grant']);
  });

  it('a client that does not list the grant: unauthorized_client', async () => {
    expect((await world.token(deviceFields('x'.repeat(43)), 'shop.web')).body.error).toBe('unauthorized_client');
  });

  it('expired_token once it ran out, approved or not', async () => {
    const [waiting, approved] = [await startDevice(world), await startDevice(world)];
    await answerDevice(world.browser(), approved, 'allow', username);
    await expire();
    for (const device of [waiting, approved]) {
      expect((await poll(world, device)).body.error).toBe('expired_token');
    }
  });

  it('access_denied after a No, with 400 as every error of the token endpoint', async () => {
    const device = await startDevice(world);
    const page = await answerDevice(world.browser(), device, 'deny', username);
    expect(page.name).toBe('device-done');
    const answer = await poll(world, device);
    expect([answer.status, answer.body.error]).toEqual([400, 'access_denied']);
  });

  it('a spent code that comes again is invalid_grant, and ends what it gave', async () => {
    const device = await startDevice(world);
    await answerDevice(world.browser(), device, 'allow', username);
    const { body } = await poll(world, device);
    expect((await poll(world, device, 'tv.other')).body.error).toBe('invalid_grant');
    expect(await world.count('grants', 'ended_at IS NULL')).toBeGreaterThan(0);
    expect((await poll(world, device)).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(body.refresh_token), 'tv.app')).body.error).toBe('invalid_grant');
    const [event] = await world.rows(
      `SELECT outcome, client_id, user_name FROM audit WHERE event = 'replay.detected' AND reason = 'device_code' ORDER BY time DESC LIMIT 1`,
    );
    expect(event).toEqual({ outcome: 'refused', client_id: 'tv.app', user_name: username });
  });
});

describe('what a device gets', () => {
  it('tokens of the person who said yes: no nonce, no session, auth_time of the sign-in', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    await answerDevice(browser, device, 'allow', username);
    const { status, headers, body } = await poll(world, device);
    expect([status, headers.get('cache-control'), body.scope]).toEqual([200, 'no-store', 'openid profile email']);
    const claims = decodeJwt(body.id_token ?? '');
    const [session] = await world.rows<{ at: number; subject: string }>(
      `SELECT extract(epoch FROM auth_time)::bigint AS at, subject FROM sessions WHERE username = '${username}'`,
    );
    expect(claims).toMatchObject({ iss: issuer, aud: 'tv.app', sub: session?.subject, auth_time: session?.at });
    expect(claims).not.toHaveProperty('nonce');
    expect(claims).not.toHaveProperty('sid');
    const userinfo = await world.fetch(`${issuer}/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(await userinfo.json()).toMatchObject({ sub: session?.subject, email: expect.any(String) });
  });

  it('a refresh token that outlives the session of the browser', async () => {
    const device = await startDevice(world);
    await answerDevice(world.browser(), device, 'allow', username);
    const { body } = await poll(world, device);
    await world.rows(`UPDATE sessions SET ended_at = now() WHERE username = '${username}'`);
    expect((await world.token(refreshFields(body.refresh_token), 'tv.app')).status).toBe(200);
  });

  it('no refresh token for a client that does not list refresh_token', async () => {
    const device = await startDevice(world, undefined, basic('tv.once'));
    await answerDevice(world.browser(), device, 'allow', username);
    const { status, body } = await poll(world, device, 'tv.once');
    expect([status, body.refresh_token]).toEqual([200, undefined]);
  });

  it('an opaque access token, stored by the same statement, for a client that wants one', async () => {
    const device = await startDevice(world, undefined, basic('tv.opaque'));
    await answerDevice(world.browser(), device, 'allow', username);
    const { body } = await poll(world, device, 'tv.opaque');
    expect(body.access_token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const headers = { authorization: `Bearer ${body.access_token}` };
    const userinfo = await world.fetch(`${issuer}/userinfo`, { headers });
    expect(await userinfo.json()).toMatchObject({ email: `${username}@example.com` });
    await poll(world, device, 'tv.opaque');
    expect((await world.fetch(`${issuer}/userinfo`, { headers })).status).toBe(401);
  });

  it('no ID token without openid', async () => {
    const device = await startDevice(world, { scope: 'email' });
    await answerDevice(world.browser(), device, 'allow', username);
    const { status, body } = await poll(world, device);
    expect([status, body.scope, body.id_token]).toEqual([200, 'email', undefined]);
  });

  it('a person switched off after the approval: the exchange asks nobody, the first refresh ends it', async () => {
    const device = await startDevice(world);
    await answerDevice(world.browser(), device, 'allow', username);
    world.memory.add(username, { account: 'disabled' });
    const { status, body } = await poll(world, device);
    expect(status).toBe(200);
    expect((await world.token(refreshFields(body.refresh_token), 'tv.app')).body.error).toBe('invalid_grant');
  });

  it('a person who was found to have left since the approval: nothing', async () => {
    const [first, second] = [await startDevice(world), await startDevice(world)];
    const browser = world.browser();
    await answerDevice(browser, first, 'allow', username);
    const page = await enterCode(browser, second.user_code, username);
    world.memory.add(username, { account: 'disabled' });
    await browser.submit(page, { decision: 'allow' });
    // What was approved and not fetched has ended with the rest.
    expect((await poll(world, first)).body.error).toBe('expired_token');
    expect((await poll(world, second)).body.error).toBe('access_denied');
  });

  it('a client that is made anew between approval and exchange is another client', async () => {
    const value = deviceApp('tv.renewed');
    await world.served({ kind: 'client', id: 'tv.renewed', owner: anOwner('tv.renewed'), value });
    const device = await startDevice(world, undefined, basic('tv.renewed'));
    await answerDevice(world.browser(), device, 'allow', username);
    await world.rows(`UPDATE device_codes SET client_uid = 'that of before' WHERE client_id = 'tv.renewed'`);
    expect((await poll(world, device, 'tv.renewed')).body.error).toBe('invalid_grant');
  });
});

describe('what the log tells', () => {
  it('that a device asked, that somebody said yes, and what it got; never a code or a token', async () => {
    log.length = 0;
    const device = await startDevice(world, { scope: 'openid email' });
    await poll(world, device);
    await answerDevice(world.browser(), device, 'allow', username);
    const { body } = await poll(world, device);
    await poll(world, device);
    const text = log.join('\n');
    const events = log
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line.audit === true)
      .map(({ event }) => event);
    for (const event of ['device.started', 'login.succeeded', 'device.approved', 'token.issued', 'replay.detected']) {
      expect(events).toContain(event);
    }
    const plain = device.user_code.replace('-', '');
    for (const secret of [device.device_code, device.user_code, plain, body.access_token, body.refresh_token]) {
      expect(text).not.toContain(secret);
    }
    const rows = await world.rows<{ row: string }>('SELECT audit::text AS row FROM audit');
    expect(rows.map(({ row }) => row).join('\n')).not.toContain(device.user_code);
  });
});
