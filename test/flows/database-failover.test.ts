/** F07: the database's machine is lost, and a synchronous standby takes over: nothing that was acknowledged is missing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../server/src/store/open.ts';
import { actClients, actServer, acts, type PreparedAct } from '../support/acts.ts';
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
beforeAll(async () => {
  primary = await startPrimary();
  const url = new URL(await primary.createDatabase());
  name = url.pathname;
  wire = await startFaultProxy(Number(url.port), url.hostname);
  standby = await primary.standby(wire.port);
  await on(primary, `ALTER SYSTEM SET synchronous_standby_names = 'standby'`, 'SELECT pg_reload_conf()');
  proxy = await startFaultProxy(Number(url.port), url.hostname);
  url.host = `127.0.0.1:${proxy.port}`;
  world = await World.open({ databaseUrl: url.href, clients: actClients, server: actServer });
});
afterAll(async () => {
  await world?.stop();
  await proxy?.close();
  await wire?.close();
  await Promise.all([primary?.stop(), standby?.stop()]);
});

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

it('F07, I1, I3: a synchronous standby takes over: all that was acknowledged is there, once, and all goes on', async () => {
  const [row] = await on<{ state: string }>(primary, 'SELECT sync_state AS state FROM pg_stat_replication');
  expect(row?.state).toBe('sync');
  const [done, left] = [await prepareAll(), await prepareAll()];
  // What does not wait for the standby is not there yet.
  wire.delay(300);
  const answers = await Promise.all(done.map(async ({ title, act }) => [title, await act.ask()] as const));
  expect(answers.filter(([, answer]) => answer !== 'given')).toEqual([]);
  await primary.kill();
  wire.end();
  for (const { title, act } of left.slice(0, 3)) expect([title, await act.ask()]).toEqual([title, 'later']);
  await on(standby, 'SELECT pg_promote()');
  proxy.retarget(Number(new URL(standby.url).port));

  const soft = new Set(['device_start', 'access_token_insert']);
  const durable = done.filter((_, at) => !soft.has(acts[at]?.statement ?? ''));
  const found = await on<{ n: number }>(standby, ...durable.map(({ act }) => act.effect));
  // Assertions are counted together: those of both halves.
  expect(durable.map(({ title }, at) => [title, found[at]?.n])).toEqual(durable.map(({ title }) => [title, 1]));
  for (const { title, act } of left) {
    let answer = await act.ask();
    for (const deadline = Date.now() + 60_000; answer === 'later' && Date.now() < deadline; await sleep(200)) {
      answer = await act.ask();
    }
    expect([title, answer]).toEqual([title, 'given']);
  }
  // What was spent before is spent here.
  for (const [at, { title, act }] of done.entries())
    expect([title, await act.ask()]).toEqual([title, acts[at]?.repeated]);
});
