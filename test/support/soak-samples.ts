/** What is measured during a soak: memory of a process, rows that come and go, waits for locks; and how it grows. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment.ts';

export interface Sample {
  /** Seconds since the start. */
  readonly at: number;
  /** MiB of the process that is never killed. */
  readonly memory: number;
  /** Rows by table, but what is kept for months. */
  readonly rows: Readonly<Record<string, number>>;
}

const bounded = [
  'sessions',
  'authorization_requests',
  'authorization_codes',
  'grants',
  'refresh_tokens',
  'access_tokens',
  'revocations',
  'login_attempts',
];

/** Who waits for a lock, by the text of what it runs. */
const waits = `SELECT query LIKE 'DELETE FROM % FOR UPDATE SKIP LOCKED%' AS sweeps,
    extract(epoch FROM clock_timestamp() - l.waitstart) * 1000 AS milliseconds
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE NOT l.granted AND l.waitstart IS NOT NULL AND a.datname = current_database()`;

export function watch({ world, replicas }: Deployment) {
  const samples: Sample[] = [];
  let sweepWait = 0;
  let watching = true;
  const began = performance.now();
  const sample = async () => {
    const rows: Record<string, number> = {};
    for (const table of bounded) rows[table] = await world.count(table);
    samples.push({
      at: Math.round((performance.now() - began) / 1000),
      memory: await memoryOf(replicas[0]?.pid),
      rows,
    });
  };
  const loop = (async () => {
    for (let turn = 0; watching; turn += 1) {
      for (const { sweeps, milliseconds } of await world.rows<{ sweeps: boolean; milliseconds: number }>(waits))
        if (sweeps) sweepWait = Math.max(sweepWait, Number(milliseconds));
      if (turn % 100 === 0) await sample();
      await sleep(100);
    }
  })();
  return {
    stop: async () => {
      watching = false;
      await loop;
      await sample();
      return { samples, sweepWait: Math.round(sweepWait) };
    },
  };
}

/** MiB; 0 where /proc does not tell. */
async function memoryOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
}

/** By least squares: how much of it comes in a minute. */
export function slope(points: readonly { readonly at: number; readonly value: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(({ at }) => at)), mean(points.map(({ value }) => value))];
  const above = points.reduce((sum, { at, value }) => sum + (at - x) * (value - y), 0);
  const below = points.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
  return below === 0 ? 0 : (above / below) * 60;
}
