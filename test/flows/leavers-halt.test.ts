/** I2: never all at once. A round that would end many ends nobody, until somebody says so. */
import { describe, expect, it } from 'vitest';
import { anOwner } from '../support/builders.ts';
import { leaving, mailRule, useLeaving } from '../support/leaving.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { seat } from '../support/sweeping.ts';
import { aDirectory } from '../support/world.ts';

useLeaving();

describe('too many at once', () => {
  const leave = (people: readonly string[]) => {
    for (const name of people) leaving.personCalled(name).deleted = true;
  };
  const stay = (people: readonly string[]) => {
    for (const name of people) leaving.personCalled(name).deleted = false;
  };
  const declare = (confirmed?: string) =>
    leaving.world.declare({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' },
      value: aDirectory({ ...mailRule, ...(confirmed === undefined ? {} : { recheck: { confirmed } }) }),
    });

  it('over a fifth and over ten: nobody ends, and it says so once; the ones who are back go on', async () => {
    const people = leaving.newPeople(50);
    await seat(leaving.world, people);
    leave(people.slice(0, 11));
    const standing = await leaving.sweeping.round();
    expect(await leaving.signedIn(...people)).toHaveLength(50);
    expect(standing.halted).toEqual({ users: 50, leavers: 11 });
    await leaving.sweeping.round();
    expect(await leaving.world.rows(`SELECT event, directory FROM audit`)).toEqual([
      { event: 'sweep.halted', directory: memoryDirectoryId },
    ]);
    stay(people.slice(0, 1));
    expect((await leaving.sweeping.round()).halted).toBeUndefined();
    expect(await leaving.signedIn(...people)).toHaveLength(40);
  });

  it('exactly a fifth is not over a fifth, and ten of ten are not over ten', async () => {
    const people = leaving.newPeople(60);
    await seat(leaving.world, people);
    leave(people.slice(0, 12));
    await leaving.sweeping.round();
    expect(await leaving.signedIn(...people)).toHaveLength(48);
    await leaving.world.rows('TRUNCATE sessions');
    const few = leaving.newPeople(10);
    await seat(leaving.world, few);
    leave(few);
    await leaving.sweeping.round();
    expect(await leaving.signedIn(...few)).toEqual([]);
  });

  it('nobody ends before everybody was looked at: the first hundred say nothing of the others', async () => {
    const people = leaving.newPeople(400);
    await seat(leaving.world, people);
    // The first of four lots would be a quarter of all.
    const [last] = await leaving.world.rows<{ subject: string }>(
      `SELECT subject FROM sessions ORDER BY subject OFFSET 99 LIMIT 1`,
    );
    const first = await leaving.world.rows<{ username: string }>(`SELECT username FROM sessions WHERE subject <= $1`, [
      last?.subject,
    ]);
    leave(first.map(({ username }) => username));
    expect((await leaving.sweeping.round()).halted).toEqual({ users: 400, leavers: 100 });
    expect(await leaving.signedIn(...people)).toHaveLength(400);
  });

  it("an administrator's word lets one round go on, and counts once", async () => {
    const people = leaving.newPeople(30);
    await seat(leaving.world, people);
    leave(people.slice(0, 15));
    expect((await leaving.sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    await declare('2026-11-26');
    expect((await leaving.sweeping.round()).halted).toBeUndefined();
    expect(await leaving.signedIn(...people)).toHaveLength(15);
    leave(people);
    expect((await leaving.sweeping.round()).halted).toEqual({ users: 15, leavers: 15 });
    expect(await leaving.signedIn(...people)).toHaveLength(15);
    await declare('another word');
    expect((await leaving.sweeping.round()).halted).toBeUndefined();
    expect(await leaving.signedIn(...people)).toEqual([]);
    await declare();
  });

  it('a word that came when the fault was repaired already lets no later one go on', async () => {
    const people = leaving.newPeople(30);
    await seat(leaving.world, people);
    leave(people.slice(0, 15));
    await leaving.sweeping.round();
    stay(people);
    await declare('they did');
    await leaving.sweeping.round();
    leave(people.slice(0, 15));
    expect((await leaving.sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    // Taken away and said again, it is still the same word.
    await declare();
    await leaving.sweeping.round();
    await declare('they did');
    expect((await leaving.sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    expect(await leaving.signedIn(...people)).toHaveLength(30);
    await declare();
  });

  it('a word that is older than what is known of the directory, after a restore, lets nothing go on', async () => {
    const people = leaving.newPeople(30);
    await seat(leaving.world, people);
    await declare('they did');
    await leaving.sweeping.round();
    await leaving.world.rows('TRUNCATE recheck_rounds, recheck_buckets');
    leave(people.slice(0, 15));
    expect((await leaving.sweeping.round()).halted).toEqual({ users: 30, leavers: 15 });
    expect(await leaving.signedIn(...people)).toHaveLength(30);
    await declare();
  });
});
