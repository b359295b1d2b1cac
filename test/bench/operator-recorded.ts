/**
 * The operator beside a recorded API server and a real Postgres: `npm run bench:operator -- --recorded [--clients 100000]
 * [--bundle] [--runs 3] [--faults]`. One row: a start with nothing changed: the time from the start of the process until
 * everything is verified (every Client looked at, nothing left to do), CPU, memory, and what was written, which must be
 * nothing. With `--faults` then a row for each harm that is done while one Client changes: only that one is written.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { noteChecks, type Recorded, RecordedApi, record, revisionOf, verified } from './recorded.ts';
import { quiet, row, useOf } from './usage.ts';

export interface RecordedOptions {
  readonly clients: number;
  readonly perNamespace: number;
  readonly bundle: boolean;
  readonly nodeArgs: readonly string[];
  readonly runs: number;
  /** Do harm after each start. */
  readonly faults: boolean;
}

const root = join(import.meta.dirname, '../..');

async function measureStart(recorded: Recorded, api: RecordedApi, started: Started): Promise<void> {
  const { clients, name, nodeArgs, program } = started;
  const revision = await revisionOf(recorded);
  await api.ask({ order: 'reset' });
  const began = performance.now();
  const operator = await OperatorProcess.start({ kubeconfig: api.kubeconfig, nodeArgs, ...program });
  await verified(operator, clients);
  const seconds = (performance.now() - began) / 1000;
  const use = await useOf(operator.pid);
  const calls = await api.calls();
  row(name, seconds, use, writesIn(calls));
  const touched = (await revisionOf(recorded)) === revision ? 'untouched' : 'WRITTEN';
  console.log(`calls ${JSON.stringify(calls)}; registry ${touched}`);
  for (const line of operator.log.split('\n').filter((one) => one.includes('are as they were'))) console.log(line);
  await quiet(operator.pid);
  const before = await useOf(operator.pid);
  await sleep(20_000);
  const after = await useOf(operator.pid);
  row('idle, 20 s', 20, { ...after, cpu: after.cpu - before.cpu }, {});
  if (started.faults) await measureFaults(recorded, api, operator, started);
  await operator.stop();
}

/** Each harm, then a change of one Client: how long until it is Ready, and what else was written, which must be nothing. */
async function measureFaults(recorded: Recorded, api: RecordedApi, operator: OperatorProcess, started: Started) {
  const harms: readonly (readonly [string, () => Promise<unknown>, () => Promise<unknown>])[] = [
    ['F31 410 in every watch', () => api.ask({ order: 'gone' }), async () => undefined],
    [
      'F31 429 for half of the calls',
      () => api.ask({ order: 'refuse', status: 429, share: 0.5 }),
      () => api.ask({ order: 'refuse', status: 429, share: 0 }),
    ],
    [
      'F31 500 for half of the calls',
      () => api.ask({ order: 'refuse', status: 500, share: 0.5 }),
      () => api.ask({ order: 'refuse', status: 500, share: 0 }),
    ],
    [
      'F30 watches are silent',
      () => api.ask({ order: 'silence', silent: true }),
      () => api.ask({ order: 'silence', silent: false }),
    ],
    [
      'F37 a second operator waits',
      async () => {
        second = await OperatorProcess.start({ kubeconfig: api.kubeconfig, ...started.program });
        await second.live();
      },
      async () => second?.stop(),
    ],
  ];
  let second: OperatorProcess | undefined;
  for (const [at, [name, begin, end]] of harms.entries()) {
    await api.ask({ order: 'reset' });
    const before = await useOf(operator.pid);
    await begin();
    const displayName = `harm ${at} ${randomUUID()}`;
    const began = performance.now();
    await api.ask({ order: 'edit', from: at * 7, count: 1, displayName });
    // It lasts a while; what it hides is seen afterwards at the latest.
    await sleep(10_000);
    await end();
    while ((await api.ask<number>({ order: 'ready', displayName })) === 0) await sleep(50);
    const seconds = (performance.now() - began) / 1000;
    await quiet(operator.pid);
    const after = await useOf(operator.pid);
    row(name, seconds, { ...after, cpu: after.cpu - before.cpu }, writesIn(await api.calls()));
    if (operator.ends > 0) console.log(`the operator ended by itself ${operator.ends} times`);
  }
  console.log(`the registry is at ${await revisionOf(recorded)}`);
}

function writesIn(calls: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(calls).filter(([what]) => /^(?:POST|PUT|PATCH|DELETE) /.test(what)));
}

interface Started {
  readonly clients: number;
  readonly name: string;
  readonly faults: boolean;
  readonly nodeArgs: readonly string[];
  readonly program: { readonly program?: string };
}

export async function measureRecorded(options: RecordedOptions): Promise<void> {
  const { clients, perNamespace, bundle, faults, nodeArgs, runs } = options;
  const folder = mkdtempSync(join(tmpdir(), 'nauthera-bundle-'));
  if (bundle) execFileSync(process.execPath, [join(root, 'image/src/bundle.ts'), folder]);
  const program = bundle ? { program: join(folder, 'nauthera-operator.mjs') } : {};
  const postgres = await startPostgres('newest');
  try {
    const recorded = await record(postgres);
    await noteChecks(recorded, { clients, perNamespace, program });
    const api = await RecordedApi.start({ recording: recorded.recording, clients, perNamespace });
    const name = `restart, ${clients}${bundle ? ', bundle' : ''}`;
    for (let run = 0; run < runs; run += 1)
      await measureStart(recorded, api, { clients, name, faults, nodeArgs, program });
    await api.stop();
    for (const replica of recorded.replicas) await replica.stop();
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
