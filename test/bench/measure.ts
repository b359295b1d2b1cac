/**
 * How a bench measures. All servers of a bench are up at once; a round loads each row in turn, in an order that rotates, so
 * that a slow minute of the machine hits all of them. Ratios are taken within a round, then the median of the rounds.
 */
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** What one load of one row gave. */
export interface Sample {
  /** Operations that ended well. */
  readonly operations: number;
  readonly seconds: number;
  /** Anything else: errors, time-outs, unexpected statuses. One of them fails the row. */
  readonly failures: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Seconds of CPU that the server's process used; `undefined` where /proc does not tell. */
  readonly serverCpu: number | undefined;
}

/** One thing that is loaded. */
export interface Row {
  readonly name: string;
  readonly role: 'ours' | 'ceiling' | 'peer';
  /** Loads it for about `seconds`, or for `operations` operations when given. */
  load(extent: Extent): Promise<Sample>;
}

export type Extent = { readonly seconds: number } | { readonly operations: number };

/** "`row` reaches `atLeast` times what `of` does." A `start` target is about sizes: `atMost`. */
export interface Target {
  readonly row: string;
  readonly of: string;
  readonly atLeast: number;
  /** `of` is no row, but this many operations a second; then `atLeast` is 1. */
  readonly perSecond?: number;
  /**
   * The row of the least that the work can cost. A target that is missed beside it is above what this runtime gives on this
   * machine, where that row never reaches it either, by CPU no more than by rate, and ours comes to {@link near} of that row.
   */
  readonly ceiling?: string;
  /** What `--gate` asks for, while the target itself is not reached; default the target. */
  readonly gate?: number;
}

export interface RowResult {
  readonly name: string;
  readonly role: Row['role'];
  readonly samples: readonly (Sample & { readonly foreignLoad: number })[];
  /** Operations a second: the median of the rounds. */
  readonly rate: number;
  /** Microseconds of the server's CPU an operation, median. */
  readonly cpu: number | undefined;
  readonly p50: number;
  readonly p99: number;
  /** (max − min) ÷ median of the rates. */
  readonly spread: number;
  readonly failures: number;
}

export interface Verdict {
  readonly target: Target;
  /** Median of the rounds' ratios, and the best round. */
  readonly ratio: number;
  readonly best: number;
  /** As {@link ratio}, of operations for the same CPU: what is left of it where others take turns on the cores. */
  readonly cpuRatio?: number | undefined;
  /** As {@link ratio}, of the target's ceiling. */
  readonly ceilingRatio?: number | undefined;
  readonly verdict: 'reached' | 'missed' | 'above the ceiling' | 'noisy' | 'generator-bound' | 'failed';
}

export interface Outcome {
  readonly rows: readonly RowResult[];
  readonly verdicts: readonly Verdict[];
  /** What there is to say beside it, a line each. */
  readonly notes?: readonly string[];
}

export interface Method {
  readonly rounds: number;
  readonly extent: Extent;
  readonly onProgress?: (line: string) => void;
  /** Before each load; not measured. */
  readonly settle?: () => Promise<void>;
}

/** A spread above this says more about the machine than about the program. */
const noisy = 0.3;
/** Of the rate of its ceiling, for whoever is measured by more than that gives. */
const near = 0.8;
/** Below this share of its core the server waited for the generator. */
const busy = 0.9;

export async function measure(
  rows: readonly Row[],
  targets: readonly Target[],
  { rounds, extent, onProgress, settle }: Method,
): Promise<Outcome> {
  const samples = new Map<string, (Sample & { foreignLoad: number })[]>(rows.map(({ name }) => [name, []]));
  const inOperations = 'operations' in extent;
  // The first round warms up, twice as long: compilers work on beside the first seconds of a load, on the server's core.
  const first = inOperations ? 0 : -1;
  const warmUp = 'seconds' in extent ? { seconds: 2 * extent.seconds } : extent;
  let last = rounds;
  for (let round = first; round < last; round++) {
    for (let turn = 0; turn < rows.length; turn++) {
      const row = rows[(turn + Math.max(round, 0)) % rows.length];
      if (row === undefined) continue;
      await settle?.();
      const foreignLoad = inOperations ? 0 : await quietMachine();
      onProgress?.(`${round < 0 ? 'warm-up' : `round ${round + 1} of ${last}`}: ${row.name}`);
      const sample = await row.load(round < 0 ? warmUp : extent);
      if (round >= 0) samples.get(row.name)?.push({ ...sample, foreignLoad });
    }
    const spread = Math.max(...rows.map(({ name }) => spreadOf((samples.get(name) ?? []).map(rateOf))));
    if (!inOperations && round === rounds - 1 && last === rounds && spread > noisy) last = rounds * 2;
  }
  const results = rows.map(({ name, role }) => resultOf(name, role, samples.get(name) ?? []));
  return { rows: results, verdicts: targets.map((target) => judge(target, results)) };
}

/** Waits up to 3 s until others leave the machine alone; the share of a core that they use then. */
async function quietMachine(): Promise<number> {
  let foreign = 0;
  for (const deadline = performance.now() + 3000; performance.now() < deadline; ) {
    const before = busyTime();
    await sleep(200);
    foreign = (busyTime() - before) / 200;
    if (foreign < 0.15) return foreign;
  }
  return foreign;
}

/** Milliseconds that all cores were busy since the start. */
function busyTime(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.irq + times.nice, 0);
}

export const rateOf = ({ operations, seconds }: Sample): number => operations / seconds;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

