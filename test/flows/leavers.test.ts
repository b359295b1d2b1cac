/** I2: whoever left loses sessions and grants by the sweep, on a definite answer alone, and never all at once. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sweepStep } from '../../server/src/recheck/sweep.ts';
import { createRecheck } from '../../server/src/recheck/worker.ts';
import { DatabaseUnavailable } from '../../server/src/store/database.ts';
import { goneDirectoryStore } from '../../server/src/store/gone-directories.ts';
import { recheckStore } from '../../server/src/store/rechecks.ts';
import { anOwner } from '../support/builders.ts';
import { never } from '../support/directories.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeDue, openSweeping, type Sweeping, seat, upToDate } from '../support/sweeping.ts';
import { aDirectory, authorize, codeFields, refreshFields, type TokenAnswer, World, webApp } from '../support/world.ts';

const mailRule = { consent_rules: [{ name: 'mail for mailers', scopes: ['email'], groups: ['mailers'] }] };
let postgres: TestPostgres;
let world: World;
let sweeping: Sweeping;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  world = await World.open({
    databaseUrl: await postgres.createDatabase(),
    clients: [
      webApp('shop.web', { backchannel_logout_uri: 'https://shop.example.com/logout' }),
      webApp('shop.staff', { access_groups: ['staff'] }),
    ],
    directories: { [memoryDirectoryId]: aDirectory(mailRule) },
  });
  sweeping = await openSweeping(world);
});
afterAll(async () => {
  await sweeping?.stop();
  await world?.stop();
  await postgres?.stop();
});
beforeEach(() => {
  world.memory.down = false;
  world.memory.groupsHidden = false;
  world.memory.poisoned.clear();
  sweeping.statements.splice(0);
  sweeping.audited.splice(0);
});
/** Each case has people of its own; those of the case before are signed out. */
afterEach(async () => {
  await world.rows('TRUNCATE sessions, grants, recheck_rounds, recheck_buckets, logout_deliveries, audit');
});

let turn = 0;
const newPeople = (count: number): string[] =>
  Array.from({ length: count }, () => {
    turn += 1;
    world.memory.add(`person${turn}`, { groups: ['mailers', 'staff'] });
    return `person${turn}`;
  });
const newPerson = (): string => newPeople(1)[0] ?? '';
const personCalled = (name: string) => {
  const person = world.memory.people.get(name);
  if (person === undefined) throw new Error(`nobody is called ${name}`);
  return person;
};
async function granted(username: string, change: Readonly<Record<string, string>> = {}): Promise<TokenAnswer['body']> {
  const { code } = await authorize(world.browser(), change, username);
  return (await world.token(codeFields(code), change.client_id)).body;
}
const offline = { scope: 'openid email offline_access' };
const refresh = async (token: string | undefined, clientId?: string) => world.token(refreshFields(token), clientId);
const signedIn = async (...names: string[]): Promise<string[]> => {
  const rows = await world.rows<{ username: string }>(
    `SELECT DISTINCT username FROM sessions WHERE ended_at IS NULL AND username = ANY($1)`,
    [names],
  );
  return rows.map(({ username }) => username).toSorted();
};

