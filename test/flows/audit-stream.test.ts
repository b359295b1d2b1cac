/** Conventions of the audit stream: what one row tells together is a line each by its own name. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient, anOwner } from '../support/builders.ts';
import { logTo } from '../support/captured-log.ts';
import { authorize, authorizePath, signIn, World, webApp } from '../support/world.ts';

const lines: string[] = [];
let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp('shop.web', {
        grant_types: ['authorization_code', 'implicit'],
        response_types: ['code', 'id_token', 'code id_token'],
      }),
    ],
    options: {
      log: logTo(lines, 'info'),
    },
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
  lines.length = 0;
});

const events = (name: string) =>
  lines
    .map((line): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>)
    .filter(({ audit, event }) => audit === true && event === name);

const version7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('session.started', () => {
  it('names the session that the row of the sign-in names, and an id of its own', async () => {
    await signIn(world.browser(), authorizePath(), username);
    const [row] = await world.rows<{ id: string; user_id: string; session_id: string }>(
      `SELECT id::text, user_id, session_id FROM audit WHERE event = 'login.succeeded' AND user_name = $1`,
      [username],
    );
    const [started, ...others] = events('session.started');
    expect(others).toEqual([]);
    expect(started).toMatchObject({
      outcome: 'success',
      'user.id': row?.user_id,
      'user.name': username,
      'session.id': row?.session_id,
      'client.address': '127.0.0.1',
      directory: 'shop/people',
    });
    expect(started?.id).toMatch(version7);
    expect(started?.id).not.toBe(row?.id);
  });

  it('is said for a page of ours too, not for a session that goes on, and again for somebody else', async () => {
    const browser = world.browser();
    await signIn(browser, '/account', username);
    expect(events('session.started')).toHaveLength(1);
    await signIn(browser, authorizePath({ prompt: 'login' }), username);
    expect(events('session.started')).toHaveLength(1);
    world.memory.add(`${username}-two`);
    await signIn(browser, authorizePath({ prompt: 'login' }), `${username}-two`);
    expect(events('session.started').map((one) => one['user.name'])).toEqual([username, `${username}-two`]);
  });
});

describe('a client', () => {
  const machine = aClient('shop.job').machine('secret-of-shop.job').build();
  const allowedBy = { generation: 3, policy: 'jobs' };
  const said = {
    'client.id': 'shop.job',
    'client.uid': 'uid-of-shop.job',
    'client.generation': 3,
    policy: 'jobs',
    'client.address': '127.0.0.1',
    'request.id': expect.stringMatching(/^[0-9a-f]{32}$/) as string,
  };
  beforeAll(() =>
    world.served({ kind: 'client', id: 'shop.job', owner: anOwner('shop.job'), value: machine, allowedBy }),
  );

  it('is named with the edit of its resource and the policy that allowed it, where it gets a token for itself', async () => {
    await world.token({ grant_type: 'client_credentials' }, 'shop.job');
    expect(events('token.issued')).toEqual([
      expect.objectContaining({ ...said, outcome: 'success', 'grant.type': 'client_credentials' }),
    ]);
  });

  it('is named so where its secret is wrong; what a stranger typed is not', async () => {
    await world.token({ grant_type: 'client_credentials' }, 'shop.job', 'wrong');
    await world.token({ grant_type: 'client_credentials' }, 'typed-by-mistake', 'wrong');
    const [known, stranger] = events('client.authentication_failed');
    expect(known).toMatchObject({ ...said, reason: 'wrong_secret' });
    expect(stranger).toMatchObject({ reason: 'unknown_client', 'request.id': said['request.id'] });
    expect(JSON.stringify(stranger)).not.toContain('typed-by-mistake');
  });
});

describe('code.issued', () => {
  const grantOf = async (scopes: string) =>
    (
      await world.rows<{ grant_id: string }>(
        `SELECT grant_id::text FROM authorization_codes WHERE username = $1 AND scopes = $2::text[] AND outcome = 'issued'`,
        [username, `{${scopes}}`],
      )
    ).map(({ grant_id }) => grant_id);

  it('after a click and without one, with its grant; never the code itself', async () => {
    const browser = world.browser();
    const { code: clicked = '' } = await authorize(browser, { scope: 'openid' }, username);
    const { code: silent = '' } = await authorize(browser, { scope: 'openid', prompt: 'none' }, username);
    const told = events('code.issued');
    expect(new Set(told.map((one) => one['grant.id']))).toEqual(new Set(await grantOf('openid')));
    expect(told).toHaveLength(2);
    expect(told[0]).toMatchObject({
      outcome: 'success',
      'client.id': 'shop.web',
      'user.name': username,
      scopes: ['openid'],
    });
    expect(silent).not.toBe('');
    for (const code of [clicked, silent]) expect(lines.join('')).not.toContain(code);
  });

  it.each([
    ['code id_token', 1],
    ['id_token', 0],
  ])('with response type %s: %i', async (response_type, count) => {
    await authorize(world.browser(), { scope: 'openid', response_type }, username);
    expect(events('code.issued')).toHaveLength(count);
    expect(events('token.issued')).toHaveLength(1);
  });

  it('not for a No', async () => {
    const browser = world.browser();
    const page = await signIn(browser, authorizePath(), username);
    await browser.submit(page, { decision: 'deny' });
    expect(events('consent.denied')).toHaveLength(1);
    expect(events('code.issued')).toEqual([]);
  });
});

describe('registration.rejected', () => {
  it('names a row that this replica leaves out, and why; once', async () => {
    await world.rows(
      `UPDATE registry SET body = body || '{"redirect_uris": ["ftp://shop.example.com"]}' WHERE id = 'shop.web'`,
    );
    await expect.poll(() => events('registration.rejected')).toHaveLength(1);
    expect(events('registration.rejected')[0]).toMatchObject({
      outcome: 'refused',
      registrations: ['client/shop.web'],
      reason: expect.stringContaining('redirect_uris') as unknown,
    });
    await world.served({ kind: 'client', id: 'shop.next', owner: anOwner('shop.next'), value: webApp('shop.next') });
    expect(events('registration.rejected')).toHaveLength(1);
  });
});
