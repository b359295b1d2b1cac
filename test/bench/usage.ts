/** What a process uses, as Linux tells it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Use {
  /** Seconds of CPU since the process began. */
  readonly cpu: number;
  /** MiB, now and at most. */
  readonly resident: number;
  readonly peak: number;
}

/** Clock ticks a second of Linux. */
const ticks = 100;

export async function useOf(pid: number | undefined): Promise<Use> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${String(pid)}/stat`, 'utf8'),
    readFile(`/proc/${String(pid)}/status`, 'utf8'),
  ]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / ticks,
    resident: mebibytes('VmRSS'),
    peak: mebibytes('VmHWM'),
  };
}

/** Resolves when the process has used next to no CPU for some seconds: it has nothing left to do. */
export async function quiet(pid: number | undefined, seconds = 3): Promise<void> {
  let { cpu } = await useOf(pid);
  for (let still = 0; still < seconds; ) {
    await sleep(1000);
    const now = (await useOf(pid)).cpu;
    still = now - cpu < 0.1 ? still + 1 : 0;
    cpu = now;
  }
}

export const row = (name: string, seconds: number, use: Use, writes: Readonly<Record<string, number>>): void =>
  console.log(
    `${name.padEnd(28)} ${seconds.toFixed(1).padStart(7)} s  CPU ${use.cpu.toFixed(1).padStart(6)} s  RSS ${use.resident.toFixed(0).padStart(4)} MiB, peak ${use.peak.toFixed(0).padStart(4)} MiB  writes ${JSON.stringify(writes)}`,
  );
