/**
 * The operator beside a recorded API server and a real Postgres: `npm run bench:operator -- --recorded [--clients 100000]
 * [--bundle] [--runs 3]`. One row: a start with nothing changed: the time from the start of the process until
 * everything is verified (every Client looked at, nothing left to do), CPU, memory, and what was written, which must be
 * nothing. Then the same operator at rest for a minute.
 */
import { execFileSync } from 'node:child_process';
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
  await sleep(60_000);
  const after = await useOf(operator.pid);
  row('idle, 60 s', 60, { ...after, cpu: after.cpu - before.cpu }, {});
  await operator.stop();
}

/** What the image runs, or the sources. */
export function programOf(bundle: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'nauthera-bundle-'));
  if (bundle) execFileSync(process.execPath, [join(root, 'image/src/bundle.ts'), folder]);
  return {
    program: bundle ? { program: join(folder, 'nauthera-operator.mjs') } : {},
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function writesIn(calls: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(calls).filter(([what]) => /^(?:POST|PUT|PATCH|DELETE) /.test(what)));
}

interface Started {
  readonly clients: number;
  readonly name: string;
  readonly nodeArgs: readonly string[];
  readonly program: { readonly program?: string };
}

export async function measureRecorded(options: RecordedOptions): Promise<void> {
  const { clients, perNamespace, bundle, nodeArgs, runs } = options;
  using operator = programOf(bundle);
  const { program } = operator;
  const postgres = await startPostgres('newest');
  try {
    const recorded = await record(postgres);
    await noteChecks(recorded, { clients, perNamespace, program });
    const api = await RecordedApi.start({ recording: recorded.recording, clients, perNamespace });
    const name = `restart, ${clients}${bundle ? ', bundle' : ''}`;
    for (let run = 0; run < runs; run += 1) await measureStart(recorded, api, { clients, name, nodeArgs, program });
    await api.stop();
    for (const replica of recorded.replicas) await replica.stop();
  } finally {
    await postgres.stop();
  }
}
