/**
 * F05, F47: Postgres is killed in the middle of everything. What was acknowledged is there when it is back; then everybody
 * comes at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../../server/src/store/open.ts';
import { type Act, actClients, actServer, acts, type PreparedAct } from '../support/acts.ts';
import { beginEndlessGrace } from '../support/endless-grace.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { authorize, codeFields, refreshFields, type TokenAnswer, World } from '../support/world.ts';

// Longer than the sum of all that a test of this file waits for.
vi.setConfig({ testTimeout: 600_000 });

let postgres: TestPostgres;
let proxy: FaultProxy;
let world: World;
let url = '';
beforeAll(async () => {
  postgres = await startPostgres('newest');
  url = await postgres.createDatabase();
  const target = new URL(url);
  proxy = await startFaultProxy(Number(target.port), target.hostname);
  target.host = `127.0.0.1:${proxy.port}`;
  world = await World.open({ databaseUrl: target.href, clients: actClients, server: actServer });
});
afterAll(async () => {
  await world?.stop();
  await proxy?.close();
  await postgres?.stop();
});

let turn = 0;
async function counted(effects: readonly string[]): Promise<readonly (number | undefined)[]> {
  const direct = await openDatabase(url);
  try {
    const found = [];
    for (const text of effects) {
      found.push((await direct.run<{ n: number }>({ name: `counted_${++turn}`, text }, [])).rows[0]?.n);
    }
    return found;
  } finally {
    await direct.close();
  }
}

/** Those whose loss only refuses: a crash may take them. */
const mayBeLost = new Set(['device_start', 'access_token_insert']);
const durable = acts.filter(({ statement }) => !mayBeLost.has(statement));
const copies = 6;

interface Running {
  readonly name: string;
  readonly act: PreparedAct;
  given: boolean;
}

async function prepare({ name, prepare: ready }: Act): Promise<Running> {
  const username = `crash${++turn}`;
  world.memory.add(username);
  return { name, act: await ready(world, username), given: false };
}

/** As an honest client does: after 503 once more, a little later, until it has an answer. */
async function insisting(ask: () => Promise<TokenAnswer>, until: number): Promise<TokenAnswer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503 || Date.now() > until) return answer;
    expect([answer.headers.get('retry-after') !== null, answer.body.access_token]).toEqual([true, undefined]);
    await sleep(400);
  }
}

describe('F05, I3, I8: Postgres is killed, and started again', () => {
  it('each on its own: acknowledged, the kill follows at once, and it is there', async () => {
    // Nobody else's commit, and no writer in the background, carries it to the disk.
    const direct = await openDatabase(url);
    for (const setting of [`wal_writer_delay = '10s'`, `wal_writer_flush_after = '1GB'`]) {
      await direct.run({ name: `set_${++turn}`, text: `ALTER SYSTEM SET ${setting}` }, []);
    }
    await direct.run({ name: 'reload', text: 'SELECT pg_reload_conf()' }, []);
    await direct.close();
    const running: Running[] = [];
    for (const act of durable) running.push(await prepare(act));
    for (const { name, act } of running) {
      for (const until = Date.now() + 60_000; (await act.ask()) !== 'given'; await sleep(100)) {
        if (Date.now() > until) throw new Error(`${name}: never given`);
      }
      await postgres.kill();
      await postgres.start();
      expect([name, ...(await counted([act.effect]))]).toEqual([name, 1]);
    }
  });

  it('whatever was acknowledged is there; the server needs no restart', async () => {
    const running: Running[] = [];
    for (const act of durable.filter(({ statement }) => statement !== 'assertion_use')) {
      for (let copy = 0; copy < copies; copy++) running.push(await prepare(act));
    }
    let acknowledged = 0;
    // A third of all answers are there: the others are on their way, or never leave.
    const enough = Promise.withResolvers<void>();
    const all = Promise.all(
      running.map(async (one) => {
        one.given = (await one.act.ask()) === 'given';
        if (one.given) acknowledged += 1;
        if (acknowledged >= running.length / 3) enough.resolve();
      }),
    );
    await Promise.race([enough.promise, all]);
    await postgres.kill();
    await all;
    const given = running.filter((one) => one.given);
    // A fault that never fired proves nothing.
    expect(given.length).toBeGreaterThanOrEqual(running.length / 3);
    expect(given.length).toBeLessThan(running.length);
    await postgres.start();
    const found = await counted(given.map(({ act }) => act.effect));
    expect(given.map(({ name }, at) => [name, found[at]])).toEqual(given.map(({ name }) => [name, 1]));
    const job = () => world.token({ grant_type: 'client_credentials' }, 'job.opaque');
    expect((await insisting(job, Date.now() + 60_000)).status).toBe(200);
  });
});

describe('F47, I8: everybody refreshes at once after an outage', () => {
  it('some are told to come later, all get their tokens, no grant ends, and we make no storm of our own', async () => {
    const browsers = 10;
    const people = await Promise.all(
      Array.from({ length: browsers }, async () => {
        const username = `storm${++turn}`;
        world.memory.add(username);
        const { code } = await authorize(world.browser(), { scope: 'openid offline_access' }, username);
        return (await world.token(codeFields(code))).body.refresh_token;
      }),
    );
    // How long everybody takes must not decide whether a repeat still falls into the 10 s of its grace.
    await beginEndlessGrace(world.database);
    await postgres.kill();
    const accepted = proxy.accepted;
    // Each comes thirty times, as impatient clients do: a repeat gets the same successor.
    const requests = people.flatMap((token) => Array.from({ length: 30 }, () => token));
    const until = Date.now() + 180_000;
    let asked = 0;
    const refresh = (token: string | undefined) => {
      asked += 1;
      return world.token(refreshFields(token));
    };
    const answers = Promise.all(requests.map((token) => insisting(() => refresh(token), until)));
    await sleep(2000);
    // A request may try another connection once; beside them are those that wait for news.
    const [tried, allowed] = [proxy.accepted - accepted, 2 * asked + 50];
    await postgres.start();
    const back = Date.now();
    const all = await answers;
    expect(all.filter(({ status }) => status !== 200)).toEqual([]);
    // Seconds; the rest is a slow machine's.
    expect(Date.now() - back).toBeLessThan(60_000);
    const successors = new Set(all.map(({ body }) => body.refresh_token));
    expect(successors.size).toBe(browsers);
    expect(tried).toBeLessThanOrEqual(allowed);
    expect(
      await counted([
        `SELECT count(*)::int AS n FROM grants WHERE ended_reason LIKE '%replay%' AND username LIKE 'storm%'`,
      ]),
    ).toEqual([0]);
  });
});
