/** I2, A32: a state that an attribute tells, as the registration says, counts wherever something is given or kept. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccountState } from '../../server/src/directory/directory.ts';
import { answerDevice, deviceApp, enterCode, poll, startDevice } from '../support/devices.ts';
import { registrationOf } from '../support/directories.ts';
import { replaced } from '../support/ldap-changes.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';
import { authorizePath, codeFields, refreshFields, signIn, World, webApp } from '../support/world.ts';

const ending = ['disabled', 'expired', 'locked', 'must_change_password', 'password_expired'] as const;
let slapd: Slapd;
let world: World;
const title = (...values: string[]) => slapd.modify(replaced(seedDn('zoe'), 'title', ...values));

beforeAll(async () => {
  slapd = await startSlapd();
  world = await World.open({
    clients: [webApp(), deviceApp()],
    directory: 'registered',
    directories: {
      'shop/people': registrationOf(slapd, {
        vendor: 'generic',
        account_status: {
          attribute: 'title',
          values: [
            { value: 'active', state: 'active' },
            ...(['disabled', 'expired', 'locked', 'must_change_password', 'password_expired'] as const).map(
              (state) => ({
                value: state,
                state,
              }),
            ),
            { value: 'outside_hours', state: 'outside_hours' },
          ],
          other_values: 'disabled',
          without_value: 'disabled',
        },
      }),
    },
  });
});
afterAll(async () => {
  await world?.stop();
  await slapd?.close();
});
beforeEach(async () => {
  await world.rows('TRUNCATE login_attempts, audit');
  await title('active');
});

async function signedIn() {
  const browser = world.browser();
  const page = await signIn(browser, authorizePath({ scope: 'openid offline_access' }), 'zoe', seedPassword('zoe'));
  const { response } = page.name === 'consent' ? await browser.submit(page, { decision: 'allow' }) : page;
  return { browser, tokens: (await world.token(codeFields(response.code))).body };
}

/** Values of the attribute, and the state that they tell. */
const cases: readonly (readonly [string, readonly string[], AccountState])[] = [
  ...ending.map((state) => [state, [state], state] as const),
  ['a value that is not listed', ['gone'], 'disabled'],
  ['no value', [], 'disabled'],
  ['two values', ['active', 'locked'], 'locked'],
];
const told = (event: string) => world.rows(`SELECT outcome, reason FROM audit WHERE event = '${event}'`);

describe('whoever is out by an attribute of the entry', () => {
  it.each(cases)('%s: a refresh gives nothing and ends what there is', async (_title, values, state) => {
    const { tokens } = await signedIn();
    await title(...values);
    // In which state the account is, the audit alone says.
    expect((await world.token(refreshFields(tokens.refresh_token))).body).toEqual({
      error: 'invalid_grant',
      error_description: 'the refresh token is not valid',
    });
    expect(await world.count('sessions', 'ended_at IS NULL')).toBe(0);
    expect(await world.count('grants', 'ended_at IS NULL')).toBe(0);
    expect(await told('grant.ended')).toEqual([{ outcome: 'refused', reason: state }]);
  });

  it('outside of the hours a refresh gives nothing, and ends nothing', async () => {
    const { tokens } = await signedIn();
    await title('outside_hours');
    expect((await world.token(refreshFields(tokens.refresh_token))).body.error).toBe('invalid_grant');
    await title('active');
    expect((await world.token(refreshFields(tokens.refresh_token))).status).toBe(200);
  });

  it.each(cases)('%s: nothing is given silently', async (_title, values, state) => {
    const { browser } = await signedIn();
    await title(...values);
    const { response } = await browser.get(authorizePath({ scope: 'openid', prompt: 'none' }));
    expect(response.code).toBeUndefined();
    expect([response.error, response.error_description]).toEqual(['access_denied', 'the directory does not allow it']);
    expect(await told('consent.verified')).toEqual([{ outcome: 'refused', reason: state }]);
    expect(await told('grant.ended')).toEqual([{ outcome: 'success', reason: state }]);
  });

  it.each(cases)('%s: no device is let in', async (_title, values, state) => {
    const { browser } = await signedIn();
    const device = await startDevice(world);
    const page = await enterCode(browser, device.user_code);
    await title(...values);
    expect((await browser.submit(page, { decision: 'allow' })).name).not.toBe('device-approved');
    expect((await poll(world, device)).body).toEqual({
      error: 'access_denied',
      error_description: 'the request was denied',
    });
    expect(await told('device.denied')).toEqual([{ outcome: 'refused', reason: state }]);
    expect(await told('grant.ended')).toEqual([{ outcome: 'success', reason: state }]);
  });

  it('who is not, is let in by the same ways', async () => {
    const { browser, tokens } = await signedIn();
    expect((await browser.get(authorizePath({ scope: 'openid', prompt: 'none' }))).response.code).toBeDefined();
    const device = await startDevice(world);
    await answerDevice(browser, device);
    expect((await poll(world, device)).body.access_token).toBeDefined();
    expect((await world.token(refreshFields(tokens.refresh_token))).status).toBe(200);
  });
});
