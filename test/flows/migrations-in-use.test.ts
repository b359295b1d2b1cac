/** F44: tables are brought up to date while a reader holds every one of them for long, and requests write on. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockPatience, migrate } from '../../server/src/store/migrate.ts';
import { migrations } from '../../server/src/store/migrations/index.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { sessionLimits } from '../../server/src/store/postgres-settings.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startFaultProxy } from '../support/proxy.ts';

const names = Object.keys(migrations).sort();
const [first = '', ...later] = names;
const upTo = (last: string) => Object.fromEntries(Object.entries(migrations).filter(([name]) => name <= last));

/** A migration waits so long for each of its tables, and whoever comes after it waits behind it for all of them. */
const tablesAtMost = Math.ceil(Number(sessionLimits.lock_timeout) / lockPatience) - 1;
/** The limits are of milliseconds, which a busy machine loses anywhere: here requests have as many times more. */
const slowness = 10;

/** A rewrite of a table, an index in the way of writers, or too many tables at once is an error of whoever asks for it. */
const guards = `
  CREATE SCHEMA guard;
  CREATE TABLE guard.held (relation oid);
  CREATE FUNCTION guard.no_rewrite() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'rewrites %', pg_event_trigger_table_rewrite_oid()::regclass; END $$;
  CREATE EVENT TRIGGER no_rewrite ON table_rewrite EXECUTE FUNCTION guard.no_rewrite();
  CREATE FUNCTION guard.no_index() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_query() !~* 'concurrently' AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c
          JOIN pg_index i ON i.indexrelid = c.objid JOIN guard.held h ON h.relation = i.indrelid) THEN
        RAISE EXCEPTION 'an index on a table in use';
      END IF;
    END $$;
  CREATE FUNCTION guard.no_crowd() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (SELECT count(*) FROM pg_locks l JOIN guard.held h ON h.relation = l.relation
          WHERE l.pid = pg_backend_pid() AND l.mode = 'AccessExclusiveLock') > ${tablesAtMost} THEN
        RAISE EXCEPTION 'more than ${tablesAtMost} tables in use at once';
      END IF;
    END $$;
  CREATE EVENT TRIGGER no_crowd ON ddl_command_end EXECUTE FUNCTION guard.no_crowd();
  CREATE EVENT TRIGGER no_index ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION guard.no_index()`;

const ours = `SELECT c.oid::regclass::text AS name FROM pg_class c
  WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname NOT LIKE 'nauthera%'`;

/** Who waits for a table, for how many milliseconds so far. */
const waits = `SELECT a.application_name AS who, l.mode, l.relation::regclass::text AS on,
    extract(epoch FROM clock_timestamp() - l.waitstart) * 1000 AS milliseconds
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted AND l.locktype = 'relation'
    AND l.waitstart IS NOT NULL`;

interface Wait {
  readonly who: string;
  readonly mode: string;
  readonly on: string;
  readonly milliseconds: number;
}

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres('newest');
});
afterAll(() => postgres?.stop());

async function connect(url: string, application_name = 'test'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name });
  await client.connect();
  return client;
}

