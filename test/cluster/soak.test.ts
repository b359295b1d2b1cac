/**
 * F54. Long: `npm run soak` (SOAK_MINUTES, default 30), which also judges memory and rows; here for as long as each fault
 * takes once. SOAK_SEED repeats a run.
 */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, threeProcesses } from '../support/deployment.ts';
import { soak, soaked } from '../support/soak.ts';
import { SoakCluster } from '../support/soak-cluster.ts';
import { slope } from '../support/soak-samples.ts';

const minutes = Number(process.env.SOAK_MINUTES ?? 0);
const seed = Number(process.env.SOAK_SEED ?? randomInt(1_000_000));
/** Seconds until rows and memory are what they are under this load: the first rows have expired and were swept. */
const warm = 240;

let deployment: Deployment;
let cluster: SoakCluster;
beforeAll(async () => {
  [deployment, cluster] = await Promise.all([threeProcesses(soaked), SoakCluster.start()]);
});
afterAll(async () => {
  await cluster?.close();
  await deployment?.close();
});

it(`F54, I1, I3, I5, I7, I8: everything at once while parts fail at random (seed ${seed})`, {
  timeout: 600_000 + minutes * 120_000,
}, async () => {
  const isLong = minutes > 0;
  const { history, samples, ...report } = await soak({
    deployment,
    cluster,
    seed,
    lasts: minutes * 60_000,
    fault: isLong ? 10_000 : 4_000,
    quiet: isLong ? 10_000 : 2_000,
    loops: isLong
      ? { machine: 3, introspection: 3, refresh: 6, login: 2 }
      : { machine: 1, introspection: 1, refresh: 3, login: 1 },
    pause: isLong ? 10 : 20,
    ...(isLong ? { onStep: (line: string) => console.log(line) } : {}),
  });
  if (isLong) console.log(JSON.stringify({ seed, history, ...report, samples }));
  expect(history.failures).toEqual([]);
  for (const count of Object.values(history.done)) expect(count).toBeGreaterThan(5);
  // A fault that nobody noticed proves nothing.
  expect(history.unanswered + history.later).toBeGreaterThan(0);
  expect(Object.keys(report.fired)).toHaveLength(7);
  expect(report).toMatchObject({ doubled: 0, serving: 3, refusing: 3 });
  const { cluster: told } = report;
  expect(told).toMatchObject({
    refusals: [],
    sameSecret: true,
    answers: { untouched: '200', 'edited-1': '200', 'edited-2': '401 invalid_client' },
  });
  expect(told.changes).toBeGreaterThan(5);
  expect(told.asked).toBeGreaterThan(20);
  expect(told.restarts).toBeGreaterThan(0);
  // 8 s for a handler; the margin is for a machine that does other work.
  expect(history.longest).toBeLessThan(60_000);
  if (!isLong) return;
  // F03.
  expect(report.succeeded).toBeGreaterThanOrEqual(0.995);
  // F55, under load: looked for every 100 ms.
  expect(report.sweepWait).toBeLessThan(100);
  const settled = samples.filter(({ at }) => at > warm);
  expect(settled.length).toBeGreaterThan(10);
  const memory = settled.map(({ at, memory: value }) => ({ at, value }));
  expect(slope(memory)).toBeLessThan(2);
  const half = (which: 0 | 1) => {
    const middle = settled.length / 2;
    const part = settled.filter((_, at) => at >= middle === (which === 1));
    return part.map(({ rows }) => Object.values(rows).reduce((sum, count) => sum + count, 0));
  };
  expect(Math.max(...half(1))).toBeLessThan(Math.max(...half(0)) * 1.5);
});
