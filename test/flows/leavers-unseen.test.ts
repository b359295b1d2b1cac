/** I2: what cannot be seen ends nobody, and holds up nothing: entries that no answer holds, groups that are hidden. */
import { describe, expect, it } from 'vitest';
import { leaving, offline, useLeaving } from '../support/leaving.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { seat } from '../support/sweeping.ts';

useLeaving();

describe('a lot of which no answer holds anybody', () => {
  it.each([1, 3])('of %i: is passed over and counted, and the round ends', async (count) => {
    const people = leaving.newPeople(count);
    await seat(leaving.world, people);
    await leaving.makeDueNow();
    for (const name of people) leaving.world.memory.poisoned.add(`entry-${name}`);
    const before = await leaving.sweeping.count('unknown');
    await leaving.sweeping.step(memoryDirectoryId, 2);
    await leaving.finishRound();
    expect(await leaving.signedIn(...people)).toHaveLength(count);
    expect(await leaving.sweeping.count('unknown')).toBe(before + count);
  });
});

it('a lot of one that a directory which is away says nothing of holds up the round', async () => {
  const name = leaving.newPerson();
  await seat(leaving.world, [name]);
  await leaving.makeDueNow();
  leaving.world.memory.down = true;
  await leaving.sweeping.step(memoryDirectoryId, 2);
  expect(await leaving.world.rows('SELECT looked_at FROM recheck_buckets')).toEqual([{ looked_at: null }]);
});

describe('a refresh where no group at all shows', () => {
  it.each([
    ['a scope that a group gave', 'shop.web'],
    ['an application that asks for a group', 'shop.staff'],
  ])('ends nothing and spends nothing: %s', async (_title, client) => {
    const name = leaving.newPerson();
    const { refresh_token: token } = await leaving.granted(name, { ...offline, client_id: client });
    leaving.world.memory.groupsHidden = true;
    const hidden = await leaving.refresh(token, client);
    expect([hidden.status, hidden.body.error]).toEqual([503, 'temporarily_unavailable']);
    leaving.world.memory.groupsHidden = false;
    const shown = await leaving.refresh(token, client);
    expect([shown.status, shown.body.scope ?? offline.scope]).toEqual([200, offline.scope]);
  });

  it('whoever left every group loses what they gave, as long as others are in one', async () => {
    const [name = ''] = leaving.newPeople(2);
    const { refresh_token: token } = await leaving.granted(name, { ...offline, client_id: 'shop.staff' });
    leaving.personCalled(name).groups = [];
    expect((await leaving.refresh(token, 'shop.staff')).body.error).toBe('invalid_grant');
  });

  it('who is disabled is ended all the same', async () => {
    const name = leaving.newPerson();
    const { refresh_token: token } = await leaving.granted(name, { ...offline, client_id: 'shop.staff' });
    leaving.world.memory.groupsHidden = true;
    leaving.personCalled(name).account = 'disabled';
    expect((await leaving.refresh(token, 'shop.staff')).body.error).toBe('invalid_grant');
    expect(await leaving.signedIn(name)).toEqual([]);
  });
});
