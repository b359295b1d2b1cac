import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createMetrics } from '../../../operator/src/metrics.ts';
import { type Controller, type Outcome, startController } from '../../../operator/src/runtime/controller.ts';
import { WorkQueue } from '../../../operator/src/runtime/queue.ts';

let controller: Controller | undefined;
afterEach(async () => {
  await controller?.stop();
  controller = undefined;
});

let leads = false;
const make = () =>
  createMetrics({
    version: '1.2.3',
    revision: 'abc',
    apiServer: 'https://10.96.0.1:443/k8s',
    leading: () => leads,
  });

/** Samples by name with labels, without what every process has. */
async function samples(metrics: ReturnType<typeof make>): Promise<Readonly<Record<string, number>>> {
  const { text } = await metrics.text();
  const lines = text.split('\n').filter((line) => /^[a-z]/.test(line) && !/^(process|nodejs)_/.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

it('say what runs, whether it leads, and what every process says', async () => {
  const metrics = make();
  expect(await samples(metrics)).toMatchObject({
    'nauthera_build_info{component="operator",version="1.2.3",revision="abc"}': 1,
    'leader_election_master_status{name="nauthera-operator"}': 0,
    nauthera_secret_rotations_blocked: 0,
    'nauthera_secret_rotations_total{outcome="rotated"}': 0,
  });
  leads = true;
  expect(await samples(metrics)).toMatchObject({ 'leader_election_master_status{name="nauthera-operator"}': 1 });
  const { type, text } = await metrics.text();
  expect(type).toMatch(/^text\/plain; version=/);
  expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  // Two of them in one process do not meet.
  expect(() => make()).not.toThrow();
});

it('count passes by how they ended, and what waits for one', async () => {
  const metrics = make();
  const queue = new WorkQueue({ onAdd: () => metrics.meter.added('Client') });
  metrics.meter.queue('Client', () => queue.waiting);
  const labels = 'name="Client",controller="Client"';
  for (const key of ['a/fine', 'a/fine', 'a/later', 'b/broken']) queue.add(key, 'change');
  expect(await samples(metrics)).toMatchObject({
    [`workqueue_adds_total{${labels}}`]: 3,
    [`workqueue_depth{${labels}}`]: 3,
    'controller_runtime_reconcile_errors_total{controller="Client"}': 0,
  });
  const outcomes: Readonly<Record<string, () => Outcome>> = {
    'a/fine': () => ({ outcome: 'done' }),
    'a/later': () => ({ outcome: 'waiting', on: 'a database', lookAgainAfter: 600_000 }),
    'b/broken': () => {
      throw new Error('broken');
    },
  };
  let passes = 0;
  controller = startController({
    name: 'Client',
    queue,
    reconcile: (key) => Promise.resolve().then(() => outcomes[key]?.() ?? { outcome: 'done' }),
    onFailure: () => undefined,
    onPass(result, milliseconds) {
      passes += 1;
      metrics.meter.reconciled('Client', result, milliseconds);
    },
  });
  while (passes < 3) await sleep(5);
  expect(await samples(metrics)).toMatchObject({
    'controller_runtime_reconcile_total{controller="Client",result="success"}': 1,
    'controller_runtime_reconcile_total{controller="Client",result="requeue_after"}': 1,
    'controller_runtime_reconcile_total{controller="Client",result="error"}': 1,
    'controller_runtime_reconcile_errors_total{controller="Client"}': 1,
    'controller_runtime_reconcile_time_seconds_count{controller="Client"}': 3,
    [`workqueue_depth{${labels}}`]: 0,
  });
});

it('count requests, repairs and rotations, and name no resource', async () => {
  const metrics = make();
  const path = '/api/v1/namespaces/shop/secrets/web-oauth2';
  metrics.requested({ method: 'GET', path, status: 200, milliseconds: 30 });
  metrics.requested({ method: 'PATCH', path, status: 0, milliseconds: 30_000 });
  metrics.repaired('Deployment');
  metrics.secretCounts.rotation('rotated');
  metrics.secretCounts.blocked('uid-1', true);
  metrics.secretCounts.blocked('uid-1', true);
  metrics.secretCounts.blocked('uid-2', true);
  metrics.secretCounts.blocked('uid-2', false);
  expect(await samples(metrics)).toMatchObject({
    'rest_client_requests_total{code="200",method="GET",host="10.96.0.1"}': 1,
    'rest_client_requests_total{code="<error>",method="PATCH",host="10.96.0.1"}': 1,
    'rest_client_request_duration_seconds_bucket{le="0.05",verb="GET",host="10.96.0.1"}': 1,
    'nauthera_drift_repairs_total{object="Deployment"}': 1,
    'nauthera_secret_rotations_total{outcome="rotated"}': 1,
    nauthera_secret_rotations_blocked: 1,
  });
  expect((await metrics.text()).text).not.toMatch(/shop|web-oauth2|uid-/);
});
