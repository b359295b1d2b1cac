/**
 * F06, F49, F51: whatever is done while the database is silent, full, read-only, out of connections or slow: nothing is given
 * on doubt, every request ends, nothing is half done, and the same request does it once all is well.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../../server/src/store/open.ts';
import { type ActAnswer, actClients, actServer, acts, type PreparedAct } from '../support/acts.ts';
import { basic } from '../support/devices.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { postForm } from '../support/tokens.ts';
import { World } from '../support/world.ts';

// Longer than the sum of all that a test of this file waits for.
vi.setConfig({ testTimeout: 600_000 });

/** A request ends by itself: 8 s are what a handler may take, the rest is a slow machine's. */
const ends = 25_000;

let postgres: TestPostgres;
let proxy: FaultProxy;
let world: World;
/** A superuser past the proxy: what really stands in the tables. */
let direct: Awaited<ReturnType<typeof openDatabase>>;
let name = '';
let role = '';
beforeAll(async () => {
  postgres = await startPostgres('newest');
  const url = new URL(await postgres.createDatabase());
  name = url.pathname.slice(1);
  role = `serves_${name}`;
  direct = await openDatabase(url.href);
  // Limits of a role hold for nobody who is a superuser.
  await sql(`CREATE ROLE ${role} LOGIN`);
  await sql(`ALTER DATABASE ${name} OWNER TO ${role}`);
  proxy = await startFaultProxy(Number(url.port), url.hostname);
  url.host = `127.0.0.1:${proxy.port}`;
  url.username = role;
  world = await World.open({ databaseUrl: url.href, clients: actClients, server: actServer });
});
afterAll(async () => {
  proxy?.pass();
  await world?.stop();
  await direct?.close();
  await proxy?.close();
  await postgres?.stop();
});

let turn = 0;
const sql = async <R>(text: string) => (await direct.run<R>({ name: `direct_${++turn}`, text }, [])).rows;
const count = async ({ effect }: PreparedAct) => (await sql<{ n: number }>(effect))[0]?.n;
const terminate = () =>
  sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}' AND datname = '${name}'`);

interface Fault {
  readonly title: string;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}
/** Where those that write fill a table; what reads and what only marks goes on. */
const tables = 'authorization_codes grants refresh_tokens device_codes revocations access_tokens used_assertions'.split(
  ' ',
);
const faults: readonly Fault[] = [
  {
    title: 'F06: silent',
    begin: () => Promise.resolve(proxy.blackHole('all')),
    end: () => Promise.resolve(proxy.pass()),
  },
  {
    title: 'F49: full',
    begin: async () => {
      await sql(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`);
      for (const table of tables) {
        await sql(
          `CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION full_disk()`,
        );
      }
    },
    end: () => sql('DROP FUNCTION full_disk CASCADE'),
  },
  {
    title: 'F49: read-only',
    begin: async () => {
      await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      await terminate();
    },
    end: async () => {
      await sql(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
      await terminate();
    },
  },
  {
    title: 'F49: out of connections',
    begin: async () => {
      await sql(`ALTER ROLE ${role} CONNECTION LIMIT 0`);
      await terminate();
    },
    end: () => sql(`ALTER ROLE ${role} CONNECTION LIMIT -1`),
  },
];

async function timed(act: PreparedAct): Promise<ActAnswer> {
  const began = performance.now();
  const answer = await act.ask();
  expect(performance.now() - began).toBeLessThan(ends);
  return answer;
}

async function prepareAll(): Promise<readonly { readonly name: string; readonly act: PreparedAct; before: number }[]> {
  await sql('DELETE FROM used_assertions');
  await sql(`DELETE FROM device_codes WHERE client_id = 'tv.new'`);
  await sql(`DELETE FROM access_tokens WHERE client_id = 'job.opaque'`);
  const prepared = [];
  for (const { name: title, prepare } of acts) {
    const username = `person${++turn}`;
    world.memory.add(username);
    prepared.push({ name: title, act: await prepare(world, username), before: 0 });
  }
  return prepared;
}

/** As everybody does who was told to come later. */
async function insisting(act: PreparedAct): Promise<ActAnswer> {
  for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
    const answer = await timed(act);
    if (answer !== 'later' || Date.now() > deadline) return answer;
  }
}

describe('I7, I8: whatever is done while the database', () => {
  it.each(faults)('$title: is refused for now, is not done, and is done when it is asked again', async (fault) => {
    const prepared = await prepareAll();
    await fault.begin();
    try {
      const answers = await Promise.all(
        prepared.map(async ({ name: title, act }) => [title, await timed(act)] as const),
      );
      expect(answers.filter(([, answer]) => answer !== 'later')).toEqual([]);
      for (const { name: title, act } of prepared) expect([title, await count(act)]).toEqual([title, 0]);
      // Nobody is told that a token is not good by a server that cannot know.
      const asked = await postForm(world, '/introspect', { token: 'x'.repeat(43) }, basic('job.opaque'));
      if (!fault.title.endsWith('full') && !fault.title.endsWith('read-only')) expect(asked.status).toBe(503);
    } finally {
      await fault.end();
    }
    for (const { name: title, act } of prepared) {
      expect([title, await insisting(act)]).toEqual([title, 'given']);
      expect([title, await count(act)]).toEqual([title, 1]);
    }
  });

  it('F51: 200 ms away: is done, once', async () => {
    const prepared = await prepareAll();
    proxy.delay(200);
    try {
      const answers = await Promise.all(
        prepared.map(async ({ name: title, act }) => [title, await act.ask()] as const),
      );
      expect(answers.filter(([, answer]) => answer !== 'given')).toEqual([]);
    } finally {
      proxy.pass();
    }
    for (const { name: title, act } of prepared) expect([title, await count(act)]).toEqual([title, 1]);
  });
});
