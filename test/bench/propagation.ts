/**
 * How long a change takes until every one of three replicas serves it: `npm run bench:operator -- --propagation
 * [--clients 10000]`, beside a recorded API server. Rows: one change at a time, alone; one change of another tenant while a
 * thousand changes of one tenant are worked on; and from the change of one Client until its status says Ready.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres } from '../support/postgres.ts';
import type { RecordedOptions } from './operator-recorded.ts';
import { noteChecks, RecordedApi, record, verified } from './recorded.ts';
import { quiet } from './usage.ts';

const replicas = 3;
/** Of one tenant. */
const storm = 1_000;

interface Stage {
  readonly api: RecordedApi;
  readonly database: pg.Client;
  /** The Client of this number is the first of another tenant than the storm's. */
  readonly other: number;
}

/** Milliseconds until the row that says `displayName` is there, and everybody who lives serves its revision. */
async function served({ database }: Stage, displayName: string, began: number): Promise<number> {
  for (;;) {
    const { rows } = await database.query<{ served: boolean }>(
      `SELECT (SELECT count(*) FROM replica_reports
          WHERE reported_at > now() - interval '15 seconds' AND replica_reports.n >= registry.n) >= $2 AS served
        FROM registry WHERE kind = 'client' AND body ->> 'client_name' = $1`,
      [displayName, replicas],
    );
    if (rows[0]?.served === true) return performance.now() - began;
    await sleep(5);
  }
}

async function ready({ api }: Stage, displayName: string, began: number): Promise<number> {
  while ((await api.ask<number>({ order: 'ready', displayName })) === 0) await sleep(10);
  return performance.now() - began;
}

function tell(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(0).padStart(6);
  console.log(`${name.padEnd(44)} n ${String(sorted.length).padStart(3)}  p50 ${at(0.5)} ms  p99 ${at(0.99)} ms`);
}

async function one(stage: Stage, index: number, wait: typeof served): Promise<number> {
  const displayName = `change ${index} ${wait.name}`;
  const began = performance.now();
  await stage.api.ask({ order: 'edit', from: stage.other + index, count: 1, displayName });
  return wait(stage, displayName, began);
}

async function several(stage: Stage, from: number, count: number, wait: typeof served): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = from; index < from + count; index += 1) times.push(await one(stage, index, wait));
  return times;
}

export async function measurePropagation({ clients, nodeArgs }: RecordedOptions): Promise<void> {
  const postgres = await startPostgres('newest');
  try {
    const recorded = await record(postgres, replicas);
    await noteChecks(recorded, { clients, perNamespace: storm, program: {} });
    const api = await RecordedApi.start({ recording: recorded.recording, clients, perNamespace: storm });
    const operator = await OperatorProcess.start({ kubeconfig: api.kubeconfig, nodeArgs });
    const database = new pg.Client({ connectionString: recorded.databaseUrl });
    await database.connect();
    await database.query("CREATE INDEX ON registry ((body ->> 'client_name'))");
    await verified(operator, clients);
    await quiet(operator.pid);
    const stage: Stage = { api, database, other: storm };
    tell('change served by 3 replicas, alone', await several(stage, 0, 50, served));
    tell('change Ready, alone', await several(stage, 50, 50, ready));
    const began = performance.now();
    await api.ask({ order: 'edit', from: 0, count: storm, displayName: 'storm' });
    const during: number[] = [];
    for (let index = 100; (await api.ask<number>({ order: 'ready', displayName: 'storm' })) < storm; index += 1)
      during.push(await one(stage, index, served));
    tell('change served, during a storm of 1,000', during);
    console.log(`the storm is over after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    await database.end();
    await operator.stop();
    await api.stop();
    for (const replica of recorded.replicas) await replica.stop();
  } finally {
    await postgres.stop();
  }
}
