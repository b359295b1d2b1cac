/** Behind PgBouncer in transaction mode, fewer connections than there are of ours: everything works, with and without a way past it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { DirectConnectionNeeded, openPostgres } from '../../server/src/store/postgres.ts';
import { actClients, actServer, acts } from '../support/acts.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { startPrimary, type TestPrimary } from '../support/postgres.ts';
import { bySuperuser } from '../support/postgres-access.ts';
import { World } from '../support/world.ts';

let postgres: TestPrimary;
let pooler: PgBouncer;
beforeAll(async () => {
  postgres = await startPrimary();
  // What sessions cannot set behind a pooler the role brings along.
  await bySuperuser(
    postgres.url,
    'CREATE ROLE pooled LOGIN',
    `ALTER ROLE pooled SET statement_timeout = '3s'`,
    `ALTER ROLE pooled SET lock_timeout = '1s'`,
    `ALTER ROLE pooled SET idle_in_transaction_session_timeout = '5s'`,
  );
  const url = new URL(postgres.url);
  url.username = 'pooled';
  pooler = await startPgBouncer(url.href, { connections: 3 });
});
afterAll(async () => {
  await pooler?.stop();
  await postgres?.stop();
});

async function aDatabase(): Promise<string> {
  const url = new URL(await postgres.createDatabase());
  await bySuperuser(postgres.url, `ALTER DATABASE ${url.pathname.slice(1)} OWNER TO pooled`);
  url.username = 'pooled';
  return url.href;
}

const sessions = (url: string, where: string) =>
  bySuperuser(
    postgres.url,
    `SELECT pid FROM pg_stat_activity WHERE datname = '${new URL(url).pathname.slice(1)}' AND ${where}`,
  );

const tracked = () => pooler.version[0] > 1 || pooler.version[1] >= 21;

describe.each([
  ['with a direct URL beside it', true],
  ['without one', false],
])('PgBouncer in transaction mode, %s', (_, isDirect) => {
  let url = '';
  let world: World;
  const opened: Database[] = [];
  const open = async (options: { readonly poolerTracksStatements?: boolean } = {}): Promise<Database> => {
    const database = await openPostgres(pooler.through(url), {
      max: 8,
      ...(isDirect ? { directUrl: url } : {}),
      ...options,
    });
    opened.push(database);
    return database;
  };
  beforeAll(async () => {
    url = await aDatabase();
    const database = await open();
    if (isDirect) await migrate(database);
    else {
      await expect(migrate(database)).rejects.toThrow(DirectConnectionNeeded);
      const past = await openPostgres(url);
      opened.push(past);
      await migrate(past);
    }
    world = await World.open({ database, clients: actClients, server: actServer, replicas: 2 });
  });
  afterAll(async () => {
    await world?.stopReplicas();
    for (const database of opened) await database.close();
  });

  it.each(acts.map((act) => [act.name, act] as const))('gives %s', async (name, act) => {
    const username = `person-${acts.findIndex((one) => one.name === name)}`;
    world.memory.add(username);
    const prepared = await act.prepare(world, username);
    expect(await prepared.ask()).toBe('given');
    expect(await world.rows(prepared.effect)).toEqual([{ n: 1 }]);
  });

  it('many at once share few connections, and nothing of one is found by another', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => world.token({ grant_type: 'client_credentials' }, 'job.opaque')),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const pooled = `application_name <> '' AND query NOT LIKE 'LISTEN%' AND query <> 'SELECT 1'`;
    expect((await sessions(url, pooled)).length).toBeLessThanOrEqual(4);
    const names = await world.rows('SELECT name FROM pg_prepared_statements');
    expect(names).toEqual([]);
  });

  it(`hears of changes by ${isDirect ? 'LISTEN past it' : 'asking again and again'}`, async () => {
    const stop = await world.database.listen('anything', () => undefined);
    expect(stop === null).toBe(!isDirect);
    const value = aClient('shop.pooled').build();
    await world.served({ kind: 'client', id: 'shop.pooled', owner: anOwner('pooled'), value });
  });

  it('statements are limited by what the role brings along', async () => {
    await expect(world.database.run({ name: 'long', text: 'SELECT pg_sleep(30)' }, [])).rejects.toMatchObject({
      code: 'database_unavailable',
      unknownOutcome: false,
    });
  });

  it('statements by name: where the pooler tracks them, and not where it does not', async () => {
    const database = await open({ poolerTracksStatements: true });
    const one = { name: 'by_name', text: 'SELECT $1::int AS one' };
    const asked = () => Promise.all(Array.from({ length: 24 }, (_one, at) => database.run(one, [at])));
    const outcome = await asked().then(() => asked().then(() => 'works', String), String);
    if (tracked()) expect(outcome).toBe('works');
    else expect(outcome).toMatch(/prepared statement/);
  });
});
