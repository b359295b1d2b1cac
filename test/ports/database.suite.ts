import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, DatabaseUnavailable } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { TransactionHandleRequired } from '../../server/src/store/transaction-scope.ts';
import { type Backend, sql } from './backend.ts';

export function databaseSuite(name: string, backend: () => Promise<Backend>): void {
  describe(`database on ${name}`, () => {
    let open: Backend;
    let database: Database;
    let again: () => Promise<Database>;
    beforeAll(async () => {
      open = await backend();
      ({ database, again } = await open.open());
      await sql(database, 'CREATE TABLE things (id integer PRIMARY KEY, note text)');
    });
    afterAll(() => open.close());

    it('gives bigint as number, bytea as Buffer, timestamptz as Date, jsonb parsed', async () => {
      const bytes = randomBytes(40);
      const at = new Date('2026-05-04T03:02:01.123Z');
      const [row] = await sql(
        database,
        `SELECT $1::bigint AS big, ARRAY[$1::bigint] AS bigs, $2::bytea AS bytes, $3::timestamptz AS at, $4::jsonb AS json,
          $5::text[] AS texts, NULL::bigint AS nothing, count(*) AS counted`,
        [2 ** 40, bytes, at, JSON.stringify({ a: [1, 'x'] }), ['a', 'b"c']],
      );
      expect(row).toEqual({
        big: 2 ** 40,
        bigs: [2 ** 40],
        bytes,
        at,
        json: { a: [1, 'x'] },
        texts: ['a', 'b"c'],
        nothing: null,
        counted: 1,
      });
      expect(Buffer.isBuffer(row?.bytes)).toBe(true);
    });

    it('A82 counts the rows that a statement touched or returned', async () => {
      let made = 0;
      const counts = async (text: string) => {
        made += 1;
        return (await database.run({ name: `count_${made}`, text }, [])).count;
      };
      expect(await counts('INSERT INTO things VALUES (1), (2), (3)')).toBe(3);
      expect(await counts('UPDATE things SET note = id WHERE id < 3')).toBe(2);
      expect(await counts('UPDATE things SET note = id WHERE id < 3 RETURNING id')).toBe(2);
      expect(await counts('UPDATE things SET note = id WHERE id > 9 RETURNING id')).toBe(0);
      expect(await counts('SELECT * FROM things')).toBe(3);
      expect(await counts('WITH gone AS (DELETE FROM things RETURNING id) SELECT id FROM gone WHERE id = 1')).toBe(1);
    });

    it('the root handle inside a transaction is refused, within 2 s, and the transaction goes on', {
      timeout: 2_000,
    }, async () => {
      await database.transaction(async (transaction) => {
        await expect(sql(database, 'SELECT 1')).rejects.toThrow(TransactionHandleRequired);
        await expect(database.transaction(() => Promise.resolve())).rejects.toThrow(TransactionHandleRequired);
        await expect(database.kysely.selectNoFrom((build) => build.val(1).as('one')).execute()).rejects.toThrow(
          TransactionHandleRequired,
        );
        expect(await sql(transaction, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      });
      expect(await sql(database, 'SELECT 2 AS two')).toEqual([{ two: 2 }]);
    });

    it('what a transaction left behind may use the root handle once it has ended', async () => {
      let later: Promise<unknown> | undefined;
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      await database.transaction(async () => {
        later = ended.then(() => sql(database, 'SELECT 1'));
      });
      end();
      await expect(later).resolves.toHaveLength(1);
    });

    it('an error rolls the transaction back and is thrown on', async () => {
      const mistake = new Error('mine');
      await expect(
        database.transaction(async (transaction) => {
          await sql(transaction, 'INSERT INTO things VALUES (10)');
          throw mistake;
        }),
      ).rejects.toBe(mistake);
      expect(await sql(database, 'SELECT id FROM things WHERE id = 10')).toEqual([]);
    });

    it('a transaction whose statement failed is no success, though its work swallowed that', async () => {
      await expect(
        database.transaction(async (transaction) => {
          await sql(transaction, 'INSERT INTO things VALUES (11)');
          await sql(transaction, 'SELECT 1 / 0').catch(() => undefined);
        }),
      ).rejects.toThrow();
      expect(await sql(database, 'SELECT id FROM things WHERE id = 11')).toEqual([]);
    });

    it('a mistake in SQL is no outage', async () => {
      await expect(sql(database, 'SELECT nonsense')).rejects.not.toThrow(DatabaseUnavailable);
      await expect(sql(database, 'INSERT INTO things VALUES (12), (12)')).rejects.toMatchObject({ code: '23505' });
    });

    it('Kysely works on it', async () => {
      expect(await database.kysely.selectNoFrom((build) => build.val('x').as('one')).execute()).toEqual([{ one: 'x' }]);
    });

    it('migrates once, and again without doing anything', async () => {
      expect(await Promise.all([migrate(database), again().then((other) => migrate(other))])).toEqual([[], []]);
    });

    it('A74: whoever calls a function of ours was let, and none finds a temporary table in place of ours', async () => {
      const functions = await sql<{ name: string; definer: boolean; path: string | null; open: boolean }>(
        database,
        `SELECT proname AS name, prosecdef AS definer, array_to_string(proconfig, ' ') AS path,
          EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) AS open
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace`,
      );
      expect(functions.filter(({ open: isOpen }) => isOpen)).toEqual([]);
      const definers = functions.filter(({ definer }) => definer);
      expect(definers.length).toBeGreaterThan(7);
      expect(definers.filter(({ path }) => path !== 'search_path=public, pg_temp')).toEqual([]);
    });

    it('closed, it is unavailable', async () => {
      const other = await again();
      await other.close();
      await other.close();
      await expect(sql(other, 'SELECT 1')).rejects.toThrow(DatabaseUnavailable);
    });
  });
}
