/**
 * A32, I2, I10: access that is taken away at the very moment in which it becomes tokens. Whatever comes first, nothing of it
 * lives on.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountStore } from '../../server/src/store/accounts.ts';
import { authorizationCodeStore } from '../../server/src/store/authorization-codes.ts';
import type { Database } from '../../server/src/store/database.ts';
import { sessionEndStore } from '../../server/src/store/ended-sessions.ts';
import { grantStore } from '../../server/src/store/grants.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { deviceApp, enterCode, poll, startDevice } from '../support/devices.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { userinfo } from '../support/tokens.ts';
import {
  authorize,
  authorizePath,
  challenge,
  codeFields,
  refreshFields,
  signIn,
  type TokenAnswer,
  World,
  webApp,
} from '../support/world.ts';

let postgres: TestPostgres;
let world: World;
/** Others than the server's, for who removes and who holds things up. */
let remover: Database;
let holder: Database;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  const databaseUrl = await postgres.createDatabase();
  world = await World.open({ databaseUrl, clients: [webApp(), deviceApp()] });
  [remover, holder] = await Promise.all([openDatabase(databaseUrl), openDatabase(databaseUrl)]);
  // A redemption that has taken its code waits here while somebody holds the lock.
  await world.rows(`CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$`);
  for (const table of ['refresh_tokens', 'authorization_codes']) {
    await world.rows(`CREATE TRIGGER held BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION wait_for_test()`);
  }
});
afterAll(async () => {
  await Promise.all([remover?.close(), holder?.close()]);
  await world?.stop();
  await postgres?.stop();
});

let turn = 0;
let username = '';
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

const subject = async () => {
  const [row] = await world.rows<{ subject: string }>('SELECT subject FROM sessions WHERE username = $1', [username]);
  return row?.subject ?? '';
};

const removals: Readonly<Record<string, (database: Database, subject: string) => Promise<unknown>>> = {
  'the access is removed': (database, of) => accountStore(database).endAccess(of, undefined, {}),
  'the directory says that the person left': (database, of) =>
    grantStore(database).endSubject(of, [{ event: 'grant.ended', outcome: 'refused', reason: 'test' }]),
};
const ways = Object.keys(removals);

/** `offline_access`: nothing but the grant itself ends it. */
const redemptions = {
  'a code': async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid profile offline_access' }, username);
    return { clientId: 'shop.web', redeem: () => world.token(codeFields(code)) };
  },
  'a device code': async () => {
    const device = await startDevice(world);
    const browser = world.browser();
    await browser.submit(await enterCode(browser, device.user_code, username), { decision: 'allow' });
    return { clientId: 'tv.app', redeem: () => poll(world, device) };
  },
} as const;
type Kind = keyof typeof redemptions;
const kinds = Object.keys(redemptions) as Kind[];
const table = ways.flatMap((way) => kinds.map((kind) => [way, kind] as const));

/** Runs `meanwhile` once `work` hangs in the trigger, and lets go. */
async function heldUp<T>(work: () => Promise<T>, meanwhile: () => Promise<void>): Promise<T> {
  let begun: Promise<T> | undefined;
  await holder.transaction(async (transaction) => {
    await transaction.run({ name: 'test_hold', text: 'SELECT pg_advisory_xact_lock(4711)' }, []);
    begun = work();
    await waiting(1);
    await meanwhile();
  });
  if (begun === undefined) throw new Error('nothing was begun');
  return begun;
}

