/** I2: whoever left loses sessions and grants by the sweep, on a definite answer alone. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sweepStep } from '../../server/src/recheck/sweep.ts';
import { createRecheck } from '../../server/src/recheck/worker.ts';
import { DatabaseUnavailable } from '../../server/src/store/database.ts';
import { goneDirectoryStore } from '../../server/src/store/gone-directories.ts';
import { recheckStore } from '../../server/src/store/rechecks.ts';
import { recheckCosts } from '../support/costs.ts';
import { never } from '../support/directories.ts';
import { leaving, offline, useLeaving } from '../support/leaving.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { makeDue, openSweeping, seat } from '../support/sweeping.ts';
import { authorize, codeFields } from '../support/world.ts';

useLeaving();

describe('a round', () => {
  it('looks at a hundred users with one search, two statements and three rows', async () => {
    const people = leaving.newPeople(250);
    await seat(leaving.world, people);
    leaving.world.memory.searches = 0;
    const rows = await countingRows(() => leaving.sweeping.round());
    expect(leaving.world.memory.searches).toBe(3);
    expect(leaving.sweeping.statements.filter((name) => name === 'recheck_settle')).toHaveLength(3);
    // Three that give out and two more: one finds nothing left, one that all is decided.
    expect(leaving.sweeping.statements.filter((name) => name === 'recheck_claim')).toHaveLength(5);
    expect(leaving.sweeping.statements.filter((name) => !['recheck_settle', 'recheck_claim'].includes(name))).toEqual([
      'recheck_decide',
    ]);
    const { lot, round } = recheckCosts;
    expect(rows).toBe(3 * lot.rows + round.rows);
    expect(leaving.sweeping.statements).toHaveLength(3 * lot.statements + round.statements);
    expect(await leaving.world.rows('SELECT users FROM recheck_buckets ORDER BY number')).toEqual(
      [100, 100, 50].map((users) => ({ users })),
    );
  });

  it.each([1, 3])('costs the same beside what ends, however many left: %i', async (count) => {
    await seat(leaving.world, leaving.newPeople(80));
    const leavers = leaving.newPeople(count);
    for (const name of leavers) {
      await leaving.granted(name, offline);
      leaving.personCalled(name).account = 'disabled';
    }
    leaving.world.memory.searches = 0;
    leaving.sweeping.statements.splice(0);
    const rows = await countingRows(() => leaving.sweeping.round());
    expect(await leaving.signedIn(...leavers)).toEqual([]);
    const { lot, round, ending, endedLot, leaver } = recheckCosts;
    expect(leaving.world.memory.searches).toBe(lot.searches);
    const beside = [lot, round, ending, endedLot];
    // Those in the transaction that ends a lot are not told.
    expect(leaving.sweeping.statements).toHaveLength(beside.reduce((sum, { statements }) => sum + statements, 0));
    expect(rows).toBe(beside.reduce((sum, one) => sum + one.rows, count * leaver.rows));
  });

  it('is due when five sixths of the interval have passed, and not before', async () => {
    await seat(leaving.world, leaving.newPeople(1));
    await leaving.sweeping.round();
    const age = (seconds: number) =>
      leaving.world.rows(`UPDATE recheck_rounds SET began_at = now() - make_interval(secs => ${seconds})`);
    await age(40);
    expect((await leaving.sweeping.step())?.state).toBe('done');
    await age(51);
    expect((await leaving.sweeping.step())?.bucket?.sessions).toHaveLength(1);
  });

  it('tells how long it is until then, by the clock of the database', async () => {
    await leaving.sweeping.round();
    await leaving.world.rows(`UPDATE recheck_rounds SET began_at = now() - interval '20 seconds'`);
    const age = async () => {
      const text = 'SELECT extract(epoch FROM now() - began_at)::float8 AS age FROM recheck_rounds';
      return (await leaving.world.rows<{ age: number }>(text))[0]?.age ?? Number.NaN;
    };
    const before = await age();
    const { dueIn = Number.NaN } = (await leaving.sweeping.step()) ?? {};
    const after = await age();
    expect(dueIn).toBeGreaterThanOrEqual(Math.max(0, 50 - after));
    expect(dueIn).toBeLessThanOrEqual(Math.max(0, 50 - before));
  });

  it('writes over what changed, and nothing else', async () => {
    const name = leaving.newPerson();
    await leaving.granted(name);
    await leaving.sweeping.round();
    expect(leaving.sweeping.statements).not.toContain('recheck_renew');
    leaving.personCalled(name).claims.email = 'new@example.com';
    await leaving.sweeping.round();
    expect(leaving.sweeping.statements).toContain('recheck_renew');
    for (const table of ['sessions', 'grants'])
      expect(
        await leaving.world.rows(`SELECT claims ->> 'email' AS email FROM ${table} WHERE username = $1`, [name]),
      ).toEqual([{ email: 'new@example.com' }]);
  });
});

describe('who left', () => {
  it.each(['disabled', 'locked', 'expired', 'must_change_password'] as const)(
    'F08: an account that is %s: sessions and grants end, tokens are refused, applications are told',
    async (account) => {
      const [leaver = '', stayer = ''] = leaving.newPeople(2);
      const [first, other] = [await leaving.granted(leaver, offline), await leaving.granted(stayer, offline)];
      leaving.personCalled(leaver).account = account;
      await leaving.sweeping.round();
      expect(await leaving.signedIn(leaver, stayer)).toEqual([stayer]);
      expect((await leaving.refresh(first.refresh_token)).body.error).toBe('invalid_grant');
      expect((await leaving.refresh(other.refresh_token)).status).toBe(200);
      expect(await leaving.world.rows(`SELECT client_id FROM logout_deliveries`)).toEqual([{ client_id: 'shop.web' }]);
      // Tokens that are issued at the same moment have a grant that nobody sees yet: their session is refused.
      expect(
        await leaving.world.rows(
          `SELECT s.username FROM revocations r JOIN sessions s ON s.id = r.value WHERE kind = 'session'`,
        ),
      ).toEqual([{ username: leaver }]);
      expect(
        await leaving.world.rows(`SELECT user_name, reason, directory FROM audit WHERE event = 'leaver.ended'`),
      ).toEqual([{ user_name: leaver, reason: account, directory: memoryDirectoryId }]);
      expect(leaving.sweeping.audited.map(({ event, userName }) => [event, userName])).toEqual([
        ['leaver.ended', leaver],
      ]);
      await expect
        .poll(
          async () =>
            (
              await leaving.world.fetch('https://id.example.com/userinfo', {
                headers: { authorization: `Bearer ${first.access_token}` },
              })
            ).status,
        )
        .toBe(401);
    },
  );

  it('F08: an entry that is gone', async () => {
    const [leaver = '', stayer = ''] = leaving.newPeople(2);
    const first = await leaving.granted(leaver, offline);
    await leaving.granted(stayer);
    leaving.personCalled(leaver).deleted = true;
    await leaving.sweeping.round();
    expect(await leaving.signedIn(leaver, stayer)).toEqual([stayer]);
    expect((await leaving.refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect(await leaving.world.rows(`SELECT reason FROM audit WHERE event = 'leaver.ended'`)).toEqual([
      { reason: 'gone' },
    ]);
    expect([
      await leaving.sweeping.count('ended'),
      await leaving.world.count('revocations', `kind = 'subject'`),
    ]).not.toContain(0);
  });

  it('what was said yes to and not fetched yet gives nothing', async () => {
    const name = leaving.newPerson();
    const { code } = await authorize(leaving.world.browser(), offline, name);
    leaving.personCalled(name).account = 'disabled';
    await leaving.sweeping.round();
    expect((await leaving.world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('whoever was let in again since somebody looked stays', async () => {
    const name = leaving.newPerson();
    await leaving.granted(name);
    await leaving.makeDueNow();
    leaving.personCalled(name).account = 'disabled';
    // Looked at, and not decided yet.
    await leaving.sweeping.step();
    leaving.personCalled(name).account = 'active';
    await leaving.world.rows(`UPDATE recheck_buckets SET looked_at = now() - interval '1 second'`);
    await authorize(leaving.world.browser(), { prompt: 'login' }, name);
    await leaving.finishRound();
    expect(await leaving.signedIn(name)).toEqual([name]);
  });
});

describe('an outage ends nobody', () => {
  it('a directory that cannot be asked: nobody ends, and the lot is tried again', async () => {
    const people = leaving.newPeople(3);
    await seat(leaving.world, people);
    await leaving.sweeping.round();
    const { finishedAt } = await leaving.sweeping.round();
    leaving.personCalled(people[0] ?? '').deleted = true;
    leaving.world.memory.down = true;
    await leaving.makeDueNow();
    for (let steps = 0; steps < 4; steps += 1) await leaving.sweeping.step();
    expect(await leaving.signedIn(...people)).toHaveLength(3);
    expect(await leaving.sweeping.count('unknown')).toBe(3);
    expect((await leaving.sweeping.step())?.finishedAt).toBe(finishedAt);
    leaving.world.memory.down = false;
    await leaving.world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    await leaving.finishRound();
    expect(await leaving.signedIn(...people)).toHaveLength(2);
  });
});

describe('an entry that no answer can hold', () => {
  const [poisoned, gone] = [7, 3];
  const seatPoisoned = async (): Promise<readonly string[]> => {
    const people = leaving.newPeople(30);
    await seat(leaving.world, people);
    leaving.personCalled(people[gone] ?? '').deleted = true;
    leaving.world.memory.poisoned.add(`entry-${people[poisoned]}`);
    await leaving.makeDueNow();
    return people;
  };

  it('keeps nobody else from being looked at: the lot is taken apart when it failed twice', async () => {
    const people = await seatPoisoned();
    for (const failures of [0, 1]) {
      await leaving.sweeping.step(memoryDirectoryId, failures);
      expect(await leaving.sweeping.step()).toMatchObject({ bucket: undefined, unlooked: 1 });
      await leaving.world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    }
    const before = await leaving.sweeping.count('unknown');
    await leaving.sweeping.step(memoryDirectoryId, 2);
    await leaving.finishRound();
    expect(await leaving.signedIn(...people)).toEqual(people.filter((_, index) => index !== gone).toSorted());
    expect(await leaving.sweeping.count('unknown')).toBe(before + 1);
  });

  it('is told from a directory that answers nothing, which is not asked about each of them', async () => {
    const people = await seatPoisoned();
    leaving.world.memory.down = true;
    leaving.world.memory.searches = 0;
    await leaving.sweeping.step(memoryDirectoryId, 2);
    expect(leaving.world.memory.searches).toBeLessThan(20);
    expect(await leaving.world.rows('SELECT looked_at FROM recheck_buckets')).toEqual([{ looked_at: null }]);
    expect(await leaving.signedIn(...people)).toHaveLength(30);
  });

  it('ends no round of the sweep as it runs in earnest', async () => {
    const people = await seatPoisoned();
    const recheck = createRecheck({ ...leaving.sweeping.ports, gone: goneDirectoryStore(leaving.world.database) });
    const stop = recheck.start();
    try {
      await expect.poll(() => leaving.signedIn(...people), { timeout: 120_000, interval: 250 }).toHaveLength(29);
      expect(await leaving.signedIn(people[poisoned] ?? '')).toHaveLength(1);
    } finally {
      await stop();
    }
  });
});

describe('several replicas', () => {
  it('look at everybody once, and end each once', async () => {
    const people = leaving.newPeople(700);
    await seat(leaving.world, people);
    const leavers = people.slice(0, 120);
    for (const name of leavers) leaving.personCalled(name).deleted = true;
    const others = await Promise.all([openSweeping(leaving.world), openSweeping(leaving.world)]);
    const all = [leaving.sweeping, ...others];
    leaving.world.memory.searches = 0;
    await recheckStore(leaving.world.database).ensure(memoryDirectoryId, undefined);
    await Promise.all(
      all.map(async (one) => {
        for (let steps = 0; steps < 200; steps += 1) if ((await one.step())?.state === 'done') return;
        throw new Error('the round does not end');
      }),
    );
    await leaving.finishRound();
    expect(leaving.world.memory.searches).toBe(7);
    expect(await leaving.signedIn(...people)).toHaveLength(580);
    expect(await leaving.world.count('audit', `event = 'leaver.ended'`)).toBe(120);
    for (const one of others) await one.stop();
  });

  it('one that was killed in the middle is followed when its lease is over, and is not heard any more', async () => {
    const people = leaving.newPeople(2);
    await seat(leaving.world, people);
    leaving.personCalled(people[0] ?? '').deleted = true;
    const store = recheckStore(leaving.world.database);
    await store.ensure(memoryDirectoryId, undefined);
    await leaving.makeDueNow();
    const lease = randomUUID();
    expect((await store.claim(memoryDirectoryId, 50, lease))?.bucket?.sessions).toHaveLength(2);
    // Leased: others find nothing to do, and decide nothing.
    for (let steps = 0; steps < 3; steps += 1)
      expect(await leaving.sweeping.step()).toMatchObject({ state: 'looking', bucket: undefined, unlooked: 1 });
    await leaving.world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    expect((await leaving.sweeping.step())?.bucket?.sessions).toHaveLength(2);
    const everybody = people.map((username) => ({ subject: username, username, reason: 'gone' }));
    expect(await store.settle(memoryDirectoryId, lease, 2, everybody)).toBe(false);
    await leaving.finishRound();
    expect(await leaving.signedIn(...people)).toEqual([people[1]]);
  });

  it('one whose database was away when it had looked: the lot comes again, and nobody ends twice', async () => {
    const people = leaving.newPeople(2);
    await seat(leaving.world, people);
    leaving.personCalled(people[0] ?? '').deleted = true;
    await leaving.makeDueNow();
    const { rechecks } = leaving.sweeping.ports;
    const away = () => Promise.reject(new DatabaseUnavailable('away'));
    const cutOff = { ...leaving.sweeping.ports, rechecks: { ...rechecks, settle: away } };
    await expect(sweepStep(cutOff, memoryDirectoryId, 0, never)).rejects.toThrow(DatabaseUnavailable);
    await leaving.world.rows(`UPDATE recheck_buckets SET leased_until = now()`);
    await leaving.finishRound();
    expect(await leaving.signedIn(...people)).toEqual([people[1]]);
    expect(await leaving.world.count('audit', `event = 'leaver.ended'`)).toBe(1);
  });

  it('one that is cut off between deciding and ending leaves it to the next', async () => {
    const people = leaving.newPeople(2);
    await seat(leaving.world, people);
    leaving.personCalled(people[0] ?? '').deleted = true;
    await recheckStore(leaving.world.database).ensure(memoryDirectoryId, undefined);
    await leaving.makeDueNow();
    while ((await leaving.sweeping.step())?.state !== 'looking') continue;
    await leaving.world.rows(`UPDATE recheck_rounds SET state = 'ending' WHERE directory = $1`, [memoryDirectoryId]);
    const other = await openSweeping(leaving.world);
    while ((await other.step())?.state !== 'done') continue;
    await other.stop();
    expect(await leaving.signedIn(...people)).toEqual([people[1]]);
    expect(await leaving.world.count('audit', `event = 'leaver.ended'`)).toBe(1);
  });
});

/** Rows of the sweep's own that `work` writes. */
async function countingRows(work: () => Promise<unknown>): Promise<number> {
  await leaving.world.rows('CREATE SEQUENCE written_rows');
  await leaving.world.rows(`CREATE FUNCTION count_written() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM nextval('written_rows'); RETURN NULL; END $$`);
  await recheckStore(leaving.world.database).ensure(memoryDirectoryId, undefined);
  await makeDue(leaving.world);
  const writes = 'INSERT OR UPDATE OR DELETE';
  const tables = ['recheck_rounds', 'recheck_buckets', 'sessions', 'grants', 'refresh_tokens', 'audit'];
  // What is sent or swept from these is somebody else's work, at any time.
  const filled = ['logout_deliveries', 'revocations'];
  for (const [table, what] of [...tables.map((one) => [one, writes]), ...filled.map((one) => [one, 'INSERT'])])
    await leaving.world.rows(
      `CREATE TRIGGER written AFTER ${what} ON ${table} FOR EACH ROW EXECUTE FUNCTION count_written()`,
    );
  await work();
  await leaving.world.rows('DROP FUNCTION count_written CASCADE');
  const [written] = await leaving.world.rows<{ n: number }>('SELECT last_value AS n FROM written_rows');
  await leaving.world.rows('DROP SEQUENCE written_rows');
  // The round was made due once more.
  return (written?.n ?? 0) - 1;
}