describe('F44: a migration, a long reader, and writers', () => {
  let url: string;
  let looking: pg.Client;
  beforeAll(async () => {
    url = await postgres.createDatabase();
    looking = await connect(url);
    await looking.query(guards);
    const database = await openDatabase(url);
    await migrate(database, { migrations: upTo(first) });
    await database.close();
  });
  afterAll(() => looking?.end());

  /** Requests: short writes of every table, within the limits of a server's session. What failed, in words. */
  async function write(tables: readonly string[], goOn: () => boolean): Promise<readonly string[]> {
    const client = await connect(url, 'writer');
    const failed: string[] = [];
    for (const [name, value] of Object.entries(sessionLimits))
      await client.query(`SET ${name} = ${Number(value) * slowness}`);
    while (goOn()) {
      for (const table of tables) {
        await client.query(`DELETE FROM ${table} WHERE false`).catch((error: unknown) => {
          failed.push(`${table}: ${String(error)}`);
        });
      }
      await sleep(5);
    }
    await client.end();
    return failed;
  }

  const waited: string[] = [];

  it.each(later)(
    '%s: gives up soon and comes again; nobody waits behind it for as long as a request may',
    async (name) => {
      const tables = (await looking.query<{ name: string }>(ours)).rows.map((row) => row.name);
      await looking.query('TRUNCATE guard.held');
      await looking.query(`INSERT INTO guard.held SELECT t::regclass::oid FROM unnest($1::text[]) t`, [tables]);
      const reader = await connect(url, 'reader');
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      for (const table of tables) await reader.query(`SELECT FROM ${table} LIMIT 0`);

      const migrator = new URL(url);
      migrator.searchParams.set('application_name', 'migrator');
      const database = await openDatabase(migrator.href);
      let done = false;
      const lines: string[] = [];
      const migrating = migrate(database, { migrations: upTo(name), onProgress: (line) => lines.push(line) }).finally(
        () => {
          done = true;
        },
      );
      migrating.catch(() => undefined);
      const writing = [write(tables, () => !done), write(tables.toReversed(), () => !done)];
      const seen: Wait[] = [];
      const held = () => lines.some((line) => /in use|beside/.test(line));
      const began = performance.now();
      for (let met = 0; !done; ) {
        seen.push(...(await looking.query<Wait>(waits)).rows);
        // Held for a second attempt as well.
        if (met === 0 && held()) met = performance.now();
        if (met > 0 && performance.now() - met > 1_500) await reader.query('COMMIT').then(() => (met = Infinity));
        if (performance.now() - began > 60_000) throw new Error(`still: ${lines.join(', ')}`);
        await sleep(10);
      }
      expect(await migrating).toEqual([name]);
      if (held()) waited.push(name);
      expect((await Promise.all(writing)).flat()).toEqual([]);
      const limit = Number(sessionLimits.lock_timeout) * slowness;
      expect(seen.filter(({ milliseconds }) => milliseconds > limit)).toEqual([]);
      await reader.end();
      await database.close();
    },
  );

  it('the reader was really in the way', () => {
    expect(waited).toEqual(expect.arrayContaining(['0007_asked_claims', '0015_agreed_claims', '0024_in_use_indexes']));
  });
});

describe('an index that is made beside traffic', () => {
  const indexes = '0024_in_use_indexes';
  const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < indexes));
  const validOf = `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'grants_client'::regclass`;

  it('is made anew where an attempt was cut off, and left alone where it is there', async () => {
    const url = await postgres.createDatabase();
    const database = await openDatabase(url);
    await migrate(database, { migrations: before });
    const client = await connect(url);
    await client.query('CREATE INDEX grants_client ON grants (client_id)');
    await client.query('CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id)');
    await client.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'grants_client'::regclass`);
    const [oid] = (await client.query(`SELECT 'refresh_tokens_grant'::regclass::oid AS oid`)).rows;
    expect(await migrate(database, { migrations: upTo(indexes) })).toEqual([indexes]);
    expect((await client.query(validOf)).rows).toEqual([{ valid: true }]);
    expect((await client.query(`SELECT 'refresh_tokens_grant'::regclass::oid AS oid`)).rows).toEqual([oid]);
    await client.end();
    await database.close();
  });
});

it('F06, I8: a database that says nothing any more: a migration ends, and its connections with it', async () => {
  const url = new URL(await postgres.createDatabase());
  const database = await openDatabase(url.href);
  await migrate(database, { migrations: upTo(first) });
  await database.close();
  const proxy = await startFaultProxy(Number(url.port), url.hostname);
  url.host = `127.0.0.1:${proxy.port}`;
  const silent = await openDatabase(url.href);
  const running = migrate(silent, {
    patience: 500,
    onPending: () => proxy.blackHole('all'),
  });
  await expect(running).rejects.toThrow(/no answer from the database/);
  await silent.close();
  await proxy.close();
});
