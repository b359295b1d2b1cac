/**
 * The operator beside a real API server, etcd and Postgres: `npm run bench:operator -- [--clients 5000]`; beside a recorded
 * one with `--recorded`, `--faults` or `--propagation` (see there). `--node FLAG` is for the operator's Node. Rows: a cold start
 * that registers every Client (time until the last is Ready; memory; CPU; writes to the API), the
 * same operator idle, and a restart with nothing changed (time until it has looked at everything; writes, which must be none).
 * Times are of this machine, with the API server, etcd and Postgres on the same cores.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Scene } from '../support/cluster-scene.ts';
import { countAudit, filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, TestCluster } from '../support/kube-cluster.ts';
import { startPostgres } from '../support/postgres.ts';
import { lineOf, runFaults, type Verdict } from './operator-faults.ts';
import { measureRecorded, programOf } from './operator-recorded.ts';
import { measurePropagation } from './propagation.ts';
import { quiet, row, useOf } from './usage.ts';

async function createClients(scene: Scene, count: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      await scene.create(
        scene.aClient(`app-${index}`, {
          displayName: `Application number ${index}`,
          grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
          redirectUris: [`https://app-${index}.example.com/callback`, `https://app-${index}.example.com/silent`],
          scopes: ['openid', 'profile', 'email', 'offline_access', scene.scope('read')],
        }),
      );
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** By lists in pages: `kubectl wait --all` asks for one object after the other, five a second. */
async function reasonsOf(scene: Scene): Promise<Record<string, number>> {
  const reasons: Record<string, number> = {};
  for (let next = ''; ; ) {
    const path = `${scene.path('Client', 'shop')}?limit=500${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
    const { items, metadata } = await scene.cluster.call('GET', path);
    for (const { status } of items as AnyObject[]) {
      const ready = (status?.conditions as AnyObject[] | undefined)?.find(({ type }) => type === 'Ready');
      const reason = String(ready?.reason);
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    }
    next = String(metadata.continue ?? '');
    if (next === '') return reasons;
  }
}

async function allReady(scene: Scene, clients: number): Promise<void> {
  const began = performance.now();
  for (let told = began; ; await sleep(1000)) {
    const reasons = await reasonsOf(scene);
    if (reasons.Ready === clients) return;
    if (performance.now() - told < 10_000) continue;
    told = performance.now();
    console.error(`${((told - began) / 1000).toFixed(0)} s: ${JSON.stringify(reasons)}`);
  }
}

async function measure(scene: Scene, clients: number): Promise<void> {
  const { cluster } = scene;
  const writes = async (since: number) => {
    const calls = filterAudit(await cluster.auditEvents(), { user: scene.user }).filter(({ at }) => at >= since);
    console.log(`calls: ${JSON.stringify(countAudit(calls))}`);
    return countAudit(writesOf(calls));
  };
  const without = (counts: Record<string, number>) =>
    Object.fromEntries(Object.entries(counts).filter(([what]) => !what.endsWith(' leases')));

  await scene.create(scene.aServer());
  await scene.create(scene.aScope());
  const first = await scene.operator();
  const replica = await scene.replica();
  await scene.untilReason('Scope', 'shop', 'read');
  await first.stop();

  let began = performance.now();
  await createClients(scene, clients);
  console.log(`${clients} Clients created in ${((performance.now() - began) / 1000).toFixed(1)} s`);

  let since = Date.now();
  began = performance.now();
  const cold = await scene.operator();
  await allReady(scene, clients);
  const coldTime = (performance.now() - began) / 1000;
  await quiet(cold.pid);
  row('cold start, all new', coldTime, await useOf(cold.pid), without(await writes(since)));

  const before = await useOf(cold.pid);
  since = Date.now();
  await sleep(20_000);
  const after = await useOf(cold.pid);
  row('idle, 20 s', 20, { ...after, cpu: after.cpu - before.cpu }, without(await writes(since)));
  await cold.stop();

  since = Date.now();
  began = performance.now();
  const warm = await scene.operator();
  await warm.ready();
  const readyTime = (performance.now() - began) / 1000;
  await quiet(warm.pid);
  row('restart, nothing changed', readyTime, await useOf(warm.pid), without(await writes(since)));
  const revision = await scene.revision();
  console.log(
    `quiet after ${((performance.now() - began) / 1000 - 3).toFixed(1)} s; registry at ${JSON.stringify(revision)}`,
  );
  await warm.stop();
  await replica.stop();
}

async function measureReal(clients: number): Promise<void> {
  const [cluster, postgres] = await Promise.all([TestCluster.start(), startPostgres('newest')]);
  try {
    await measure(await Scene.make({ cluster, postgres }), clients);
  } finally {
    await Promise.all([cluster.stop(), postgres.stop()]);
  }
}

/** Exit code 1: a promise was not kept. */
async function measureFaults(): Promise<void> {
  using operator = programOf(options.bundle);
  const onVerdict = (verdict: Verdict) => {
    console.log(lineOf(verdict));
    if (verdict.broken.length > 0) process.exitCode = 1;
  };
  await runFaults({ ...options, program: operator.program, short: false, only: values.only, onVerdict });
}

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '5000' },
    recorded: { type: 'boolean', default: false },
    propagation: { type: 'boolean', default: false },
    faults: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    bundle: { type: 'boolean', default: false },
    runs: { type: 'string', default: '1' },
    node: { type: 'string', multiple: true, default: [] },
  },
});
const options = {
  clients: Number(values.clients),
  perNamespace: Number(values.clients) < 2000 ? 10 : 100,
  bundle: values.bundle,
  runs: Number(values.runs),
  nodeArgs: values.node,
};
if (values.propagation) await measurePropagation(options);
else if (values.faults) await measureFaults();
else if (values.recorded) await measureRecorded(options);
else await measureReal(options.clients);