describe('a round', () => {
  it('looks at a hundred users with one search, two statements and three rows', async () => {
    const people = newPeople(250);
    await seat(world, people);
    world.memory.searches = 0;
    const rows = await countingRows(() => sweeping.round());
    expect(world.memory.searches).toBe(3);
    expect(sweeping.statements.filter((name) => name === 'recheck_settle')).toHaveLength(3);
    // Three that give out and two more: one finds nothing left, one that all is decided.
    expect(sweeping.statements.filter((name) => name === 'recheck_claim')).toHaveLength(5);
    expect(sweeping.statements.filter((name) => !['recheck_settle', 'recheck_claim'].includes(name))).toEqual([
      'recheck_decide',
    ]);
    // Two as a lot is given out, one when it was looked at; one for the whole round.
    expect(rows).toBe(3 * 3 + 1);
    expect(await world.rows('SELECT users FROM recheck_buckets ORDER BY number')).toEqual(
      [100, 100, 50].map((users) => ({ users })),
    );
  });

  it('is due when five sixths of the interval have passed, and not before', async () => {
    await seat(world, newPeople(1));
    await sweeping.round();
    const age = (seconds: number) =>
      world.rows(`UPDATE recheck_rounds SET began_at = now() - make_interval(secs => ${seconds})`);
    await age(40);
    expect((await sweeping.step())?.state).toBe('done');
    await age(51);
    expect((await sweeping.step())?.bucket?.sessions).toHaveLength(1);
  });

  it('writes over what changed, and nothing else', async () => {
    const name = newPerson();
    await granted(name);
    await sweeping.round();
    expect(sweeping.statements).not.toContain('recheck_renew');
    personCalled(name).claims.email = 'new@example.com';
    await sweeping.round();
    expect(sweeping.statements).toContain('recheck_renew');
    for (const table of ['sessions', 'grants'])
      expect(await world.rows(`SELECT claims ->> 'email' AS email FROM ${table} WHERE username = $1`, [name])).toEqual([
        { email: 'new@example.com' },
      ]);
  });
});

