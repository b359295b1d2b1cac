import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFollower } from '../../server/src/registry/follow.ts';
import { type Database, DatabaseUnavailable } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { DirectConnectionNeeded, openPostgres, type PostgresOptions } from '../../server/src/store/postgres.ts';
import { sessionLimits } from '../../server/src/store/postgres-settings.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { client, registryOf, sealer, sql, until } from './backend.ts';
import type { TestPostgres } from './postgres-backend.ts';

/** What a network and a server can do to us; PGlite has neither. */
export function postgresSuite(name: string, server: () => TestPostgres): void {
  describe(`faults on ${name}`, () => {
    let url: string;
    let proxy: FaultProxy;
    let database: Database;
    let problems: string[];
    const opened: Database[] = [];
    const open = async (at: string, options: PostgresOptions = {}): Promise<Database> => {
      const one = await openPostgres(at, { onProblem: (problem) => problems.push(problem), ...options });
      opened.push(one);
      return one;
    };
    beforeAll(async () => {
      url = await server().createDatabase();
      const first = await openPostgres(url);
      await migrate(first);
      await sql(first, 'CREATE TABLE things (id integer PRIMARY KEY)');
      await first.close();
    });
    beforeEach(async () => {
      problems = [];
      const target = new URL(url);
      proxy = await startFaultProxy(Number(target.port), target.hostname);
      target.host = `127.0.0.1:${proxy.port}`;
      database = await open(target.href, { max: 3 });
    });
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
      await proxy.close();
    });
    const unavailable = async (work: Promise<unknown>): Promise<DatabaseUnavailable> => {
      const error = await work.then(
        () => undefined,
        (found: unknown) => found,
      );
      expect(error).toBeInstanceOf(DatabaseUnavailable);
      return error as DatabaseUnavailable;
    };
    const backends = (where = 'true') =>
      sql<{ pid: number }>(
        opened.at(-1) ?? database,
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${where}`,
      );

    describe('limits', () => {
      it('every session has statement, lock and idle limits and asks whether its client is there', async () => {
        const names = [...Object.keys(sessionLimits), 'client_connection_check_interval'];
        const [row] = await sql(
          database,
          `SELECT ${names.map((one) => `current_setting('${one}') AS ${one}`).join(', ')}`,
        );
        expect(row).toEqual({
          statement_timeout: '3s',
          lock_timeout: '1s',
          idle_in_transaction_session_timeout: '5s',
          client_connection_check_interval: '2s',
        });
      });

      it('a statement that outlasts its limit ends on the server, and the pool is usable', async () => {
        const all = await Promise.all([1, 2, 3].map(() => unavailable(sql(database, 'SELECT pg_sleep(30)'))));
        expect(all.map(({ unknownOutcome }) => unknownOutcome)).toEqual([false, false, false]);
        expect(await backends(`state = 'active'`)).toEqual([]);
        expect(await Promise.all([1, 2, 3, 4].map(() => sql(database, 'SELECT 1 AS one')))).toHaveLength(4);
      });

      it('a lock that does not come ends the statement', async () => {
        await sql(database, 'INSERT INTO things VALUES (1) ON CONFLICT DO NOTHING');
        await database.transaction(async (transaction) => {
          await sql(transaction, 'UPDATE things SET id = id');
          const other = await open(url);
          expect((await unavailable(sql(other, 'UPDATE things SET id = id'))).unknownOutcome).toBe(false);
        });
      });

      it('F47 more waiters than allowed are refused at once', async () => {
        const tight = await open(url, { max: 3, maxWaiting: 6 });
        const held = Array.from({ length: 3 }, () => sql(tight, 'SELECT pg_sleep(0.7)'));
        const waiting = Array.from({ length: 20 }, () => sql(tight, 'SELECT 1'));
        const outcomes = await Promise.allSettled(waiting);
        expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(14);
        await Promise.all(held);
      });
    });

    describe('connections', () => {
      it('F05 a backend killed while idle, in a statement, in a transaction: no process ends, the pool goes on', async () => {
        const killer = await open(url);
        const kill = () =>
          sql(
            killer,
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
          );
        await sql(database, 'SELECT 1');
        await kill();
        expect(await sql(database, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
        const busy = unavailable(sql(database, 'SELECT pg_sleep(2), pg_terminate_backend(pg_backend_pid())'));
        await until(async () => (await backends(`state = 'active'`)).length > 0);
        await kill();
        // Asked once more on another connection, where it ends itself: then it is given up, and known not to have happened.
        expect((await busy).unknownOutcome).toBe(false);
        const lost = unavailable(
          database.transaction(async (transaction) => {
            await sql(transaction, 'INSERT INTO things VALUES (99)');
            await kill();
            await sql(transaction, 'SELECT 1');
          }),
        );
        expect((await lost).unknownOutcome).toBe(false);
        expect(await sql(database, 'SELECT id FROM things WHERE id = 99')).toEqual([]);
      });

      it('F05 a server that is killed and started again is used again', async () => {
        await sql(database, 'SELECT 1');
        await server().kill();
        try {
          await unavailable(sql(database, 'SELECT 1'));
        } finally {
          await server().start();
        }
        expect(await until(() => sql(database, 'SELECT 1 AS one').catch(() => undefined))).toEqual([{ one: 1 }]);
      });

      it('F06 a network that swallows everything ends in an error, and every connection is made anew', async () => {
        await Promise.all([1, 2, 3].map(() => sql(database, 'SELECT pg_sleep(0.1)')));
        proxy.blackHole('existing');
        const lost = await Promise.all([1, 2, 3].map(() => unavailable(sql(database, 'SELECT 1'))));
        expect(lost.every(({ unknownOutcome }) => unknownOutcome)).toBe(true);
        expect(await Promise.all([1, 2, 3].map(() => sql(database, 'SELECT 1')))).toHaveLength(3);
        proxy.blackHole('all');
        await Promise.all([1, 2, 3].map(() => unavailable(sql(database, 'SELECT 1'))));
        expect((await unavailable(database.transaction(() => Promise.resolve()))).unknownOutcome).toBe(false);
        proxy.pass();
        expect(await until(() => sql(database, 'SELECT 1 AS one').catch(() => undefined))).toEqual([{ one: 1 }]);
      });

      it('F04 a COMMIT whose answer is lost is unknown, not failed', async () => {
        const error = await unavailable(
          database.transaction(async (transaction) => {
            await sql(transaction, 'INSERT INTO things VALUES (4)');
            proxy.cutAfter(1);
          }),
        );
        expect(error.unknownOutcome).toBe(true);
        expect(await sql(database, 'SELECT id FROM things WHERE id = 4')).toEqual([{ id: 4 }]);
      });

      it('F04 a statement on its own is its commit: its lost answer is unknown too', async () => {
        await sql(database, 'SELECT 1');
        proxy.cutAfter(1);
        expect((await unavailable(sql(database, 'INSERT INTO things VALUES (5)'))).unknownOutcome).toBe(true);
        expect(await until(async () => (await sql(database, 'SELECT id FROM things WHERE id = 5')).length)).toBe(1);
      });

      it('F49 a read-only server refuses, and nothing is unknown', async () => {
        const name_ = new URL(url).pathname.slice(1);
        await sql(database, `ALTER DATABASE ${name_} SET default_transaction_read_only = on`);
        try {
          const fresh = await open(url);
          expect((await unavailable(sql(fresh, 'INSERT INTO things VALUES (6)'))).unknownOutcome).toBe(false);
        } finally {
          await sql(database, `ALTER DATABASE ${name_} RESET default_transaction_read_only`);
        }
      });

      it('nobody there: unavailable, nothing was sent', async () => {
        proxy.refuse();
        expect((await unavailable(sql(database, 'SELECT 1'))).unknownOutcome).toBe(false);
      });

      it('a table that a migration changed under a prepared statement does not fail the next request', async () => {
        const one = await open(url, { max: 1 });
        await sql(one, 'CREATE TABLE changing (a integer)');
        const all = { name: 'changing_all', text: 'SELECT * FROM changing' };
        for (let at = 0; at < 3; at += 1) await one.run(all, []);
        await sql(database, 'ALTER TABLE changing ADD COLUMN b integer');
        expect((await one.run(all, [])).rows).toEqual([]);
        await sql(database, 'DROP TABLE changing');
      });
    });

    describe('LISTEN', () => {
      it.each<[string, (proxy: FaultProxy) => unknown]>([
        ['a reset', (at) => at.reset()],
        ['F50 silence', (at) => at.blackHole('existing')],
      ])('comes back after %s and tells that something may have been missed', { timeout: 30_000 }, async (_, fault) => {
        const heard: string[] = [];
        const sender = await open(url);
        await database.listen('some channel', (payload) => heard.push(payload));
        expect(heard).toEqual(['']);
        await sql(sender, `SELECT pg_notify('some channel', 'one')`);
        await until(() => heard.length === 2);
        fault(proxy);
        await until(() => heard.length === 3);
        await sql(sender, `SELECT pg_notify('some channel', 'two')`);
        await until(() => heard.length === 4);
        expect(heard).toEqual(['', 'one', '', 'two']);
        expect(problems.some((problem) => problem.includes('LISTEN'))).toBe(true);
      });
    });

    describe('behind a pooler in transaction mode', () => {
      let pooler: { port: number; server: Server };
      let pooled: Database;
      beforeEach(async () => {
        pooler = await startPooler(url);
        const at = new URL(url);
        at.host = `127.0.0.1:${pooler.port}`;
        pooled = await open(at.href, { max: 2, directUrl: url });
      });
      afterEach(async () => {
        await pooled.close();
        pooler.server.close();
      });

      it('nothing sticks to the connection: no setting, no prepared statement', async () => {
        expect(await sql(pooled, `SELECT current_setting('statement_timeout') AS found`)).toEqual([{ found: '0' }]);
        expect(await sql(pooled, 'SELECT name FROM pg_prepared_statements')).toEqual([]);
      });

      it('a transaction has its limits all the same', async () => {
        const found = await pooled.transaction((transaction) =>
          sql(transaction, `SELECT current_setting('statement_timeout') AS found`),
        );
        expect(found).toEqual([{ found: '3s' }]);
        expect(await sql(pooled, `SELECT current_setting('statement_timeout') AS found`)).toEqual([{ found: '0' }]);
      });

      it('LISTEN and migrations go past it, or LISTEN is refused', async () => {
        expect(await pooled.listen('x', () => undefined)).not.toBeNull();
        expect(await migrate(pooled)).toEqual([]);
        const at = new URL(url);
        at.host = `127.0.0.1:${pooler.port}`;
        const blind = await open(at.href);
        expect(await blind.listen('x', () => undefined)).toBeNull();
        await expect(migrate(blind)).rejects.toThrow(DirectConnectionNeeded);
      });

      it('F50 a follower there polls every half second', async () => {
        const at = new URL(url);
        at.host = `127.0.0.1:${pooler.port}`;
        const follower = createFollower({ database: await open(at.href), sealer });
        await follower.start();
        await registryOf(database).put(client('pooled'));
        await until(() => follower.current.client('shop.pooled'));
        await follower.stop();
      });
    });

    describe('migrations', () => {
      it('F44 wait a second at a time for a table that is in use, and say so', { timeout: 30_000 }, async () => {
        const fresh = await server().createDatabase();
        const reader = new pg.Client({ connectionString: fresh });
        await reader.connect();
        await reader.query(
          'CREATE TABLE nauthera_migrations (name varchar(255) PRIMARY KEY, timestamp varchar(255) NOT NULL)',
        );
        await reader.query('BEGIN; LOCK TABLE nauthera_migrations IN EXCLUSIVE MODE');
        const lines: string[] = [];
        const running = migrate(await open(fresh), { onProgress: (line) => lines.push(line) });
        await until(() => lines.some((line) => line.includes('in use')));
        await reader.query('COMMIT');
        expect((await running).length).toBeGreaterThan(0);
        await reader.end();
      });

      it('one at a time: two processes that start together both find it done', async () => {
        const fresh = await server().createDatabase();
        const both = await Promise.all([open(fresh), open(fresh)].map(async (one) => migrate(await one)));
        expect(both.filter((names) => names.length > 0)).toHaveLength(1);
      });
    });

    it('writers at once: commits come in the order of revisions, and a reader misses no row', async () => {
      const follower = createFollower({ database, sealer });
      const seen: number[] = [];
      follower.onSwap(() => seen.push(follower.current.revision.n));
      await follower.start();
      const writers = await Promise.all(Array.from({ length: 6 }, () => open(url, { max: 2 })));
      await Promise.all(
        writers.map(async (writer, at) => {
          const registry = registryOf(writer, { source: `source-${at}` });
          for (let number = 0; number < 25; number += 1) {
            const owner = { source: `source-${at}`, namespace: `ns${at}`, uid: `${at}-${number}` };
            await registry.put(client(`c${number}`, owner));
            if (number % 5 === 4) await registry.delete('client', `${at}-${number - 2}`);
          }
        }),
      );
      const [revision] = await sql<{ n: number }>(database, 'SELECT n FROM registry_revision');
      await until(() => follower.current.revision.n === revision?.n);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      const rows = await sql<{ id: string }>(database, `SELECT id FROM registry WHERE source LIKE 'source-%'`);
      expect(rows).toHaveLength(6 * 20);
      for (const { id } of rows) expect(follower.current.client(id)).toBeDefined();
      expect(follower.current.counts().client).toBe((await sql(database, 'SELECT id FROM registry')).length);
      await follower.stop();
    });

    it('a writer waits for the one before it: no revision is visible before a smaller one', async () => {
      const registry = registryOf(database);
      const hand = new pg.Client({ connectionString: url });
      await hand.connect();
      await registry.put(client('waited-for'));
      await hand.query('BEGIN');
      await hand.query(`UPDATE registry SET withdrawn = true WHERE id = 'shop.waited-for'`);
      const [before] = await sql<{ n: number }>(database, 'SELECT n FROM registry_revision');
      const late = registry.put(client('late'));
      await until(async () => (await backends(`wait_event_type = 'Lock'`)).length === 1);
      expect(await sql(database, 'SELECT n FROM registry_revision')).toEqual([before]);
      await hand.query('COMMIT');
      expect(await late).toMatchObject({ outcome: 'written', revision: { n: (before?.n ?? 0) + 2 } });
      await hand.end();
    });

    it('a claim that waited for a deletion meets the reservation that the deletion left', async () => {
      await registryOf(database).put(client('freed'));
      const hand = new pg.Client({ connectionString: url });
      await hand.connect();
      await hand.query('BEGIN');
      await hand.query(`DELETE FROM registry WHERE id = 'shop.freed'`);
      const value = aClient('shop.freed').build();
      const foreign = {
        kind: 'client',
        id: 'shop.freed',
        owner: anOwner('freed', { namespace: 'evil', uid: 'evil' }),
        value,
      } as const;
      const claim = registryOf(database).put(foreign);
      await until(async () => (await backends(`wait_event_type = 'Lock'`)).length === 1);
      await hand.query('COMMIT');
      expect(await claim).toMatchObject({ outcome: 'conflict', reserved: true });
      await hand.end();
    });

    it('F38 of many that claim one id at once, one gets it', async () => {
      const claims = Array.from({ length: 12 }, (_, at) => {
        const value = aClient('contested').build();
        const owner = anOwner('web', { source: `claimant-${at}`, uid: `claimant-${at}` });
        return registryOf(database, { source: owner.source }).put({ kind: 'client', id: 'contested', owner, value });
      });
      const outcomes = (await Promise.all(claims)).map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(11);
    });

    it.each([
      'mysql://127.0.0.1/x',
      'not a url',
      'postgres://u:canary@127.0.0.1/x?sslmode=no-verify',
      'postgres://u:canary@127.0.0.1/x?uselibpqcompat=true&sslmode=require',
    ])('A59 refuses the URL %s and repeats nothing of it', async (bad) => {
      const error = await openPostgres(bad).catch((found: unknown) => found);
      expect(error).toBeInstanceOf(RangeError);
      expect(String(error)).not.toContain('canary');
    });

    it('A59 TLS that was asked for is never left out', async () => {
      const at = new URL(url);
      at.searchParams.set('sslmode', 'require');
      await unavailable(sql(await open(at.href), 'SELECT 1'));
    });
  });
}

/**
 * What tells a pooler apart: the process id that it gives at start-up is its own invention. Everything else passes, so that
 * what the session says about itself is what another client of the pooler would find.
 */
async function startPooler(url: string): Promise<{ port: number; server: Server }> {
  const { hostname, port } = new URL(url);
  const server = createServer((near: Socket) => {
    const far = dial(Number(port), hostname);
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at >= 0) chunk.writeUInt32BE(7, at + 5);
      near.write(chunk);
    });
    far.on('end', () => near.end());
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}
