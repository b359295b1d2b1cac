/**
 * The faults of the operator, one after the other, beside a recorded API server with thousands of Clients: while each is
 * done, a team of its own changes some. A verdict each, in the words of what is promised: the end state is that of a team
 * whom nothing disturbed; nothing of any other team is written; few passes; one who was frozen writes nothing.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { type ApiProxy, startApiProxy } from '../support/api-proxy.ts';
import { randomOf } from '../support/cluster-scene.ts';
import type { EndState } from '../support/cluster-state.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { type Fault, faults, type Scene } from './faults.ts';
import { changes, differenceOf, Team } from './operator-story.ts';
import { noteChecks, type Recorded, RecordedApi, record, verified } from './recorded.ts';

export interface FaultOptions {
  readonly clients: number;
  readonly perNamespace: number;
  readonly program: { readonly program?: string };
  /** Without the slow ones, the others for a third of the time, and without a judgement of times. */
  readonly short: boolean;
  /** Ids; none: all. */
  readonly only: readonly string[];
  readonly onVerdict: (verdict: Verdict) => void;
}

export interface Verdict {
  readonly id: string;
  readonly what: string;
  /** From the end of the harm, or from its begin, until everything is as it should be. */
  readonly seconds: number;
  readonly passes: number;
  /** Promises that were not kept. */
  readonly broken: readonly string[];
}

export const lineOf = ({ id, what, seconds, passes, broken }: Verdict): string =>
  [
    `${id.padEnd(3)} ${what.padEnd(86)} ${seconds.toFixed(1).padStart(6)} s  ${passes.toFixed(1).padStart(4)} passes a change  `,
    ...(broken.length === 0
      ? ['kept']
      : ['BROKEN', ...broken.map((line) => `\n    ${line.replaceAll('\n', '\n    ')}`)]),
  ].join('');

/** Seconds: whatever is not there by then does not come. */
const patience = 200;
const undisturbed: Fault = {
  id: '-',
  what: 'nothing',
  within: 10,
  lasts: 0,
  others: 10,
  begin: async () => async () => 1,
};

interface Stage {
  readonly recorded: Recorded;
  readonly api: RecordedApi;
  readonly proxy: ApiProxy;
  readonly database: FaultProxy;
  readonly options: FaultOptions;
  readonly random: () => number;
  readonly leader: OperatorProcess;
  readonly closing: (() => Promise<unknown>)[];
  wanted: EndState | undefined;
}

