/**
 * The operator beside a real API server, etcd and Postgres: `npm run bench:operator -- [--clients 5000]`. Rows: a cold start
 * that registers every Client (time until the last is Ready; memory; CPU; writes to the API), the
 * same operator idle, and a restart with nothing changed (time until it has looked at everything; writes, which must be none).
 * Times are of this machine, with the API server, etcd and Postgres on the same cores.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Scene } from '../support/cluster-scene.ts';
import { countAudit, filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, TestCluster } from '../support/kube-cluster.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres } from '../support/postgres.ts';

interface Use {
  /** Seconds of CPU since the process began. */
  readonly cpu: number;
  /** MiB, now and at most. */
  readonly resident: number;
  readonly peak: number;
}

/** Clock ticks a second of Linux. */
const ticks = 100;

async function useOf(pid: number | undefined): Promise<Use> {
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
async function quiet(operator: OperatorProcess): Promise<void> {
  let { cpu } = await useOf(operator.pid);
  for (let still = 0; still < 3; ) {
    await sleep(1000);
    const now = (await useOf(operator.pid)).cpu;
    still = now - cpu < 0.1 ? still + 1 : 0;
    cpu = now;
  }
}

const row = (name: string, seconds: number, use: Use, writes: Readonly<Record<string, number>>) =>
  console.log(
    `${name.padEnd(28)} ${seconds.toFixed(1).padStart(7)} s  CPU ${use.cpu.toFixed(1).padStart(6)} s  RSS ${use.resident.toFixed(0).padStart(4)} MiB, peak ${use.peak.toFixed(0).padStart(4)} MiB  writes ${JSON.stringify(writes)}`,
  );

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
  await quiet(cold);
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
  await quiet(warm);
  row('restart, nothing changed', readyTime, await useOf(warm.pid), without(await writes(since)));
  const revision = await scene.revision();
  console.log(
    `quiet after ${((performance.now() - began) / 1000 - 3).toFixed(1)} s; registry at ${JSON.stringify(revision)}`,
  );
  await warm.stop();
  await replica.stop();
}

const { values } = parseArgs({ options: { clients: { type: 'string', default: '5000' } } });
const [cluster, postgres] = await Promise.all([TestCluster.start(), startPostgres('newest')]);
try {
  await measure(await Scene.make({ cluster, postgres }), Number(values.clients));
} finally {
  await Promise.all([cluster.stop(), postgres.stop()]);
}
