/**
 * F07: the database's machine is lost, and a standby takes over. A synchronous one: nothing that was acknowledged is missing. An
 * asynchronous one: what it had not received yet never happened, and nothing else.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { openDatabase } from '../../server/src/store/open.ts';
import { actClients, actServer, acts, type PreparedAct } from '../support/acts.ts';
import { beginEndlessGrace } from '../support/endless-grace.ts';
import { startPrimary, type TestPostgres, type TestPrimary } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { World } from '../support/world.ts';

let primary: TestPrimary;
let standby: TestPostgres;
let proxy: FaultProxy;
/** Between the two databases. */
let wire: FaultProxy;
let world: World;
let name = '';
async function open(synchronous: boolean): Promise<void> {
  primary = await startPrimary();
  const url = new URL(await primary.createDatabase());
  name = url.pathname;
  wire = await startFaultProxy(Number(url.port), url.hostname);
  standby = await primary.standby(wire.port);
  if (synchronous)
    await on(primary, `ALTER SYSTEM SET synchronous_standby_names = 'standby'`, 'SELECT pg_reload_conf()');
  proxy = await startFaultProxy(Number(url.port), url.hostname);
  url.host = `127.0.0.1:${proxy.port}`;
  world = await World.open({ databaseUrl: url.href, clients: actClients, server: actServer });
  await beginEndlessGrace(world.database);
}
afterEach(async () => {
  await world?.stop();
  await proxy?.close();
  await wire?.close();
  await Promise.all([primary?.stop(), standby?.stop()]);
});

/** It may take a moment until the standby has come. */
async function follows(state: 'sync' | 'async'): Promise<void> {
  const found = async () =>
    (await on<{ state: string }>(primary, 'SELECT sync_state AS state FROM pg_stat_replication'))[0]?.state;
  await expect.poll(found).toBe(state);
}

/** Waited for beyond the limit of one statement. */
async function promote(): Promise<void> {
  await on(standby, 'SELECT pg_promote(false)');
  const follows = async () => (await on<{ yes: boolean }>(standby, 'SELECT pg_is_in_recovery() AS yes'))[0]?.yes;
  await expect.poll(follows).toBe(false);
}

/** What the same request says within the first minute, however long the standby took to take over. */
const asIfJustAnswered = () => on(standby, 'UPDATE authorization_codes SET created_at = now()');

let turn = 0;
async function on<R>(server: TestPostgres, ...texts: readonly string[]): Promise<readonly R[]> {
  const url = new URL(server.url);
  url.pathname = name;
  const database = await openDatabase(url.href);
  try {
    const found = [];
    for (const text of texts) found.push(...(await database.run<R>({ name: `on_${++turn}`, text }, [])).rows);
    return found;
  } finally {
    await database.close();
  }
}

async function prepareAll(): Promise<readonly { readonly title: string; readonly act: PreparedAct }[]> {
  const prepared = [];
  for (const act of acts) {
    const username = `moved${++turn}`;
    world.memory.add(username);
    prepared.push({ title: act.name, act: await act.prepare(world, username) });
  }
  return prepared;
}

type Prepared = Awaited<ReturnType<typeof prepareAll>>;

/** Once the servers have found the new database. */
async function allGiven(prepared: Prepared): Promise<void> {
  for (const { title, act } of prepared) {
    let answer = await act.ask();
    for (const deadline = Date.now() + 60_000; answer === 'later' && Date.now() < deadline; await sleep(200)) {
      answer = await act.ask();
    }
    expect([title, answer]).toEqual([title, 'given']);
  }
}

it('F07, I1, I3: a synchronous standby takes over: all that was acknowledged is there, once, and all goes on', {
  timeout: 600_000,
}, async () => {
  await open(true);
  await follows('sync');
  const [done, left] = [await prepareAll(), await prepareAll()];
  // What does not wait for the standby is not there yet.
  wire.delay(300);
  const answers = await Promise.all(done.map(async ({ title, act }) => [title, await act.ask()] as const));
  expect(answers.filter(([, answer]) => answer !== 'given')).toEqual([]);
  await primary.kill();
  wire.end();
  for (const { title, act } of left.slice(0, 3)) expect([title, await act.ask()]).toEqual([title, 'later']);
  await promote();
  proxy.retarget(Number(new URL(standby.url).port));

  const soft = new Set(['device_start', 'access_token_insert']);
  const durable = done.filter((_, at) => !soft.has(acts[at]?.statement ?? ''));
  const found = await on<{ n: number }>(standby, ...durable.map(({ act }) => act.effect));
  // Assertions are counted together: those of both halves.
  expect(durable.map(({ title }, at) => [title, found[at]?.n])).toEqual(durable.map(({ title }) => [title, 1]));
  await allGiven(left);
  // What was spent before is spent here.
  await asIfJustAnswered();
  for (const [at, { title, act }] of done.entries())
    expect([title, await act.ask()]).toEqual([title, acts[at]?.repeated]);
});

it('F07: an asynchronous standby takes over: what it had is there, once; what it had not never happened, and can be done', {
  timeout: 600_000,
}, async () => {
  await open(false);
  await follows('async');
  const [done, lagging] = [await prepareAll(), await prepareAll()];
  for (const { title, act } of done) expect([title, await act.ask()]).toEqual([title, 'given']);
  const [end] = await on<{ lsn: string }>(primary, 'SELECT pg_current_wal_flush_lsn()::text AS lsn');
  const replayed = async () =>
    (await on<{ there: boolean }>(standby, `SELECT pg_last_wal_replay_lsn() >= '${end?.lsn}'::pg_lsn AS there`))[0]
      ?.there;
  await expect.poll(replayed).toBe(true);
  wire.blackHole('all');
  for (const { title, act } of lagging) expect([title, await act.ask()]).toEqual([title, 'given']);
  await primary.kill();
  wire.end();
  await promote();
  proxy.retarget(Number(new URL(standby.url).port));

  await allGiven(lagging);
  await asIfJustAnswered();
  for (const prepared of [done, lagging]) {
    for (const [at, { title, act }] of prepared.entries())
      expect([title, await act.ask()]).toEqual([title, acts[at]?.repeated]);
  }
});