describe('who left', () => {
  it.each(['disabled', 'locked', 'expired', 'must_change_password'] as const)(
    'F08: an account that is %s: sessions and grants end, tokens are refused, applications are told',
    async (account) => {
      const [leaver = '', stayer = ''] = newPeople(2);
      const [first, other] = [await granted(leaver, offline), await granted(stayer, offline)];
      personCalled(leaver).account = account;
      await sweeping.round();
      expect(await signedIn(leaver, stayer)).toEqual([stayer]);
      expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
      expect((await refresh(other.refresh_token)).status).toBe(200);
      expect(await world.rows(`SELECT client_id FROM logout_deliveries`)).toEqual([{ client_id: 'shop.web' }]);
      expect(await world.rows(`SELECT user_name, reason, directory FROM audit WHERE event = 'leaver.ended'`)).toEqual([
        { user_name: leaver, reason: account, directory: memoryDirectoryId },
      ]);
      expect(sweeping.audited.map(({ event, userName }) => [event, userName])).toEqual([['leaver.ended', leaver]]);
      await expect
        .poll(
          async () =>
            (
              await world.fetch('https://id.example.com/userinfo', {
                headers: { authorization: `Bearer ${first.access_token}` },
              })
            ).status,
          { timeout: 60_000 },
        )
        .toBe(401);
    },
  );

  it('F08: an entry that is gone', async () => {
    const [leaver = '', stayer = ''] = newPeople(2);
    const first = await granted(leaver, offline);
    await granted(stayer);
    personCalled(leaver).deleted = true;
    await sweeping.round();
    expect(await signedIn(leaver, stayer)).toEqual([stayer]);
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect(await world.rows(`SELECT reason FROM audit WHERE event = 'leaver.ended'`)).toEqual([{ reason: 'gone' }]);
    expect([await sweeping.count('ended'), await world.count('revocations', `kind = 'subject'`)]).not.toContain(0);
  });

  it('what was said yes to and not fetched yet gives nothing', async () => {
    const name = newPerson();
    const { code } = await authorize(world.browser(), offline, name);
    personCalled(name).account = 'disabled';
    await sweeping.round();
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('whoever was let in again since somebody looked stays', async () => {
    const name = newPerson();
    await granted(name);
    await makeDueNow();
    personCalled(name).account = 'disabled';
    // Looked at, and not decided yet.
    await sweeping.step();
    personCalled(name).account = 'active';
    await world.rows(`UPDATE recheck_buckets SET looked_at = now() - interval '1 second'`);
    await authorize(world.browser(), { prompt: 'login' }, name);
    await finishRound();
    expect(await signedIn(name)).toEqual([name]);
  });
});

describe('who no longer fits the rules', () => {
  it('out of a group that a rule asks for: that scope leaves the grant, nothing ends', async () => {
    const name = newPerson();
    const first = await granted(name, offline);
    personCalled(name).groups = ['staff'];
    await sweeping.round();
    expect(await world.rows(`SELECT scopes, claims, ended_at FROM grants WHERE username = $1`, [name])).toEqual([
      { scopes: ['openid', 'offline_access'], claims: {}, ended_at: null },
    ]);
    expect(
      await world.rows(
        `SELECT event, outcome, rule, scopes_refused FROM audit WHERE user_name = $1 AND reason = 'scope_refused'`,
        [name],
      ),
    ).toEqual([{ event: 'consent.verified', outcome: 'refused', rule: 'mail for mailers', scopes_refused: ['email'] }]);
    expect((await refresh(first.refresh_token)).body.scope).toBe('openid offline_access');
    expect(await signedIn(name)).toEqual([name]);
  });

  it("out of an application's groups: that application's grant ends, the session and the other grants live", async () => {
    const name = newPerson();
    const staff = await granted(name, { ...offline, client_id: 'shop.staff' });
    const web = await granted(name, offline);
    personCalled(name).groups = ['mailers'];
    await sweeping.round();
    await sweeping.round();
    expect((await refresh(staff.refresh_token, 'shop.staff')).body.error).toBe('invalid_grant');
    expect((await refresh(web.refresh_token)).status).toBe(200);
    expect(await signedIn(name)).toEqual([name]);
    expect(
      await world.rows(`SELECT client_id FROM audit WHERE event = 'grant.ended' AND reason = 'not_a_member'`),
    ).toEqual([{ client_id: 'shop.staff' }]);
  });

  it('nor in any other group, alone: what a group gave is lost, as long as the directory shows groups of others', async () => {
    const name = newPerson();
    const staff = await granted(name, { ...offline, client_id: 'shop.staff' });
    personCalled(name).groups = [];
    newPerson();
    await sweeping.round();
    expect((await refresh(staff.refresh_token, 'shop.staff')).body.error).toBe('invalid_grant');
  });

  it('a refresh that came in between is not written over', async () => {
    const name = newPerson();
    await granted(name, offline);
    const store = recheckStore(world.database);
    const [grant] = await world.rows<{ id: string }>(`SELECT id FROM grants WHERE username = $1`, [name]);
    const read = ['openid', 'email', 'offline_access'];
    await world.rows(`UPDATE grants SET scopes = '{openid}' WHERE username = $1`, [name]);
    const renewed = {
      id: grant?.id ?? '',
      was: read,
      scopes: read,
      claims: { email: 'a' },
      idTokenClaims: {},
      asked: null,
    };
    await store.renew({ sessions: [], grants: [renewed], events: [] });
    expect(await world.rows(`SELECT scopes FROM grants WHERE username = $1`, [name])).toEqual([{ scopes: ['openid'] }]);
  });
});

describe('an outage ends nobody', () => {
  it('a directory that cannot be asked: nobody ends, and the lot is tried again', async () => {
    const people = newPeople(3);
    await seat(world, people);
    await sweeping.round();
    const { finishedAt } = await sweeping.round();
    personCalled(people[0] ?? '').deleted = true;
    world.memory.down = true;
    await makeDueNow();
    for (let steps = 0; steps < 4; steps += 1) await sweeping.step();
    expect(await signedIn(...people)).toHaveLength(3);
    expect(await sweeping.count('unknown')).toBe(3);
    expect((await sweeping.step())?.finishedAt).toBe(finishedAt);
    world.memory.down = false;
    await world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    await finishRound();
    expect(await signedIn(...people)).toHaveLength(2);
  });
});

describe('an entry that no answer can hold', () => {
  const [poisoned, gone] = [7, 3];
  const seatPoisoned = async (): Promise<readonly string[]> => {
    const people = newPeople(30);
    await seat(world, people);
    personCalled(people[gone] ?? '').deleted = true;
    world.memory.poisoned.add(`entry-${people[poisoned]}`);
    await makeDueNow();
    return people;
  };

  it('keeps nobody else from being looked at: the lot is taken apart when it failed twice', async () => {
    const people = await seatPoisoned();
    for (const failures of [0, 1]) {
      await sweeping.step(memoryDirectoryId, failures);
      expect(await sweeping.step()).toMatchObject({ bucket: undefined, unlooked: 1 });
      await world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    }
    const before = await sweeping.count('unknown');
    await sweeping.step(memoryDirectoryId, 2);
    await finishRound();
    expect(await signedIn(...people)).toEqual(people.filter((_, index) => index !== gone).toSorted());
    expect(await sweeping.count('unknown')).toBe(before + 1);
  });

  it('is told from a directory that answers nothing, which is not asked about each of them', async () => {
    const people = await seatPoisoned();
    world.memory.down = true;
    world.memory.searches = 0;
    await sweeping.step(memoryDirectoryId, 2);
    expect(world.memory.searches).toBeLessThan(20);
    expect(await world.rows('SELECT looked_at FROM recheck_buckets')).toEqual([{ looked_at: null }]);
    expect(await signedIn(...people)).toHaveLength(30);
  });

  it('ends no round of the sweep as it runs in earnest', async () => {
    const people = await seatPoisoned();
    const recheck = createRecheck({ ...sweeping.ports, gone: goneDirectoryStore(world.database) });
    const stop = recheck.start();
    try {
      await expect.poll(() => signedIn(...people), { timeout: 120_000, interval: 250 }).toHaveLength(29);
      expect(await signedIn(people[poisoned] ?? '')).toHaveLength(1);
    } finally {
      await stop();
    }
  });
});

describe('a registration that changes during a look', () => {
  const declareRule = (group: string) =>
    world.declare({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' },
      value: aDirectory({ consent_rules: [{ name: 'mail for mailers', scopes: ['email'], groups: [group] }] }),
    });

  it('judges nobody by what was read for another: the lot is looked at anew', async () => {
    const name = newPerson();
    await granted(name, offline);
    let looks = 0;
    const other = await openSweeping(world, {
      lookupMany: async (id, entryIds) => {
        const found = await world.memory.lookupMany(id, entryIds);
        looks += 1;
        if (looks === 1) {
          await declareRule('nobody');
          await upToDate(world, other.ports.snapshot);
        }
        return found;
      },
      showsGroups: () => world.memory.showsGroups(),
    });
    await makeDueNow();
    await other.step();
    expect(await world.rows('SELECT looked_at FROM recheck_buckets')).toEqual([{ looked_at: null }]);
    const scopes = () => world.rows('SELECT scopes FROM grants');
    expect(await scopes()).toEqual([{ scopes: ['openid', 'email', 'offline_access'] }]);
    await other.step();
    expect(await scopes()).toEqual([{ scopes: ['openid', 'offline_access'] }]);
    await other.stop();
    await declareRule('mailers');
  });
});

describe('a directory that shows no group at all', () => {
  it('takes nothing that groups gave; whoever left is ended all the same', async () => {
    const [stayer = '', leaver = ''] = newPeople(2);
    const staff = await granted(stayer, { ...offline, client_id: 'shop.staff' });
    await granted(leaver);
    world.memory.groupsHidden = true;
    personCalled(leaver).account = 'disabled';
    await sweeping.round();
    expect(await signedIn(stayer, leaver)).toEqual([stayer]);
    expect(await sweeping.count('unknown')).toBeGreaterThan(0);
    const groups = `SELECT claims -> 'groups' AS groups FROM sessions WHERE username = $1`;
    expect(await world.rows(groups, [stayer])).toEqual([{ groups: ['mailers', 'staff'] }]);
    world.memory.groupsHidden = false;
    expect((await refresh(staff.refresh_token, 'shop.staff')).status).toBe(200);
  });

  it('nor where a grant alone is left, of an application that asks for a group, or with a scope of a rule', async () => {
    const name = newPerson();
    for (const client_id of ['shop.staff', 'shop.web']) await granted(name, { ...offline, client_id });
    await world.rows('TRUNCATE sessions');
    world.memory.groupsHidden = true;
    await sweeping.round();
    expect(await world.rows('SELECT DISTINCT scopes, ended_at FROM grants')).toEqual([
      { scopes: ['openid', 'email', 'offline_access'], ended_at: null },
    ]);
  });

  it('is not asked for groups where nobody would lose anything by it', async () => {
    const [name = ''] = newPeople(1);
    personCalled(name).groups = [];
    await granted(name, { scope: 'openid' });
    world.memory.searches = 0;
    await sweeping.round();
    expect(world.memory.searches).toBe(1);
  });
});

describe('too many at once', () => {
  const leave = (people: readonly string[]) => {
    for (const name of people) personCalled(name).deleted = true;
  };
  const stay = (people: readonly string[]) => {
    for (const name of people) personCalled(name).deleted = false;
  };
  const declare = (confirmed?: string) =>
    world.declare({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' },
      value: aDirectory({ ...mailRule, ...(confirmed === undefined ? {} : { recheck: { confirmed } }) }),
    });

  it('over a fifth and over ten: nobody ends, and it says so once; the ones who are back go on', async () => {
    const people = newPeople(50);
    await seat(world, people);
    leave(people.slice(0, 11));
    const standing = await sweeping.round();
    expect(await signedIn(...people)).toHaveLength(50);
    expect(standing.halted).toEqual({ users: 50, leavers: 11 });
    await sweeping.round();
    expect(await world.rows(`SELECT event, directory FROM audit`)).toEqual([
      { event: 'sweep.halted', directory: memoryDirectoryId },
    ]);
    stay(people.slice(0, 1));
    expect((await sweeping.round()).halted).toBeUndefined();
    expect(await signedIn(...people)).toHaveLength(40);
  });

  it('exactly a fifth is not over a fifth, and ten of ten are not over ten', async () => {
    const people = newPeople(60);
    await seat(world, people);
    leave(people.slice(0, 12));
    await sweeping.round();
    expect(await signedIn(...people)).toHaveLength(48);
    await world.rows('TRUNCATE sessions');
    const few = newPeople(10);
    await seat(world, few);
    leave(few);
    await sweeping.round();
    expect(await signedIn(...few)).toEqual([]);
  });

  it('nobody ends before everybody was looked at: the first hundred say nothing of the others', async () => {
    const people = newPeople(400);
    await seat(world, people);
    // The first of four lots would be a quarter of all.
    const [last] = await world.rows<{ subject: string }>(
      `SELECT subject FROM sessions ORDER BY subject OFFSET 99 LIMIT 1`,
    );
    const first = await world.rows<{ username: string }>(`SELECT username FROM sessions WHERE subject <= $1`, [
      last?.subject,
    ]);
    leave(first.map(({ username }) => username));
    expect((await sweeping.round()).halted).toEqual({ users: 400, leavers: 100 });
    expect(await signedIn(...people)).toHaveLength(400);
  });

  it("an administrator's word lets one round go on, and counts once", async () => {
    const people = newPeople(30);
    await seat(world, people);
    leave(people.slice(0, 15));
    expect((await sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    await declare('2026-11-26');
    expect((await sweeping.round()).halted).toBeUndefined();
    expect(await signedIn(...people)).toHaveLength(15);
    leave(people);
    expect((await sweeping.round()).halted).toEqual({ users: 15, leavers: 15 });
    expect(await signedIn(...people)).toHaveLength(15);
    await declare('another word');
    expect((await sweeping.round()).halted).toBeUndefined();
    expect(await signedIn(...people)).toEqual([]);
    await declare();
  });

  it('a word that came when the fault was repaired already lets no later one go on', async () => {
    const people = newPeople(30);
    await seat(world, people);
    leave(people.slice(0, 15));
    await sweeping.round();
    stay(people);
    await declare('they did');
    await sweeping.round();
    leave(people.slice(0, 15));
    expect((await sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    // Taken away and said again, it is still the same word.
    await declare();
    await sweeping.round();
    await declare('they did');
    expect((await sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    expect(await signedIn(...people)).toHaveLength(30);
    await declare();
  });

  it('a word that is older than what is known of the directory, after a restore, lets nothing go on', async () => {
    const people = newPeople(30);
    await seat(world, people);
    await declare('they did');
    await sweeping.round();
    await world.rows('TRUNCATE recheck_rounds, recheck_buckets');
    leave(people.slice(0, 15));
    expect((await sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    expect(await signedIn(...people)).toHaveLength(30);
    await declare();
  });
});

describe('several replicas', () => {
  it('look at everybody once, and end each once', async () => {
    const people = newPeople(700);
    await seat(world, people);
    const leavers = people.slice(0, 120);
    for (const name of leavers) personCalled(name).deleted = true;
    const others = await Promise.all([openSweeping(world), openSweeping(world)]);
    const all = [sweeping, ...others];
    world.memory.searches = 0;
    await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
    await Promise.all(
      all.map(async (one) => {
        for (let steps = 0; steps < 200; steps += 1) if ((await one.step())?.state === 'done') return;
        throw new Error('the round does not end');
      }),
    );
    await finishRound();
    expect(world.memory.searches).toBe(7);
    expect(await signedIn(...people)).toHaveLength(580);
    expect(await world.count('audit', `event = 'leaver.ended'`)).toBe(120);
    for (const one of others) await one.stop();
  });

  it('one that was killed in the middle is followed when its lease is over, and is not heard any more', async () => {
    const people = newPeople(2);
    await seat(world, people);
    personCalled(people[0] ?? '').deleted = true;
    const store = recheckStore(world.database);
    await store.ensure(memoryDirectoryId, undefined);
    await makeDueNow();
    const lease = randomUUID();
    expect((await store.claim(memoryDirectoryId, 50, lease))?.bucket?.sessions).toHaveLength(2);
    // Leased: others find nothing to do, and decide nothing.
    for (let steps = 0; steps < 3; steps += 1)
      expect(await sweeping.step()).toMatchObject({ state: 'looking', bucket: undefined, unlooked: 1 });
    await world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    expect((await sweeping.step())?.bucket?.sessions).toHaveLength(2);
    const everybody = people.map((username) => ({ subject: username, username, reason: 'gone' }));
    expect(await store.settle(memoryDirectoryId, lease, 2, everybody)).toBe(false);
    await finishRound();
    expect(await signedIn(...people)).toEqual([people[1]]);
  });

  it('one whose database was away when it had looked: the lot comes again, and nobody ends twice', async () => {
    const people = newPeople(2);
    await seat(world, people);
    personCalled(people[0] ?? '').deleted = true;
    await makeDueNow();
    const { rechecks } = sweeping.ports;
    const away = () => Promise.reject(new DatabaseUnavailable('away'));
    const cutOff = { ...sweeping.ports, rechecks: { ...rechecks, settle: away } };
    await expect(sweepStep(cutOff, memoryDirectoryId, 0, never)).rejects.toThrow(DatabaseUnavailable);
    await world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    await finishRound();
    expect(await signedIn(...people)).toEqual([people[1]]);
    expect(await world.count('audit', `event = 'leaver.ended'`)).toBe(1);
  });

  it('one that is cut off between deciding and ending leaves it to the next', async () => {
    const people = newPeople(2);
    await seat(world, people);
    personCalled(people[0] ?? '').deleted = true;
    await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
    await makeDueNow();
    while ((await sweeping.step())?.state !== 'looking') continue;
    await world.rows(`UPDATE recheck_rounds SET state = 'ending' WHERE directory = $1`, [memoryDirectoryId]);
    const other = await openSweeping(world);
    while ((await other.step())?.state !== 'done') continue;
    await other.stop();
    expect(await signedIn(...people)).toEqual([people[1]]);
    expect(await world.count('audit', `event = 'leaver.ended'`)).toBe(1);
  });
});

/** Rows of the sweep's own that `work` writes. */
async function countingRows(work: () => Promise<unknown>): Promise<number> {
  await world.rows('CREATE SEQUENCE written_rows');
  await world.rows(`CREATE FUNCTION count_written() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM nextval('written_rows'); RETURN NULL; END $$`);
  await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
  await makeDue(world);
  for (const table of ['recheck_rounds', 'recheck_buckets', 'sessions', 'grants', 'audit'])
    await world.rows(
      `CREATE TRIGGER written AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION count_written()`,
    );
  await work();
  await world.rows('DROP FUNCTION count_written CASCADE');
  // The round was made due once more.
  return ((await world.rows<{ n: number }>('SELECT last_value AS n FROM written_rows'))[0]?.n ?? 0) - 1;
}

async function makeDueNow(): Promise<void> {
  await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
  await makeDue(world);
}

describe('a directory that was deleted', () => {
  const gone = () => goneDirectoryStore(world.database);
  let declared = `directory ${memoryDirectoryId}`;
  const declareAnew = async (uid: string, withdrawn = false) => {
    declared = uid;
    await world.served({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(uid), namespace: 'shop', name: 'people' },
      value: aDirectory(mailRule),
      withdrawn,
    });
  };
  const remove = async () => {
    const revision = await world.registry.delete('directory', anOwner(declared).uid);
    await world.serves(revision?.n ?? 0);
  };
  const passes = (minutes: number) =>
    world.rows(`UPDATE recheck_rounds SET gone_since = gone_since - make_interval(mins => ${minutes})`);

  it('waits ten minutes, in which nobody can refresh and nothing ends; one made anew finds all as it was', async () => {
    const name = newPerson();
    const first = await granted(name, offline);
    await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
    expect(await gone().look()).toEqual([]);
    await remove();
    expect(await gone().look()).toEqual([]);
    await passes(9);
    expect(await gone().look()).toEqual([]);
    expect(await gone().end(memoryDirectoryId)).toEqual({ sessions: 0, grants: 0 });
    expect(await refresh(first.refresh_token)).toMatchObject({
      status: 503,
      body: { error: 'temporarily_unavailable' },
    });
    await declareAnew('directory made anew');
    await passes(9);
    expect(await gone().look()).toEqual([]);
    expect((await refresh(first.refresh_token)).status).toBe(200);
    expect(await signedIn(name)).toEqual([name]);
    expect(await world.rows('SELECT gone_since FROM recheck_rounds')).toEqual([{ gone_since: null }]);
  });

  it('then ends sessions and grants of its users, and tells applications', async () => {
    const name = newPerson();
    const first = await granted(name, offline);
    const { code } = await authorize(world.browser(), offline, name);
    await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
    await remove();
    await gone().look();
    await passes(11);
    // It came back between the look and the end.
    await declareAnew('directory back in time');
    expect(await gone().end(memoryDirectoryId)).toEqual({ sessions: 0, grants: 0 });
    await remove();
    await gone().look();
    await passes(11);
    expect(await gone().look()).toEqual([memoryDirectoryId]);
    expect(await gone().end(memoryDirectoryId)).toEqual({ sessions: 2, grants: 1 });
    await declareAnew('directory too late');
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
    expect(await signedIn(name)).toEqual([]);
    expect(await world.count('logout_deliveries')).toBeGreaterThan(0);
    expect(
      await world.rows(`SELECT DISTINCT event, user_name FROM audit WHERE reason = 'directory_deleted' ORDER BY event`),
    ).toEqual([
      { event: 'grant.ended', user_name: name },
      { event: 'session.ended', user_name: name },
    ]);
    expect(await world.count('recheck_rounds')).toBe(0);
  });

  it('is the same as one that is kept and served to nobody: back within ten minutes nothing ends, later all does', async () => {
    const name = newPerson();
    const first = await granted(name, offline);
    await recheckStore(world.database).ensure(memoryDirectoryId, undefined);
    await declareAnew(declared, true);
    expect(await gone().look()).toEqual([]);
    await passes(9);
    expect(await gone().look()).toEqual([]);
    await declareAnew(declared);
    expect(await gone().look()).toEqual([]);
    expect((await refresh(first.refresh_token)).status).toBe(200);
    await declareAnew(declared, true);
    // Counted anew from here.
    expect(await gone().look()).toEqual([]);
    await passes(9);
    expect(await gone().look()).toEqual([]);
    expect(await gone().end(memoryDirectoryId)).toEqual({ sessions: 0, grants: 0 });
    await passes(2);
    expect(await gone().look()).toEqual([memoryDirectoryId]);
    expect(await gone().end(memoryDirectoryId)).toEqual({ sessions: 1, grants: 1 });
    await declareAnew(declared);
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect(await signedIn(name)).toEqual([]);
  });
});

async function finishRound(): Promise<void> {
  for (let steps = 0; steps < 100; steps += 1) if ((await sweeping.step())?.state === 'done') return;
  throw new Error('the round does not end');
}
