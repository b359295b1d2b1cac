/**
 * F42: every process is replaced while people and programs go on, with somebody before them who notices late. Processes end
 * by SIGTERM; whether a pause came before it, as in a pod, or not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, threeProcesses } from '../support/deployment.ts';
import { Load } from '../support/load.ts';
import type { Replica } from '../support/replica.ts';
import { everyFlow } from './every-flow.suite.ts';

/** Milliseconds in which whoever gives out requests has not yet noticed. */
const lag = 3_000;
/** Of a pod: longer than that. */
const preStop = 5_000;
/** In which a process has ended after SIGTERM. */
const ended = 25_000;

let deployment: Deployment;
beforeAll(async () => {
  deployment = await threeProcesses(everyFlow);
});
afterAll(() => deployment?.close());

const doubled = `SELECT grant_id FROM refresh_tokens WHERE used_at IS NULL GROUP BY grant_id HAVING count(*) > 1`;

async function replace(replica: Replica, pause: number): Promise<number> {
  const { proxy } = deployment;
  const noticed = sleep(lag).then(() => proxy?.leaveOut(replica.url));
  await sleep(pause);
  const began = performance.now();
  await replica.stop();
  const took = performance.now() - began;
  await noticed;
  await replica.restart();
  proxy?.takeIn(replica.url);
  return took;
}

it('F42, I3, I13: three processes replaced one by one under load: no answer is lost, no sign-in fails, none outlives its time', {
  timeout: 600_000,
}, async () => {
  const { world, password, replicas, proxy } = deployment;
  const load = new Load({
    world,
    password,
    clients: { web: 'web.opaque', job: 'job.jwt', api: 'api.orders' },
    usernames: ['ada', 'grace', 'alan'],
    loops: { machine: 2, introspection: 2, refresh: 4, login: 2 },
    pause: 20,
  });
  await load.start();
  const took: number[] = [];
  for (const [at, replica] of replicas.entries()) took.push(await replace(replica, at === 0 ? preStop : 0));
  const before = proxy?.answered.slice() ?? [];
  await expect.poll(() => proxy?.answered.every((count, at) => count > (before[at] ?? 0))).toBe(true);
  const { done, failures, lostCodes } = await load.stop();
  expect(failures).toEqual([]);
  // A code whose answer is lost cannot be exchanged again: of those there is none.
  expect(lostCodes).toBe(0);
  for (const count of Object.values(done)) expect(count).toBeGreaterThan(10);
  expect(took.filter((time) => time > ended)).toEqual([]);
  for (const token of load.chains) {
    expect((await world.token({ grant_type: 'refresh_token', refresh_token: token }, 'web.opaque')).status).toBe(200);
  }
  expect(await world.rows(doubled)).toEqual([]);
});