const waiting = (count: number) =>
  expect
    .poll(
      () =>
        world.rows(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`),
      // Whoever waits does so for a second at most.
      { interval: 10 },
    )
    .toHaveLength(count);

async function expectNothingLeft({ body }: TokenAnswer, clientId: string): Promise<void> {
  expect((await world.token(refreshFields(body.refresh_token), clientId)).body.error).toBe('invalid_grant');
  await expect.poll(async () => (await userinfo(world, body.access_token ?? '')).status).toBe(401);
  expect(await world.count('grants', `username = '${username}' AND ended_at IS NULL`)).toBe(0);
}

describe('a redemption is under way', () => {
  it.each(table)('when %s: the grant that it makes ends (%s)', async (way, kind) => {
    const { clientId, redeem } = await redemptions[kind]();
    const of = await subject();
    let removed: Promise<unknown> | undefined;
    const answer = await heldUp(redeem, async () => {
      removed = removals[way]?.(remover, of);
      await waiting(2);
    });
    await removed;
    expect(answer.status).toBe(200);
    await expectNothingLeft(answer, clientId);
  });
});

describe('an answer rests on what was read before the directory was asked', () => {
  const request = { scope: 'openid profile offline_access' };
  const signedOut = async () => {
    await sessionEndStore(remover, () => undefined).endAllOfSubject(await subject(), 'account_page', {});
  };
  const removed = async () => {
    await removals['the access is removed']?.(remover, await subject());
  };
  /** While the directory is asked, once. */
  const during = (when: 'beforeLookup' | 'beforeBind', work: () => Promise<void>) => {
    const { memory } = world;
    memory[when] = async () => {
      memory[when] = () => Promise.resolve();
      await work();
    };
  };
  const openCodes = () => world.count('authorization_codes', `username = '${username}' AND used_at IS NULL`);
  const consented = async () => {
    const browser = world.browser();
    const { code } = await authorize(browser, request, username);
    await world.token(codeFields(code));
    return browser;
  };

  it.each([
    ['the access is removed', removed, 'consent'],
    ['the session is ended', signedOut, 'login'],
  ] as const)('%s: nothing is written, and the person is asked', async (_, work, page) => {
    const browser = await consented();
    during('beforeLookup', work);
    expect((await browser.get(authorizePath(request))).name).toBe(page);
    expect(await openCodes()).toBe(0);
  });

  it.each([
    ['the access is removed', removed, 'consent_required'],
    ['the session is ended', signedOut, 'login_required'],
  ] as const)('%s: a silent request hears so', async (_, work, error) => {
    const browser = await consented();
    during('beforeLookup', work);
    expect((await browser.get(authorizePath({ ...request, prompt: 'none' }))).response.error).toBe(error);
    expect(await openCodes()).toBe(0);
  });

  it('the session is ended: a click on Allow gives nothing', async () => {
    const browser = world.browser();
    const page = await signIn(browser, authorizePath(request), username);
    during('beforeLookup', signedOut);
    expect((await browser.submit(page, { decision: 'allow' })).name).toBe('login');
    expect([await openCodes(), await world.count('consents', `subject = '${await subject()}'`)]).toEqual([0, 0]);
  });

  it('the access is removed during a sign-in: it holds, and the person is asked', async () => {
    await consented();
    during('beforeBind', removed);
    expect((await signIn(world.browser(), authorizePath(request), username)).name).toBe('consent');
    expect(await openCodes()).toBe(0);
  });

  it('the access is removed as the answer is written: its code is stopped', async () => {
    const browser = await consented();
    let removal: Promise<unknown> | undefined;
    const page = await heldUp(
      () => browser.get(authorizePath(request)),
      async () => {
        removal = removed();
        await waiting(2);
      },
    );
    await removal;
    expect((await world.token(codeFields(page.response.code))).body.error).toBe('invalid_grant');
    expect(await world.count('grants', `username = '${username}' AND ended_at IS NULL`)).toBe(0);
  });
});

describe('a redemption has begun, and comes to its code after', () => {
  it.each(ways)('%s: it gets nothing, although its clock stands before', async (way) => {
    const { code = '' } = await authorize(world.browser(), { scope: 'openid offline_access' }, username);
    const of = await subject();
    const redeemed = await holder.transaction(async (transaction) => {
      await transaction.run({ name: 'test_begin', text: 'SELECT now()' }, []);
      await removals[way]?.(remover, of);
      const codes = authorizationCodeStore({
        ...holder,
        run: (statement, values) => transaction.run(statement, values),
      });
      return codes.redeem(
        {
          code,
          clientId: 'shop.web',
          clientUid: 'uid-of-shop.web',
          redirectUri: 'https://shop.example.com/cb',
          challenge,
          grantLifetime: 600,
        },
        { event: 'token.issued', outcome: 'success' },
      );
    });
    expect(redeemed).toBeNull();
    expect(await world.count('grants', `username = '${username}'`)).toBe(0);
  });
});
