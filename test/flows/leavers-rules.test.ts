/** I2: whoever stays and no longer fits a rule loses what the rule gave, and nothing where a directory hides its groups. */
import { describe, expect, it } from 'vitest';
import { recheckStore } from '../../server/src/store/rechecks.ts';
import { anOwner } from '../support/builders.ts';
import { leaving, offline, useLeaving } from '../support/leaving.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { openSweeping, upToDate } from '../support/sweeping.ts';
import { aDirectory } from '../support/world.ts';

useLeaving();

describe('who no longer fits the rules', () => {
  it('out of a group that a rule asks for: that scope leaves the grant, nothing ends', async () => {
    const name = leaving.newPerson();
    const first = await leaving.granted(name, offline);
    leaving.personCalled(name).groups = ['staff'];
    await leaving.sweeping.round();
    expect(await leaving.world.rows(`SELECT scopes, claims, ended_at FROM grants WHERE username = $1`, [name])).toEqual(
      [{ scopes: ['openid', 'offline_access'], claims: {}, ended_at: null }],
    );
    expect(
      await leaving.world.rows(
        `SELECT event, outcome, rule, scopes_refused FROM audit WHERE user_name = $1 AND reason = 'scope_refused'`,
        [name],
      ),
    ).toEqual([{ event: 'consent.verified', outcome: 'refused', rule: 'mail for mailers', scopes_refused: ['email'] }]);
    expect((await leaving.refresh(first.refresh_token)).body.scope).toBe('openid offline_access');
    expect(await leaving.signedIn(name)).toEqual([name]);
  });

  it("out of an application's groups: that application's grant ends, the session and the other grants live", async () => {
    const name = leaving.newPerson();
    const staff = await leaving.granted(name, { ...offline, client_id: 'shop.staff' });
    const web = await leaving.granted(name, offline);
    leaving.personCalled(name).groups = ['mailers'];
    await leaving.sweeping.round();
    await leaving.sweeping.round();
    expect((await leaving.refresh(staff.refresh_token, 'shop.staff')).body.error).toBe('invalid_grant');
    expect((await leaving.refresh(web.refresh_token)).status).toBe(200);
    expect(await leaving.signedIn(name)).toEqual([name]);
    expect(
      await leaving.world.rows(`SELECT client_id FROM audit WHERE event = 'grant.ended' AND reason = 'not_a_member'`),
    ).toEqual([{ client_id: 'shop.staff' }]);
  });

  it('nor in any other group, alone: what a group gave is lost, as long as the directory shows groups of others', async () => {
    const name = leaving.newPerson();
    const staff = await leaving.granted(name, { ...offline, client_id: 'shop.staff' });
    leaving.personCalled(name).groups = [];
    leaving.newPerson();
    await leaving.sweeping.round();
    expect((await leaving.refresh(staff.refresh_token, 'shop.staff')).body.error).toBe('invalid_grant');
  });

  it('a refresh that came in between is not written over', async () => {
    const name = leaving.newPerson();
    await leaving.granted(name, offline);
    const store = recheckStore(leaving.world.database);
    const [grant] = await leaving.world.rows<{ id: string }>(`SELECT id FROM grants WHERE username = $1`, [name]);
    const read = ['openid', 'email', 'offline_access'];
    await leaving.world.rows(`UPDATE grants SET scopes = '{openid}' WHERE username = $1`, [name]);
    const renewed = {
      id: grant?.id ?? '',
      was: read,
      scopes: read,
      claims: { email: 'a' },
      idTokenClaims: {},
      asked: null,
    };
    await store.renew({ sessions: [], grants: [renewed], events: [] });
    expect(await leaving.world.rows(`SELECT scopes FROM grants WHERE username = $1`, [name])).toEqual([
      { scopes: ['openid'] },
    ]);
  });
});

describe('a registration that changes during a look', () => {
  const declareRule = (group: string) =>
    leaving.world.declare({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' },
      value: aDirectory({ consent_rules: [{ name: 'mail for mailers', scopes: ['email'], groups: [group] }] }),
    });

  it('judges nobody by what was read for another: the lot is looked at anew', async () => {
    const name = leaving.newPerson();
    await leaving.granted(name, offline);
    let looks = 0;
    const other = await openSweeping(leaving.world, {
      lookupMany: async (id, entryIds) => {
        const found = await leaving.world.memory.lookupMany(id, entryIds);
        looks += 1;
        if (looks === 1) {
          await declareRule('nobody');
          await upToDate(leaving.world, other.ports.snapshot);
        }
        return found;
      },
      showsGroups: () => leaving.world.memory.showsGroups(),
    });
    await leaving.makeDueNow();
    await other.step();
    expect(await leaving.world.rows('SELECT looked_at FROM recheck_buckets')).toEqual([{ looked_at: null }]);
    const scopes = () => leaving.world.rows('SELECT scopes FROM grants');
    expect(await scopes()).toEqual([{ scopes: ['openid', 'email', 'offline_access'] }]);
    await other.step();
    expect(await scopes()).toEqual([{ scopes: ['openid', 'offline_access'] }]);
    await other.stop();
    await declareRule('mailers');
  });
});

describe('a directory that shows no group at all', () => {
  it('takes nothing that groups gave; whoever left is ended all the same', async () => {
    const [stayer = '', leaver = ''] = leaving.newPeople(2);
    const staff = await leaving.granted(stayer, { ...offline, client_id: 'shop.staff' });
    await leaving.granted(leaver);
    leaving.world.memory.groupsHidden = true;
    leaving.personCalled(leaver).account = 'disabled';
    await leaving.sweeping.round();
    expect(await leaving.signedIn(stayer, leaver)).toEqual([stayer]);
    expect(await leaving.sweeping.count('unknown')).toBeGreaterThan(0);
    const groups = `SELECT claims -> 'groups' AS groups FROM sessions WHERE username = $1`;
    expect(await leaving.world.rows(groups, [stayer])).toEqual([{ groups: ['mailers', 'staff'] }]);
    leaving.world.memory.groupsHidden = false;
    expect((await leaving.refresh(staff.refresh_token, 'shop.staff')).status).toBe(200);
  });

  it('nor where a grant alone is left, of an application that asks for a group, or with a scope of a rule', async () => {
    const name = leaving.newPerson();
    for (const client_id of ['shop.staff', 'shop.web']) await leaving.granted(name, { ...offline, client_id });
    await leaving.world.rows('TRUNCATE sessions');
    leaving.world.memory.groupsHidden = true;
    await leaving.sweeping.round();
    expect(await leaving.world.rows('SELECT DISTINCT scopes, ended_at FROM grants')).toEqual([
      { scopes: ['openid', 'email', 'offline_access'], ended_at: null },
    ]);
  });

  it('is not asked for groups where nobody would lose anything by it', async () => {
    const [name = ''] = leaving.newPeople(1);
    leaving.personCalled(name).groups = [];
    await leaving.granted(name, { scope: 'openid' });
    leaving.world.memory.searches = 0;
    await leaving.sweeping.round();
    expect(leaving.world.memory.searches).toBe(1);
  });
});
