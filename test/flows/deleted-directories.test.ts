/** What hangs off the users of a directory that is registered no more ends, once it has had time to come back. */
import { describe, expect, it } from 'vitest';
import { goneDirectoryStore } from '../../server/src/store/gone-directories.ts';
import { recheckStore } from '../../server/src/store/rechecks.ts';
import { anOwner } from '../support/builders.ts';
import { leaving, mailRule, offline, useLeaving } from '../support/leaving.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, authorize, codeFields } from '../support/world.ts';

useLeaving();

describe('a directory that was deleted', () => {
  const gone = () => goneDirectoryStore(leaving.world.database);
  let declared = `directory ${memoryDirectoryId}`;
  const declareAnew = async (uid: string, withdrawn = false) => {
    declared = uid;
    await leaving.world.served({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(uid), namespace: 'shop', name: 'people' },
      value: aDirectory(mailRule),
      withdrawn,
    });
  };
  const remove = async () => {
    const revision = await leaving.world.registry.delete('directory', anOwner(declared).uid);
    await leaving.world.serves(revision?.n ?? 0);
  };
  const passes = (minutes: number) =>
    leaving.world.rows(`UPDATE recheck_rounds SET gone_since = gone_since - make_interval(mins => ${minutes})`);

  it('waits ten minutes, in which nobody can refresh and nothing ends; one made anew finds all as it was', async () => {
    const name = leaving.newPerson();
    const first = await leaving.granted(name, offline);
    await recheckStore(leaving.world.database).ensure(memoryDirectoryId, undefined);
    expect(await gone().look()).toEqual([]);
    await remove();
    expect(await gone().look()).toEqual([]);
    await passes(9);
    expect(await gone().look()).toEqual([]);
    expect(await gone().end(memoryDirectoryId)).toEqual({ sessions: 0, grants: 0 });
    expect(await leaving.refresh(first.refresh_token)).toMatchObject({
      status: 503,
      body: { error: 'temporarily_unavailable' },
    });
    await declareAnew('directory made anew');
    await passes(9);
    expect(await gone().look()).toEqual([]);
    expect((await leaving.refresh(first.refresh_token)).status).toBe(200);
    expect(await leaving.signedIn(name)).toEqual([name]);
    expect(await leaving.world.rows('SELECT gone_since FROM recheck_rounds')).toEqual([{ gone_since: null }]);
  });

  it('then ends sessions and grants of its users, and tells applications', async () => {
    const name = leaving.newPerson();
    const first = await leaving.granted(name, offline);
    const { code } = await authorize(leaving.world.browser(), offline, name);
    await recheckStore(leaving.world.database).ensure(memoryDirectoryId, undefined);
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
    expect((await leaving.refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect((await leaving.world.token(codeFields(code))).body.error).toBe('invalid_grant');
    expect(await leaving.signedIn(name)).toEqual([]);
    expect(await leaving.world.count('logout_deliveries')).toBeGreaterThan(0);
    expect(
      await leaving.world.rows(
        `SELECT DISTINCT event, user_name FROM audit WHERE reason = 'directory_deleted' ORDER BY event`,
      ),
    ).toEqual([
      { event: 'grant.ended', user_name: name },
      { event: 'session.ended', user_name: name },
    ]);
    expect(await leaving.world.count('recheck_rounds')).toBe(0);
  });

  it('is the same as one that is kept and served to nobody: back within ten minutes nothing ends, later all does', async () => {
    const name = leaving.newPerson();
    const first = await leaving.granted(name, offline);
    await recheckStore(leaving.world.database).ensure(memoryDirectoryId, undefined);
    await declareAnew(declared, true);
    expect(await gone().look()).toEqual([]);
    await passes(9);
    expect(await gone().look()).toEqual([]);
    await declareAnew(declared);
    expect(await gone().look()).toEqual([]);
    expect((await leaving.refresh(first.refresh_token)).status).toBe(200);
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
    expect((await leaving.refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect(await leaving.signedIn(name)).toEqual([]);
  });
});
