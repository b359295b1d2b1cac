import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition } from '@nauthera/crds';
import type { Registry } from '@nauthera/server/registry';
import { afterEach, expect, it } from 'vitest';
import { counted } from '../../../operator/src/controllers/counted-registry.ts';
import { createMetrics } from '../../../operator/src/metrics.ts';
import { type Controller, type Outcome, startController } from '../../../operator/src/runtime/controller.ts';
import { WorkQueue } from '../../../operator/src/runtime/queue.ts';
import { aClient, anOwner } from '../../support/builders.ts';

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
  const queue = new WorkQueue({
    observer: {
      added: () => metrics.meter.added('Client'),
      taken: (waited) => metrics.meter.taken('Client', waited),
      given: (worked) => metrics.meter.given('Client', worked),
      putOff: () => metrics.meter.putOff('Client'),
    },
  });
  metrics.meter.queue('Client', queue, 10);
  const labels = 'name="Client",controller="Client"';
  for (const key of ['a/fine', 'a/fine', 'a/later', 'b/broken']) queue.add(key, 'change');
  expect(await samples(metrics)).toMatchObject({
    [`workqueue_adds_total{${labels}}`]: 3,
    [`workqueue_depth{${labels}}`]: 3,
    [`workqueue_retries_total{${labels}}`]: 0,
    'controller_runtime_reconcile_errors_total{controller="Client"}': 0,
    'controller_runtime_reconcile_total{controller="Client",result="requeue"}': 0,
    'controller_runtime_max_concurrent_reconciles{controller="Client"}': 10,
    'controller_runtime_active_workers{controller="Client"}': 0,
  });
  const outcomes: Readonly<Record<string, () => Outcome>> = {
    'a/fine': () => ({ outcome: 'done' }),
    'a/later': () => ({ outcome: 'waiting', on: 'a database', lookAgainAfter: 600_000 }),
    'b/broken': () => {
      throw new Error('broken');
    },
  };
  const slow = Promise.withResolvers<void>();
  let passes = 0;
  controller = startController({
    name: 'Client',
    queue,
    reconcile: (key) =>
      (key === 'a/fine' ? slow.promise : Promise.resolve()).then(() => outcomes[key]?.() ?? { outcome: 'done' }),
    onFailure: () => undefined,
    onPass(result, milliseconds) {
      passes += 1;
      metrics.meter.reconciled('Client', result, milliseconds);
    },
  });
  while (passes < 2) await sleep(5);
  await sleep(20);
  const meanwhile = await samples(metrics);
  expect(meanwhile).toMatchObject({
    'controller_runtime_active_workers{controller="Client"}': 1,
    [`workqueue_queue_duration_seconds_count{${labels}}`]: 3,
    [`workqueue_work_duration_seconds_count{${labels}}`]: 2,
    // The failure, and what asked to be looked at again.
    [`workqueue_retries_total{${labels}}`]: 2,
  });
  for (const name of ['unfinished_work', 'longest_running_processor'])
    expect(meanwhile[`workqueue_${name}_seconds{${labels}}`]).toBeGreaterThan(0.01);
  slow.resolve();
  while (passes < 3) await sleep(5);
  expect(await samples(metrics)).toMatchObject({
    'controller_runtime_reconcile_total{controller="Client",result="success"}': 1,
    'controller_runtime_reconcile_total{controller="Client",result="requeue_after"}': 1,
    'controller_runtime_reconcile_total{controller="Client",result="error"}': 1,
    'controller_runtime_reconcile_errors_total{controller="Client"}': 1,
    'controller_runtime_reconcile_time_seconds_count{controller="Client"}': 3,
    [`workqueue_depth{${labels}}`]: 0,
    [`workqueue_unfinished_work_seconds{${labels}}`]: 0,
    [`workqueue_longest_running_processor_seconds{${labels}}`]: 0,
  });
});

const condition = (type: string, status: Condition['status'], reason: string, observedGeneration = 1): Condition => ({
  type,
  status,
  reason,
  message: '',
  observedGeneration,
  lastTransitionTime: '1970-01-01T00:00:00Z',
});

it('count resources by how they stand, as their statuses say it', async () => {
  const metrics = make();
  const conclude = (key: string, status: Condition['status'], reason: string) =>
    metrics.resourceCounts.concluded('Client', key, {
      generation: 1,
      before: [],
      after: [condition('Ready', status, reason)],
      heardAt: 0,
    });
  for (let at = 0; at < 1000; at += 1) conclude(`shop/web-${at}`, 'True', 'Ready');
  for (const key of ['shop/web-1', 'shop/web-2', 'shop/web-3']) conclude(key, 'False', 'SecretNotFound');
  conclude('shop/web-3', 'False', 'SecretNotFound');
  conclude('shop/web-4', 'Unknown', 'Blocked');
  metrics.resourceCounts.gone('Client', 'shop/web-1');
  metrics.resourceCounts.gone('Client', 'shop/web-1');
  conclude('shop/web-2', 'True', 'Ready');
  expect(await samples(metrics)).toMatchObject({
    'nauthera_resources{kind="Client",ready="true",reason="Ready"}': 997,
    'nauthera_resources{kind="Client",ready="false",reason="SecretNotFound"}': 1,
    'nauthera_resources{kind="Client",ready="unknown",reason="Blocked"}': 1,
  });
  metrics.resourceCounts.gone('Client', 'shop/web-3');
  // Told as 0, so that whoever looks sees it end.
  expect(await samples(metrics)).toMatchObject({
    'nauthera_resources{kind="Client",ready="false",reason="SecretNotFound"}': 0,
  });
});

