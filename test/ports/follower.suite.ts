import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFollower, type Follower } from '../../server/src/registry/follow.ts';
import { createHeartbeat } from '../../server/src/registry/heartbeat.ts';
import type { Registration, Registry } from '../../server/src/registry/registry.ts';
import { createSecretUses } from '../../server/src/registry/secret-uses.ts';
import { type Database, DatabaseUnavailable } from '../../server/src/store/database.ts';
import { anOwner } from '../support/builders.ts';
import {
  type Backend,
  clean,
  client,
  counted,
  directory,
  oneOfEachKind,
  password,
  proxied,
  registryOf,
  sealer,
  sql,
  until,
} from './backend.ts';

type Told = { kind: string; id: string }[] | 'all';

export function followerSuite(name: string, backend: () => Promise<Backend>): void {
  describe(`follower on ${name}`, () => {
    let open: Backend;
    let database: Database;
    let registry: Registry;
    let follower: Follower;
    let told: Told[];
    let rejections: string[];
    beforeAll(async () => {
      open = await backend();
      ({ database } = await open.open());
    });
    afterAll(() => open.close());
    beforeEach(async () => {
      await clean(database);
      registry = registryOf(database);
      ({ follower, told, rejections } = follow(database));
    });
    afterEach(async () => {
      vi.useRealTimers();
      await follower.stop();
    });

    const put = async (registration: Registration): Promise<void> => {
      expect((await registry.put(registration)).outcome).toBe('written');
    };
    const reached = async (): Promise<void> => {
      const [row] = await sql<{ n: number }>(database, 'SELECT n FROM registry_revision');
      await until(() => follower.current.revision.n === row?.n);
    };

    it('is empty and not fresh before it has loaded', async () => {
      expect(follower.isFresh()).toBe(false);
      expect(follower.current.server).toBeUndefined();
      await follower.start();
      expect(follower.isFresh()).toBe(true);
    });

    it('loads every kind with its owner, secrets opened', async () => {
      const all = oneOfEachKind();
      await registry.putMany(all);
      await follower.start();
      const { current } = follower;
      expect(current.counts()).toEqual({ server: 1, client: 1, scope: 1, directory: 1 });
      expect(current.server).toEqual({ owner: anOwner('default'), value: all[0]?.value });
      expect(current.client('shop.web')).toEqual({ owner: anOwner('web'), value: all[1]?.value });
      expect([...current.scopes()]).toEqual([{ owner: anOwner('read'), value: all[2]?.value }]);
      expect(current.scope('shop:read')?.owner.name).toBe('read');
      expect([...current.directories()].map(({ value }) => value.bind_password)).toEqual([password]);
      expect(current.directory('shop/people')?.value).toEqual(all[3]?.value);
      expect(current.directory('shop/people')?.fingerprint).toBe(
        (await registry.get('directory', 'shop/people'))?.fingerprint,
      );
      expect(told).toEqual(['all']);
    });

    it('swaps when the revision moves and tells which ids changed', async () => {
      await put(client('one'));
      await follower.start();
      await put(client('two'));
      await reached();
      await registry.delete('client', anOwner('one').uid);
      await reached();
      expect(told).toEqual(['all', [{ kind: 'client', id: 'shop.two' }], [{ kind: 'client', id: 'shop.one' }]]);
      expect(follower.current.client('shop.one')).toBeUndefined();
      expect(follower.current.counts().client).toBe(1);
    });

    it('a snapshot that a request holds never changes', async () => {
      await put(client('one'));
      await follower.start();
      const held = follower.current;
      const one = held.client('shop.one');
      await registry.putMany([client('two'), client('one', {}, { withdrawn: true })]);
      await reached();
      expect(held.client('shop.one')).toBe(one);
      expect(held.client('shop.two')).toBeUndefined();
      expect(held.counts().client).toBe(1);
      expect(follower.current.client('shop.one')).toBeUndefined();
      expect(() => Object.assign(one?.value.consent ?? {}, { mode: 'implicit' })).toThrow(TypeError);
    });

    it('serves nobody what is withdrawn', async () => {
      await put(client('web', {}, { withdrawn: true }));
      await follower.start();
      expect(follower.current.client('shop.web')).toBeUndefined();
      await put(client('web'));
      await reached();
      expect(follower.current.client('shop.web')).toBeDefined();
    });

    it.each([
      ['a body that breaks the schema', `body = '{}'`, /client_id|required/],
      [
        'metadata that endpoints rely on',
        `body = jsonb_set(body, '{redirect_uris}', '["http://evil.example/"]')`,
        /redirect_uris/,
      ],
      ['a newer format', 'format = 2', /format 2/],
      ['a body that is no object', `body = '[1]'`, /./],
    ])('F41 leaves out a row with %s, reports it, and loads all others', async (_, edit, problem) => {
      await registry.putMany([client('good'), client('bad')]);
      await sql(database, `UPDATE registry SET ${edit} WHERE id = 'shop.bad'`);
      await follower.start();
      expect(follower.current.client('shop.good')).toBeDefined();
      expect(follower.current.client('shop.bad')).toBeUndefined();
      expect(follower.rejected).toEqual([
        { kind: 'client', id: 'shop.bad', uid: anOwner('bad').uid, problem: expect.stringMatching(problem) },
      ]);
      expect(rejections).toEqual(['client/shop.bad']);
      await put(client('bad'));
      await reached();
      expect(follower.rejected).toEqual([]);
      expect(follower.current.client('shop.bad')).toBeDefined();
    });

    it('a served row that turns bad is no longer served', async () => {
      await put(client('web'));
      await follower.start();
      await sql(database, `UPDATE registry SET body = '{}'`);
      await reached();
      expect(follower.current.client('shop.web')).toBeUndefined();
      await sql(database, 'DELETE FROM registry');
      await reached();
      expect(follower.rejected).toEqual([]);
    });

    it('a sealed password from another row is rejected, and no secret stands in the report', async () => {
      await registry.putMany([directory('people'), directory('others')]);
      await sql(
        database,
        `UPDATE registry SET sealed = (SELECT sealed FROM registry WHERE id = 'shop/others') WHERE id = 'shop/people'`,
      );
      await follower.start();
      expect(follower.rejected.map(({ id }) => id)).toEqual(['shop/people']);
      expect(JSON.stringify(follower.rejected)).not.toContain(password);
      expect(follower.current.directory('shop/others')).toBeDefined();
    });

    it('loads more than a page, and reads none of them twice', async () => {
      for (let at = 0; at < 2_100; at += 300) {
        await registry.putMany(Array.from({ length: 300 }, (__, index) => client(`c${at + index}`)));
      }
      await follower.start();
      expect(follower.current.counts().client).toBe(2_100);
      const { database: watched, sent } = counted(database);
      const another = follow(watched).follower;
      await another.start();
      // Of a thousand rows each.
      expect(sent.filter((statement) => statement === 'registry_changes')).toHaveLength(3);
      expect(another.current.counts().client).toBe(2_100);
      await another.stop();
      // A batch of one revision that is larger than a page.
      await sql(database, 'UPDATE registry SET withdrawn = true');
      await reached();
      expect(follower.current.counts().client).toBe(0);
    });

    it('F56 a new epoch makes it load everything anew', async () => {
      await registry.putMany([client('one'), client('two')]);
      await follower.start();
      // As a restored backup has it: other rows, a smaller number.
      await database.transaction(async (transaction) => {
        await sql(transaction, `DELETE FROM registry WHERE id = 'shop.two'`);
        await sql(transaction, 'TRUNCATE registry_tombstones');
        await sql(transaction, `UPDATE registry_revision SET epoch = 'restored', n = 1`);
        await sql(transaction, `SELECT pg_notify('nauthera_registry', '')`);
      });
      await until(() => follower.current.revision.epoch === 'restored');
      expect(told.at(-1)).toBe('all');
      expect(follower.current.client('shop.two')).toBeUndefined();
      expect(follower.current.client('shop.one')).toBeDefined();
    });

    it.each([
      ['a number that went back', 'n = n - 1'],
      ['tombstones that were swept while it was away', 'n = n + 1, swept_n = n + 1'],
    ])('%s makes it load everything anew', async (_, set) => {
      await registry.putMany([client('one'), client('two')]);
      await follower.start();
      await database.transaction(async (transaction) => {
        await sql(transaction, `DELETE FROM registry WHERE id = 'shop.two'`);
        await sql(transaction, 'TRUNCATE registry_tombstones');
        // n - 1 below what the follower has seen: the deletion above raised it by one.
        await sql(transaction, `UPDATE registry_revision SET ${set.replace('n = n - 1', 'n = n - 2')}`);
      });
      await until(() => follower.current.client('shop.two') === undefined);
      expect(told.at(-1)).toBe('all');
      expect(follower.current.client('shop.one')).toBeDefined();
    });

    it('a change costs a replica one statement to read and one to report', async () => {
      const { database: watched, sent } = counted(database);
      const one = follow(watched).follower;
      const heart = createHeartbeat({
        database: watched,
        replica: 'a',
        follower: one,
        details: () => ({ directories: [], keys: 'ready', untrustedProxy: false }),
        secretUses: createSecretUses(),
      });
      await one.start();
      heart.start();
      await until(() => sent.includes('replica_report_put'));
      sent.length = 0;
      await put(client('web'));
      await until(() => sent.includes('replica_report_put'));
      // A poll may come in between; nothing else does.
      expect(new Set(sent)).toEqual(new Set(['registry_changes', 'replica_report_put']));
      expect(sent.at(-1)).toBe('replica_report_put');
      await heart.stop();
      await one.stop();
    });

    it('F50 follows by polling alone where LISTEN is not possible', async () => {
      const deaf = follow(proxied(database, { listen: () => Promise.resolve(null) }));
      await deaf.follower.start();
      await put(client('web'));
      await until(() => deaf.follower.current.client('shop.web'));
      await deaf.follower.stop();
    });

    it('F49 is no longer fresh when the revision could not be confirmed for 10 s, and fresh again afterwards', async () => {
      let away = false;
      const failing = proxied(database, {
        run: (statement, values) =>
          away ? Promise.reject(new DatabaseUnavailable('away')) : database.run(statement, values),
      });
      const cut = follow(failing);
      await cut.follower.start();
      away = true;
      const now = performance.now();
      vi.useFakeTimers({ toFake: ['performance'] });
      vi.advanceTimersByTime(now + 9_000);
      expect(cut.follower.isFresh()).toBe(true);
      vi.advanceTimersByTime(1_500);
      expect(cut.follower.isFresh()).toBe(false);
      expect(cut.follower.current.revision.epoch).not.toBe('');
      vi.useRealTimers();
      away = false;
      await until(() => cut.follower.isFresh());
      await cut.follower.stop();
    });

    describe('heartbeat', () => {
      const beating = (replica: string) =>
        createHeartbeat({
          database,
          replica,
          follower,
          details: () => ({ directories: [], keys: 'ready', untrustedProxy: false }),
          secretUses: createSecretUses(),
        });

      it('tells the served revision and what was left out, at once after each swap', async () => {
        await follower.start();
        const heart = beating('a');
        heart.start();
        await until(async () => (await registry.reports()).length === 1);
        await put(client('web'));
        await sql(database, `UPDATE registry SET body = '{}'`);
        await reached();
        await until(async () => (await registry.reports())[0]?.rejected.length === 1);
        expect(await registry.reports()).toEqual([
          {
            replica: 'a',
            format: 1,
            revision: follower.current.revision,
            rejected: follower.rejected,
            directories: [],
            keys: 'ready',
            untrustedProxy: false,
            live: true,
            reportedAt: expect.any(Number),
          },
        ]);
        await heart.stop();
        expect(await registry.reports()).toEqual([]);
      });

      it('a report older than 15 s by the database is dead, one of an hour is swept', async () => {
        await follower.start();
        const [a, b] = [beating('a'), beating('b')];
        a.start();
        await until(async () => (await registry.reports()).length === 1);
        await a.stop();
        const age = (interval: string) =>
          sql(
            database,
            `INSERT INTO replica_reports VALUES ('old', now() - interval '${interval}', 1, 'e', 1, '[]', '[]', 'ready')
            ON CONFLICT (replica) DO UPDATE SET reported_at = excluded.reported_at`,
          );
        await age('16 seconds');
        expect((await registry.reports()).map(({ live }) => live)).toEqual([false]);
        await age('14 seconds');
        expect((await registry.reports()).map(({ live }) => live)).toEqual([true]);
        await age('2 hours');
        b.start();
        await until(async () => (await sql(database, 'SELECT replica FROM replica_reports'))[0]?.replica === 'b');
        expect((await registry.reports()).map(({ replica }) => replica)).toEqual(['b']);
        await b.stop();
      });
    });
  });
}

function follow(database: Database): { follower: Follower; told: Told[]; rejections: string[] } {
  const told: Told[] = [];
  const rejections: string[] = [];
  const follower = createFollower({ database, sealer, onRejected: ({ kind, id }) => rejections.push(`${kind}/${id}`) });
  follower.onSwap((changed) => told.push(changed === 'all' ? 'all' : [...changed]));
  return { follower, told, rejections };
}
