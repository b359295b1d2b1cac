import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bothDatabases } from '../support/both-databases.ts';
import type { CostName } from '../support/costs.ts';
import {
  askForDevice,
  deviceApp,
  enterCode,
  hurry,
  poll,
  type StartedDevice,
  startDevice,
} from '../support/devices.ts';
import { World } from '../support/world.ts';

describe.each(bothDatabases())('what a device costs, on %s', (_name, backend) => {
  let world: World;
  let turn = 0;
  let username = '';
  beforeAll(async () => {
    world = await World.open({ counting: true, ...(await backend()), clients: [deviceApp()] });
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `person${++turn}`;
    world.memory.add(username);
  });
  const expectCost = <T>(name: CostName, action: () => Promise<T>) => world.counters.expectCost(name, action);

  it('from the first request to the tokens: each request on its own', async () => {
    const response = await expectCost('device_authorization', () => askForDevice(world));
    const device = (await response.json()) as StartedDevice;
    const pending = await expectCost('device_poll', () => poll(world, device));
    await hurry(world);
    const early = await expectCost('device_poll_early', () => poll(world, device));
    expect([pending.body.error, early.body.error]).toEqual(['authorization_pending', 'slow_down']);

    const browser = world.browser();
    const login = await expectCost('document', () => browser.get('/device'));
    await expectCost('login_for_page', () =>
      browser.postOnly('/login', { ...login.form.fields, username, password: `password-of-${username}` }),
    );
    const enter = await browser.get('/device');
    const posted = await expectCost('user_code_posted', () =>
      browser.postOnly('/device', { ...enter.form.fields, user_code: device.user_code }),
    );
    const page = await expectCost('user_code_entered', () => browser.get(posted.headers.get('location') ?? ''));
    expect(page.name).toBe('device-confirm');
    const allowed = await expectCost('device_allowed', () =>
      browser.postOnly('/device', { ...page.form.fields, decision: 'allow' }),
    );
    const done = await expectCost('device_done', () => browser.get(allowed.headers.get('location') ?? ''));
    expect(done.name).toBe('device-done');

    const tokens = await expectCost('device_exchange', () => poll(world, device));
    expect(tokens.body).toMatchObject({ refresh_token: expect.any(String), id_token: expect.any(String) });
    await expectCost('device_exchange_replayed', () => poll(world, device));
  });

  it('F25: a poll storm is one look each, and writes nothing', async () => {
    const device = await startDevice(world);
    await poll(world, device);
    await hurry(world);
    const { cost } = await world.counters.costOf(() =>
      Promise.all(Array.from({ length: 200 }, () => poll(world, device))),
    );
    expect(cost).toEqual({ statements: 200, rows: 0, signatures: 0, verifications: 0, searches: 0, binds: 0 });
  });

  it('a No, and a wrong code', async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    const page = await enterCode(browser, device.user_code, username);
    await expectCost('device_denied', () => browser.postOnly('/device', { ...page.form.fields, decision: 'deny' }));
    const wrong = await expectCost('user_code_entered', () => browser.get('/device?user_code=BCDFGHJK'));
    expect(wrong.problem).toMatch(/not right/);
  });
});
