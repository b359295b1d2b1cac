import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOwner } from '../support/builders.ts';
import { answerDevice, deviceApp, enterCode, poll, startDevice } from '../support/devices.ts';
import { revoke } from '../support/tokens.ts';
import {
  aDirectory,
  authorize,
  authorizePath,
  codeFields,
  refreshFields,
  signIn,
  World,
  webApp,
} from '../support/world.ts';

let world: World;
/** What stands behind the clients, as an operator says it. */
const allowedBy = { generation: 7, policy: 'first-party' };
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp(),
      deviceApp(),
      webApp('shop.implicit', { consent: { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } }),
    ],
  });
  for (const value of [webApp(), deviceApp()]) {
    const owner = anOwner(value.client_id);
    await world.served({ kind: 'client', id: value.client_id, owner, value, allowedBy });
  }
  // An audit table that takes nothing, when a test says so.
  await world.rows(`CREATE FUNCTION audit_is_broken() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no audit today'; END $$`);
});
afterAll(() => world.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

const tables = [
  'sessions',
  'consents',
  'grants',
  'refresh_tokens',
  'access_tokens',
  'authorization_codes',
  'device_codes',
  'revocations',
  'authorization_requests',
];
const stored = async () =>
  Object.fromEntries(
    await Promise.all(
      tables.map(async (table) => {
        const rows = await world.rows<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${table} t ORDER BY 1`);
        return [table, rows.map(({ row }) => row)] as const;
      }),
    ),
  );

/** Runs `act` while no audit row can be written, and proves that nothing else was written either. */
async function withoutAudit<T>(act: () => Promise<T>): Promise<T> {
  const before = await stored();
  await world.rows('CREATE TRIGGER broken BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_broken()');
  try {
    return await act();
  } finally {
    await world.rows('DROP TRIGGER broken ON audit');
    expect(await stored()).toEqual(before);
  }
}

describe('I7: a failing audit insert issues nothing, and changes nothing', () => {
  it('sign-in', async () => {
    const browser = world.browser();
    const page = await withoutAudit(() => signIn(browser, authorizePath(), username));
    expect([page.name, page.status]).toEqual(['error:server_error', 500]);
    expect(browser.cookies.has('__Host-nauthera_session')).toBe(false);
  });

  it('sign-in that answers at once', async () => {
    const path = authorizePath({ client_id: 'shop.implicit' });
    const page = await withoutAudit(() => signIn(world.browser(), path, username));
    expect(page.name).toBe('error:server_error');
  });

  it('Allow, Deny, and the directory’s no', async () => {
    for (const [decision, account] of [
      ['allow', 'active'],
      ['deny', 'active'],
      ['allow', 'locked'],
    ] as const) {
      const browser = world.browser();
      const consent = await signIn(browser, authorizePath(), username);
      const person = world.memory.add(username, { account });
      const page = await withoutAudit(() => browser.submit(consent, { decision }));
      expect(page.name).toBe('error:server_error');
      person.account = 'active';
      // Nothing was spent: the same form works afterwards.
      expect((await browser.submit(consent, { decision })).name).toBe('continue');
      await world.rows('DELETE FROM consents');
    }
  });

  it('a silent answer', async () => {
    const browser = world.browser();
    await authorize(browser, {}, username);
    const page = await withoutAudit(() => browser.get(authorizePath({ prompt: 'none' })));
    expect([page.leftTo, page.status]).toEqual([undefined, 500]);
  });

  it('redeeming a code', async () => {
    const { code } = await authorize(world.browser(), {}, username);
    const refused = await withoutAudit(() => world.token(codeFields(code)));
    expect([refused.status, refused.body.error, refused.body.access_token]).toEqual([500, 'server_error', undefined]);
    expect((await world.token(codeFields(code))).status).toBe(200);
  });

  it('refreshing', async () => {
    const { code } = await authorize(world.browser(), {}, username);
    const { body } = await world.token(codeFields(code));
    const refused = await withoutAudit(() => world.token(refreshFields(body.refresh_token)));
    expect([refused.status, refused.body.refresh_token]).toEqual([500, undefined]);
    expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
  });

  it('a device: Yes, No, the directory’s no, and the exchange', async () => {
    for (const [decision, account] of [
      ['allow', 'active'],
      ['deny', 'active'],
      ['allow', 'locked'],
    ] as const) {
      const device = await startDevice(world);
      const browser = world.browser();
      const confirm = await enterCode(browser, device.user_code, username);
      const person = world.memory.add(username, { account });
      const page = await withoutAudit(() => browser.submit(confirm, { decision }));
      expect(page.name).toBe('error:server_error');
      person.account = 'active';
      expect((await browser.submit(confirm, { decision })).name).toBe('device-done');
      if (decision === 'deny') continue;
      const refused = await withoutAudit(() => poll(world, device));
      expect([refused.status, refused.body.access_token]).toEqual([500, undefined]);
      expect((await poll(world, device)).status).toBe(200);
    }
  });

  it('revoking: the grant has not ended, and the client is told', async () => {
    const { code } = await authorize(world.browser(), {}, username);
    const { body } = await world.token(codeFields(code));
    const refused = await withoutAudit(() => revoke(world, body.refresh_token));
    expect([refused.status, refused.body.error]).toEqual([500, 'server_error']);
    expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
  });
});

describe('what an audit row says', () => {
  it('who, which client, which grant, from where; the whole life of a grant by its id', async () => {
    const { code } = await authorize(world.browser(), {}, username);
    const { body } = await world.token(codeFields(code));
    await world.token(refreshFields(body.refresh_token));
    await world.token(codeFields(code));
    const [grant] = await world.rows<{ id: string; subject: string; session_id: string }>(
      'SELECT id, subject, session_id FROM grants WHERE username = $1',
      [username],
    );
    const rows = await world.rows(
      `SELECT event, outcome, user_id, user_name, client_id, client_uid, client_generation, policy,
          client_address, request_id IS NOT NULL AS request
        FROM audit WHERE grant_id = $1 ORDER BY time, id`,
      [grant?.id],
    );
    const who = {
      user_id: grant?.subject,
      user_name: username,
      client_id: 'shop.web',
      client_uid: 'uid-of-shop.web',
      client_generation: 7,
      policy: 'first-party',
      client_address: '127.0.0.1',
      request: true,
    };
    expect(rows).toEqual([
      { event: 'login.succeeded', outcome: 'success', ...who },
      { event: 'consent.given', outcome: 'success', ...who },
      { event: 'token.issued', outcome: 'success', ...who },
      { event: 'token.refreshed', outcome: 'success', ...who },
      { event: 'replay.detected', outcome: 'refused', ...who },
    ]);
  });

  it('of a device: which client was allowed what, from the answer to the token', async () => {
    const device = await startDevice(world);
    await answerDevice(world.browser(), device, 'allow', username);
    await poll(world, device);
    const rows = await world.rows(
      `SELECT event, client_id, client_generation, policy, grant_type, scopes FROM audit
        WHERE user_name = $1 AND client_id IS NOT NULL ORDER BY time, id`,
      [username],
    );
    const what = {
      client_id: 'tv.app',
      client_generation: 7,
      policy: 'first-party',
      scopes: ['openid', 'profile', 'email'],
    };
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    expect(rows).toEqual(['device.approved', 'token.issued'].map((event) => ({ event, grant_type, ...what })));
  });

  it('of a refusal: the rule that decided, and what it kept back', async () => {
    const owner = { ...anOwner('directory shop/people'), namespace: 'shop', name: 'people' };
    const consent_rules = [{ name: 'staff-only', scopes: ['email'], groups: ['staff'] }];
    const directory = { kind: 'directory', id: 'shop/people', owner } as const;
    await world.served({ ...directory, value: aDirectory({ consent_rules }) });
    await authorize(world.browser(), {}, username);
    await world.served({ ...directory, value: aDirectory() });
    const rows = await world.rows(
      `SELECT event, outcome, rule, scopes, scopes_refused, client_generation, policy FROM audit
        WHERE user_name = $1 AND event LIKE 'consent.%'`,
      [username],
    );
    expect(rows).toEqual([
      {
        event: 'consent.given',
        outcome: 'success',
        // It named none of those that were given.
        rule: null,
        scopes: ['openid', 'profile'],
        scopes_refused: ['email'],
        client_generation: 7,
        policy: 'first-party',
      },
    ]);
  });

  it('its id is a UUIDv7, also where one statement ends several', async () => {
    const version7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    await authorize(world.browser(), {}, username);
    const browser = world.browser();
    const { code } = await authorize(browser, {}, username);
    await world.token(codeFields(code));
    const before = Date.now();
    await browser.submit(await browser.get('/account'), { 'remove-all': 'yes' });
    await browser.submit(await browser.get('/account'), { 'sign-out-all': 'yes' });
    const rows = await world.rows<{ id: string; event: string }>(
      `SELECT id::text, event FROM audit WHERE user_name = $1 ORDER BY id`,
      [username],
    );
    for (const { id } of rows) expect(id).toMatch(version7);
    // They sort by time: what ended last stands last, each with an id of its own.
    const ended = rows.slice(-4).map(({ event }) => event);
    expect([ended.slice(0, 2).sort(), ended.slice(2)]).toEqual([
      ['consent.withdrawn', 'grant.ended'],
      ['session.ended', 'session.ended'],
    ]);
    // 48 bits in two groups, the second of which may begin with the digit of the version too.
    const made = Number.parseInt((rows.at(-1)?.id ?? '').slice(0, 13).replace('-', ''), 16);
    expect(Math.abs(made - before)).toBeLessThan(60_000);
  });

  it('a failed sign-in names the directory’s user, never what was typed', async () => {
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    await browser.submit(page, { username: ` ${username.toUpperCase()} `, password: 'wrong', 'sign-in': '1' });
    await browser.submit(page, { username: 'nobody-here', password: 'wrong', 'sign-in': '1' });
    const rows = await world.rows(
      `SELECT reason, user_name, directory FROM audit WHERE event = 'login.failed' ORDER BY time, id`,
    );
    expect(rows).toEqual([
      { reason: 'credentials', user_name: username, directory: 'shop/people' },
      { reason: 'credentials', user_name: null, directory: 'shop/people' },
    ]);
  });
});