export async function runFaults(options: FaultOptions): Promise<void> {
  const seed = Number(process.env.NAUTHERA_SEED ?? randomInt(1_000_000));
  console.log(`NAUTHERA_SEED=${seed}`);
  const { clients, perNamespace, program } = options;
  const postgres = await startPostgres('newest');
  const closing: (() => Promise<unknown>)[] = [() => postgres.stop()];
  try {
    const real = await record(postgres);
    closing.push(() => Promise.all(real.replicas.map((replica) => replica.stop())));
    const url = new URL(real.databaseUrl);
    const database = await startFaultProxy(Number(url.port), url.hostname);
    closing.push(() => database.close());
    const recorded = throughProxy(real, database.port);
    await noteChecks(recorded, { clients, perNamespace, program });
    const api = await RecordedApi.start({ recording: recorded.recording, clients, perNamespace });
    closing.push(() => api.stop());
    const proxy = await startApiProxy(api.endpoint);
    closing.push(() => proxy.close());
    const kubeconfig = await api.kubeconfigOf('first', proxy);
    const leader = await OperatorProcess.start({ kubeconfig, restart: true, ...program });
    const random = randomOf(seed);
    const wanted = undefined;
    const stage: Stage = { recorded, api, proxy, database, options, random, leader, closing, wanted };
    closing.push(() => leader.kill());
    await verified(leader, clients);
    const isWanted = ({ id, slow }: Fault) =>
      (!options.short || slow === undefined) && (options.only.length === 0 || options.only.includes(id));
    const all = [undisturbed, ...faults.filter(isWanted)];
    for (const [at, fault] of all.entries()) options.onVerdict(await verdictOn(stage, fault, at + 1));
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

/** The operator reaches its database through what can be cut. */
function throughProxy(recorded: Recorded, port: number): Recorded {
  const secrets = recorded.recording.secrets.map((secret) => {
    if (secret.data?.uri === undefined) return secret;
    const url = new URL(Buffer.from(secret.data.uri, 'base64').toString());
    url.host = `127.0.0.1:${port}`;
    return { ...secret, data: { ...secret.data, uri: Buffer.from(url.href).toString('base64') } };
  });
  return { ...recorded, recording: { ...recorded.recording, secrets } };
}

async function verdictOn(stage: Stage, fault: Fault, number: number): Promise<Verdict> {
  const { api, options } = stage;
  const place = { api, databaseUrl: stage.recorded.databaseUrl, perNamespace: options.perNamespace };
  const [team, bystander] = [new Team(place, number), new Team(place, 0)];
  const namespaces = [team.namespace, bystander.namespace];
  const before = await ofOthers(stage, namespaces);
  await api.ask({ order: 'reset' });
  const anew = Promise.withResolvers<void>();
  const end = await fault.begin(sceneOf(stage, team, anew.promise));
  const harmed = performance.now();
  await bystander.edit(number % options.perNamespace, { displayName: `Beside ${number}` });
  const beside = bystander.untilReady(number % options.perNamespace, patience * 1000);
  const told = team.tell(200);
  told.then(() => team.makeAnew()).then(anew.resolve, anew.reject);
  await Promise.all([told, sleep(fault.lasts * (options.short ? 300 : 1000))]);
  const fired = await end();
  stage.proxy.disarm();
  const began = fault.fromBegin === true ? harmed : performance.now();
  const broken: string[] = [];
  if (fired === 0) broken.push('the harm was never done');
  const limit = sleep(patience * 1000, 'late', { ref: false });
  const arrived = await Promise.race([Promise.all([anew.promise, beside]), limit]);
  if (arrived === 'late') broken.push('a Client that is deleted does not go, or others wait forever');
  // What all others are compared with is not compared with anything.
  if (fault === undisturbed) broken.push(...(await team.unserved(patience * 1000)));
  stage.wanted ??= await settled(stage, team);
  await team.until(stage.wanted, patience * 1000);
  const seconds = (performance.now() - began) / 1000;
  const found = await settled(stage, team);
  if (!isDeepStrictEqual(found, stage.wanted))
    broken.push(`the end state is another one\n${differenceOf(found, stage.wanted)}`);
  await judge(stage, { before, namespaces, broken });
  const passes = (await api.passes(team.namespace)) / changes;
  if (passes > 5 && fault.restarts === undefined) broken.push(`${passes.toFixed(1)} passes a change`);
  if (!options.short && seconds > fault.within) broken.push(`after ${fault.within} s it was not as it should be`);
  const waited = (await beside) / 1000;
  if (!options.short && waited > (fault.others ?? Number.POSITIVE_INFINITY)) broken.push(`others waited ${waited} s`);
  return { id: fault.id, what: fault.what, seconds, passes, broken };
}

/** @param anew all changes were made, the last one of them late */
function sceneOf(stage: Stage, team: Team, anew: Promise<unknown>): Scene {
  const { api, proxy, database, random, options } = stage;
  return {
    api,
    proxy,
    database,
    random,
    team,
    operator: stage.leader,
    second: async () => {
      const kubeconfig = await api.kubeconfigOf('second', proxy);
      const second = await OperatorProcess.start({ kubeconfig, restart: true, ...options.program });
      await second.live();
      stage.closing.push(() => second.kill());
      return second;
    },
    freeLease: async () => {
      const { items } = await api.call('GET', '/apis/coordination.k8s.io/v1/leases');
      for (const { metadata } of items) {
        const path = `/apis/coordination.k8s.io/v1/namespaces/${metadata.namespace}/leases/${metadata.name}`;
        await api.request('PATCH', path, { spec: { holderIdentity: null, leaseDurationSeconds: 1 } });
      }
    },
    arrived: async () => {
      await anew;
      if (stage.wanted !== undefined) await team.until(stage.wanted, patience * 1000);
    },
  };
}

/** What is there of a team, once nothing has been written for some seconds. */
async function settled({ api }: Stage, team: Team): Promise<EndState> {
  for (let [last, still] = [-1, 0]; still < 4; await sleep(1000)) {
    const { length } = await api.writes();
    still = length === last ? still + 1 : 0;
    last = length;
  }
  return team.state();
}

interface Others {
  readonly objects: string;
  readonly rows: string;
}

/** Of all teams but those: digests of everything, versions too. */
async function ofOthers({ api, recorded }: Stage, namespaces: readonly string[]): Promise<Others> {
  const database = new pg.Client({ connectionString: recorded.databaseUrl });
  await database.connect();
  try {
    const { rows } = await database.query<{ digest: string }>(
      `SELECT md5(string_agg(registry::text, '' ORDER BY kind, id)) AS digest FROM registry
        WHERE kind = 'client' AND namespace <> ALL ($1)`,
      [namespaces],
    );
    return { objects: await api.ask({ order: 'digest', except: namespaces }), rows: rows[0]?.digest ?? '' };
  } finally {
    await database.end();
  }
}

async function judge(
  stage: Stage,
  {
    before,
    namespaces,
    broken,
  }: { readonly before: Others; readonly namespaces: readonly string[]; readonly broken: string[] },
): Promise<void> {
  const after = await ofOthers(stage, namespaces);
  if (after.objects !== before.objects) broken.push('Clients or Secrets of others were written');
  if (after.rows !== before.rows) broken.push('the registry of others was written');
  const writes = await stage.api.writes();
  const others = writes.filter(
    ({ call, namespace }) => / (?:clients|secrets)(?:\/status)?$/.test(call) && !namespaces.includes(namespace),
  );
  if (others.length > 0) broken.push(`writes about others: ${JSON.stringify(others.slice(0, 3))}`);
  const taken = writes.findIndex(({ who }) => who === 'second');
  if (taken >= 0 && writes.slice(taken).some(({ who }) => who === 'first')) broken.push('who was frozen has written');
}
