/**
 * F04: the database did what it was asked, and its answer never came. Nobody is told that it was done; the repeat finds what
 * is there, or is refused as a replay, and nothing is there twice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../server/src/store/open.ts';
import { actClients, actServer, acts } from '../support/acts.ts';
import { withEndlessGrace } from '../support/endless-grace.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { World } from '../support/world.ts';

let postgres: TestPostgres;
let proxy: FaultProxy;
let world: World;
let direct: Awaited<ReturnType<typeof openDatabase>>;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  const url = new URL(await postgres.createDatabase());
  direct = await openDatabase(url.href);
  proxy = await startFaultProxy(Number(url.port), url.hostname);
  url.host = `127.0.0.1:${proxy.port}`;
  world = await World.open({ databaseUrl: url.href, clients: actClients, server: actServer });
});
afterAll(async () => {
  await world?.stop();
  await direct?.close();
  await proxy?.close();
  await postgres?.stop();
});

let looked = 0;
const count = async (text: string) =>
  (await direct.run<{ n: number }>({ name: `looked_${++looked}`, text }, [])).rows[0]?.n;

describe('F04, I1, I3: an answer of the database that is lost', () => {
  it.each(acts)('at $name', async ({ statement, repeated, undone, stays, prepare }) => {
    const username = `lost${looked}`;
    world.memory.add(username);
    const act = await prepare(world, username);
    expect(await count(act.effect)).toBe(0);
    const lost = proxy.lost;
    proxy.loseAnswerTo(`\0${statement}\0`);
    await withEndlessGrace(direct, async () => {
      expect(await act.ask()).toBe('later');
      expect(proxy.lost).toBe(lost + 1);
      // The end of a connection rolls back, as soon as the database has seen it.
      await expect.poll(() => count(act.effect)).toBe(undone === true ? 0 : 1);
      expect(await act.ask()).toBe(repeated);
      expect(await count(act.effect)).toBe(stays ? 1 : 0);
      expect(await act.ask()).toBe(repeated);
      expect(await count(act.effect)).toBe(stays ? 1 : 0);
    });
  });
});
