/**
 * What the image runs, from the start of the process until it serves, and what it holds in memory then, at 1,000, 10,000 and
 * 100,000 Clients.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/ports.ts';
import type { Bench } from './bench.ts';
import type { Method, Outcome, RowResult, Sample, Verdict } from './measure.ts';
import { judgeLimit, median } from './measure.ts';
import { cpuOf, type Declared, declare, memoryOf, type Running, type Stage } from './stage.ts';

/** By the number of Clients: seconds until it serves, and MiB that it holds then. */
const limits: Readonly<Record<number, { readonly seconds: number; readonly memory: number }>> = {
  10_000: { seconds: 1, memory: 150 },
  100_000: { seconds: 3, memory: 230 },
};

function judge(clients: number, samples: readonly (Sample & { readonly memory: number })[]): readonly Verdict[] {
  const limit = limits[clients];
  if (limit === undefined) return [];
  const row = `${clients} Clients`;
  return [
    judgeLimit(
      row,
      `${limit.seconds} s`,
      samples.map(({ seconds }) => limit.seconds / seconds),
      samples.flatMap(({ serverCpu }) => (serverCpu === undefined ? [] : [limit.seconds / serverCpu])),
    ),
    judgeLimit(
      row,
      `${limit.memory} MiB`,
      samples.map(({ memory }) => limit.memory / memory),
    ),
  ];
}

/** The folder of the programs of the image. */
async function bundleFor(stage: Stage): Promise<string> {
  const folder = await stage.folder();
  execFileSync(process.execPath, [join(import.meta.dirname, '../../image/src/bundle.ts'), folder]);
  return folder;
}

async function serveBundle(stage: Stage, bundle: string, { databaseUrl, keyFile, port }: Declared): Promise<Running> {
  const management = `127.0.0.1:${await freePort()}`;
  const settings = {
    '--database': databaseUrl,
    '--key-file': keyFile,
    '--listen': `127.0.0.1:${port}`,
    '--management': management,
  };
  const url = `http://127.0.0.1:${port}`;
  const args = ['serve', ...Object.entries(settings).flat()];
  return stage.command(join(bundle, 'nauthera-server.mjs'), args, { url, ready: `http://${management}/readyz` });
}

async function startOnce(stage: Stage, bundle: string, declared: Declared): Promise<Sample & { memory: number }> {
  const running = await serveBundle(stage, bundle, declared);
  const serverCpu = cpuOf(running.pid);
  await sleep(1500);
  const memory = memoryOf(running.pid) ?? Number.NaN;
  await stage.strike(running);
  const seconds = running.startTime / 1000;
  return {
    operations: 1,
    seconds,
    failures: 0,
    p50: running.startTime,
    p99: running.startTime,
    serverCpu,
    memory,
  };
}

export const start: Bench = {
  name: 'start',
  about: 'one start of the process (p50 is the time until it serves)',
  prepare: () => Promise.resolve({ rows: [], targets: [] }),
  async run(stage: Stage, { quick }, { rounds, onProgress }: Method): Promise<Outcome> {
    const sizes = quick ? [20] : [1000, 10_000, 100_000];
    const bundle = await bundleFor(stage);
    const rows: RowResult[] = [];
    const verdicts: Verdict[] = [];
    for (const clients of sizes) {
      const declared = await declare(stage, { clients });
      const samples: (Sample & { memory: number; foreignLoad: number })[] = [];
      for (let round = 0; round < (quick ? 1 : rounds); round++) {
        onProgress?.(`start with ${clients} Clients, round ${round + 1}`);
        samples.push({ ...(await startOnce(stage, bundle, declared)), foreignLoad: 0 });
      }
      const times = samples.map(({ p50 }) => p50);
      const memory = median(samples.map((sample) => sample.memory));
      const cpu = samples.flatMap(({ serverCpu }) => serverCpu ?? []);
      rows.push({
        name: `${clients} Clients, ${memory.toFixed(0)} MiB`,
        role: 'ours',
        samples,
        rate: 1000 / median(times),
        cpu: cpu.length === 0 ? undefined : median(cpu) * 1e6,
        p50: median(times),
        p99: Math.max(...times),
        spread: (Math.max(...times) - Math.min(...times)) / median(times),
        failures: 0,
      });
      verdicts.push(...judge(clients, samples));
    }
    return { rows, verdicts };
  },
};