it('tell how long a generation waited to be served everywhere, and of none twice', async () => {
  const metrics = make();
  const concluded = (...of: Parameters<typeof metrics.resourceCounts.concluded>) =>
    metrics.resourceCounts.concluded(...of);
  const served = (generation: number) => [condition('Programmed', 'True', 'Programmed', generation)];
  const waits = (generation: number) => [condition('Programmed', 'False', 'NotServedYet', generation)];
  const key = 'shop/web';
  const first = performance.now() - 4000;
  concluded('Client', key, { generation: 1, before: [], after: waits(1), heardAt: first });
  concluded('Client', key, { generation: 1, before: waits(1), after: waits(1), heardAt: performance.now() });
  const of = async (le: string) =>
    (await samples(metrics))[`nauthera_programmed_duration_seconds_bucket{le="${le}",kind="Client"}`] ?? 0;
  expect(await of('+Inf')).toBe(0);
  concluded('Client', key, { generation: 1, before: waits(1), after: served(1), heardAt: performance.now() });
  expect([await of('2.5'), await of('+Inf')]).toEqual([0, 1]);
  // Looked at again, also by a process that saw nothing of it begin.
  concluded('Client', key, { generation: 1, before: served(1), after: served(1), heardAt: 0 });
  expect(await of('+Inf')).toBe(1);
  // At once, and a newer one that overtook the one that waited.
  concluded('Client', key, { generation: 2, before: served(1), after: served(2), heardAt: performance.now() });
  concluded('Client', key, { generation: 3, before: served(2), after: waits(3), heardAt: first });
  concluded('Client', key, { generation: 4, before: waits(3), after: served(4), heardAt: performance.now() });
  expect([await of('2.5'), await of('+Inf')]).toEqual([2, 3]);
});

it('count what is written, by kind and never by name', async () => {
  const metrics = make();
  expect(await samples(metrics)).toMatchObject({
    'nauthera_registry_writes_total{kind="LdapBinding",operation="delete"}': 0,
    'nauthera_status_writes_total{kind="Scope"}': 0,
    'nauthera_finalizers_released_total{kind="Client"}': 0,
  });
  const outcomes = ['written', 'unchanged', 'written'] as const;
  const revision = { epoch: 'one', n: 1 };
  const unused = () => {
    throw new Error('not asked');
  };
  const answers = {
    fingerprint: unused,
    stands: unused,
    get: unused,
    adopt: unused,
    scanOwners: unused,
    scanChecks: unused,
    noteChecks: unused,
    follow: unused,
  };
  const more = { reports: unused, clock: unused, secretUse: unused, revokeTokens: unused, wishKeys: unused };
  const identities = { identities: unused, putIdentity: unused, deleteIdentity: unused };
  const registry: Registry = {
    ...answers,
    ...more,
    ...identities,
    put: () => Promise.resolve({ outcome: 'conflict', owner: anOwner('x'), reserved: false }),
    putMany: (rows) => Promise.resolve(rows.map((_, at) => ({ outcome: outcomes[at] ?? 'unchanged', revision }))),
    delete: (_, uid) => Promise.resolve(uid === 'there' ? revision : null),
  };
  const counting = counted(registry, metrics.writes.registry);
  const rows = ['a', 'b', 'c'].map((id) => ({
    kind: 'client' as const,
    id,
    owner: anOwner(id),
    value: aClient(id).build(),
  }));
  await counting.putMany(rows);
  if (rows[0] !== undefined) await counting.put(rows[0]);
  await counting.delete('directory', 'there');
  await counting.delete('directory', 'gone');
  expect(await samples(metrics)).toMatchObject({
    'nauthera_registry_writes_total{kind="Client",operation="put"}': 2,
    'nauthera_registry_writes_total{kind="LdapBinding",operation="delete"}': 1,
  });
});

it('tell since when a watch has been silent, and why one began anew', async () => {
  const silences = { Client: 3000, Secret: undefined };
  const metrics = createMetrics({
    version: '1',
    revision: 'abc',
    apiServer: 'https://10.96.0.1:443',
    leading: () => true,
    silences: () => silences,
  });
  metrics.watchRestarted({ path: '/apis/auth.nauthera.io/v1alpha1/namespaces/shop/clients', reason: 'expired' });
  metrics.watchRestarted({ path: '/apis/apps/v1/deployments', reason: 'unavailable' });
  const told = await samples(metrics);
  expect(told).toMatchObject({
    'nauthera_watch_seconds_since_last_sync{kind="Client"}': 3,
    'nauthera_watch_restarts_total{kind="Client",reason="expired"}': 1,
    'nauthera_watch_restarts_total{kind="Child",reason="unavailable"}': 1,
  });
  expect(told).not.toHaveProperty('nauthera_watch_seconds_since_last_sync{kind="Secret"}');
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