function spreadOf(rates: readonly number[]): number {
  return rates.length < 2 ? 0 : (Math.max(...rates) - Math.min(...rates)) / median(rates);
}

export function resultOf(name: string, role: Row['role'], samples: RowResult['samples']): RowResult {
  const rates = samples.map(rateOf);
  const cpu = samples.flatMap((sample) => cpuPerOperation(sample) ?? []);
  return {
    name,
    role,
    samples,
    rate: median(rates),
    cpu: cpu.length === 0 ? undefined : median(cpu),
    p50: median(samples.map((sample) => sample.p50)),
    p99: median(samples.map((sample) => sample.p99)),
    spread: spreadOf(rates),
    failures: samples.reduce((sum, { failures }) => sum + failures, 0),
  };
}

/** Microseconds. */
function cpuPerOperation(sample: Sample | undefined): number | undefined {
  if (sample?.serverCpu === undefined || sample.operations === 0) return undefined;
  return (sample.serverCpu * 1e6) / sample.operations;
}

export function judge(target: Target, results: readonly RowResult[]): Verdict {
  const row = results.find(({ name }) => name === target.row);
  const of = results.find(({ name }) => name === target.of);
  if (row === undefined || (of === undefined && target.perSecond === undefined)) {
    return { target, ratio: Number.NaN, best: Number.NaN, verdict: 'failed' };
  }
  const ratios = ratiosOf(row, of, target.perSecond);
  const cpuRatios = cpuRatiosOf(row, of);
  const cpuRatio = cpuRatios.length === 0 ? undefined : median(cpuRatios);
  const ratio = median(ratios);
  const best = Math.max(...ratios);
  const worst = Math.min(...ratios);
  const verdict = verdictOf(target, row, of, { ratio, best, worst, cpuRatio });
  const ceiling = results.find(({ name }) => name === target.ceiling);
  if (ceiling === undefined) return { target, ratio, best, cpuRatio, verdict };
  const ceilingRatio = median(ratiosOf(ceiling, of, target.perSecond));
  const isAbove = verdict === 'missed' && isBeyond(ceiling, of, target) && ratio >= near * ceilingRatio;
  return { target, ratio, best, cpuRatio, ceilingRatio, verdict: isAbove ? 'above the ceiling' : verdict };
}

/** Whether the target is more than the ceiling gives, in any round and by any measure. */
function isBeyond(ceiling: RowResult, of: RowResult | undefined, { atLeast, perSecond }: Target): boolean {
  if (ceiling.failures > 0 || ceiling.spread > noisy || isIdle(ceiling)) return false;
  return Math.max(...ratiosOf(ceiling, of, perSecond), ...cpuRatiosOf(ceiling, of)) < atLeast;
}

/** Operations for the same CPU, round by round. */
function cpuRatiosOf(row: RowResult, of: RowResult | undefined): readonly number[] {
  return row.samples.flatMap((sample, round) => {
    const [mine, theirs] = [cpuPerOperation(sample), cpuPerOperation(of?.samples[round])];
    return mine === undefined || theirs === undefined ? [] : [theirs / mine];
  });
}

/** Of the rates, round by round. */
function ratiosOf(row: RowResult, of: RowResult | undefined, perSecond: number | undefined): readonly number[] {
  return row.samples.flatMap((sample, round) => {
    const other = of?.samples[round];
    const rate = other === undefined ? perSecond : rateOf(other);
    return rate === undefined ? [] : [rateOf(sample) / rate];
  });
}

function verdictOf(
  { atLeast }: Target,
  row: RowResult,
  of: RowResult | undefined,
  { ratio, best, worst, cpuRatio = 0 }: Pick<Verdict, 'ratio' | 'best' | 'cpuRatio'> & { readonly worst: number },
): Verdict['verdict'] {
  if (row.failures > 0 || (of?.failures ?? 0) > 0) return 'failed';
  // What it is measured by waited for the generator: nearness to that is nothing, unless the CPU says the same.
  const isFair = of === undefined || !isIdle(of) || cpuRatio >= atLeast;
  const isNoisy = Math.max(row.spread, of?.spread ?? 0) > noisy;
  // Of a noisy machine nothing is believed but what every round says, or the CPU.
  if (ratio >= atLeast && isFair && (!isNoisy || worst >= atLeast || cpuRatio >= atLeast)) return 'reached';
  if (isNoisy) return 'noisy';
  if (isIdle(row) || !isFair) return 'generator-bound';
  return best >= atLeast ? 'noisy' : 'missed';
}

/** A limit over what was measured in each round: 1 and more is within it. What is within it by CPU alone waited for others. */
export function judgeLimit(
  row: string,
  of: string,
  ratios: readonly number[],
  cpuRatios: readonly number[] = [],
): Verdict {
  const [ratio, cpuRatio] = [median(ratios), cpuRatios.length === 0 ? undefined : median(cpuRatios)];
  const verdict = ratio >= 1 ? 'reached' : (cpuRatio ?? 0) >= 1 ? 'noisy' : 'missed';
  return { target: { row, of, atLeast: 1 }, ratio, best: Math.max(...ratios), cpuRatio, verdict };
}

function isIdle({ samples }: RowResult): boolean {
  const shares = samples.flatMap(({ serverCpu, seconds }) => (serverCpu === undefined ? [] : [serverCpu / seconds]));
  return shares.length > 0 && median(shares) < busy;
}

/** For the report: what the machine was like. */
export function machine(): Record<string, unknown> {
  const [one, five] = loadavg();
  return { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, load: { one, five } };
}
