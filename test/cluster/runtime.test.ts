/** The operator's own way to the Kubernetes API against a real one: the Lease, reflectors, Events. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEventRecorder } from '../../operator/src/runtime/events.ts';
import { ApiError, apiPath } from '../../operator/src/runtime/kubernetes-api.ts';
import { connect, createApi, type KubernetesConnection } from '../../operator/src/runtime/kubernetes-client.ts';
import { createLeader } from '../../operator/src/runtime/leader.ts';
import type { KubernetesObject } from '../../operator/src/runtime/reflected.ts';
import { createReflector } from '../../operator/src/runtime/reflector.ts';
import { type ApiProxy, on, startApiProxy, type WatchEvent } from '../support/api-proxy.ts';
import { type AuditEvent, writesOf } from '../support/kube-audit.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';

const holder = join(dirname(fileURLToPath(import.meta.url)), 'lease-holder.ts');

let cluster: TestCluster;
let proxy: ApiProxy;
beforeAll(async () => {
  cluster = await startCluster({ crds: false });
  proxy = await startApiProxy(cluster);
});
afterAll(async () => {
  await proxy?.close();
  await cluster?.stop();
});
const undo: (() => unknown)[] = [];
afterEach(async () => {
  proxy.disarm();
  for (const one of undo.splice(0).reverse()) await one();
});

async function connectTo(through: ApiProxy | TestCluster, namespace: string): Promise<KubernetesConnection> {
  const kubeconfig = await cluster.writeKubeconfig(through, cluster.adminToken, namespace);
  const connection = await connect({ kubeconfig });
  undo.push(() => connection.close());
  return connection;
}

const put = (namespace: string, name: string, data = {}) =>
  cluster.call('PATCH', `/api/v1/namespaces/${namespace}/configmaps/${name}?fieldManager=test&force=true`, {
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { test: 'yes' } }, data },
  });
const remove = (namespace: string, name: string) =>
  cluster.call('DELETE', `/api/v1/namespaces/${namespace}/configmaps/${name}`);

class Holder {
  readonly name: string;
  readonly child: ChildProcess;
  said = '';

  constructor(name: string, kubeconfig: string) {
    this.name = name;
    this.child = spawn(process.execPath, [holder, name, kubeconfig], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('utf8');
    });
    undo.push(() => this.child.kill('SIGKILL'));
  }

  async says(what: string, timeout = 120_000): Promise<void> {
    await expect.poll(() => this.said, { timeout }).toContain(what);
  }
}

describe('F37: two operators', () => {
  it('the frozen leader, thawed, writes nothing after the other has taken over', async () => {
    const namespace = await cluster.namespace('lead');
    const kubeconfig = await cluster.writeKubeconfig(cluster, cluster.adminToken, namespace);
    const one = new Holder('one', kubeconfig);
    await one.says('leads');
    const two = new Holder('two', kubeconfig);
    const written = async () =>
      writesOf(await cluster.auditEvents(), { resource: 'configmaps', namespace, name: 'written' });
    await expect.poll(async () => (await written()).length).toBeGreaterThan(0);
    await sleep(3000);
    one.child.kill('SIGSTOP');
    await two.says('leads');
    await sleep(1000);
    one.child.kill('SIGCONT');
    await one.says('lost');
    await sleep(1000);

    const [created, transitions] = /leads: (\d+) (\d+)/.exec(one.said)?.slice(1).map(Number) ?? [];
    const [later, more] = /leads: (\d+) (\d+)/.exec(two.said)?.slice(1).map(Number) ?? [];
    expect(later).toBe(created);
    expect(more).toBe((transitions ?? 0) + 1);
    const ofLease = writesOf(await cluster.auditEvents(), { resource: 'leases', namespace });
    const isByTwo = ({ userAgent }: AuditEvent) => userAgent === 'nauthera-operator/two';
    const taken = ofLease.findIndex((write) => isByTwo(write) && write.code < 300);
    // As long as the Lease promises nobody else leads.
    const promised = 15_000;
    expect((ofLease[taken]?.at ?? 0) - (ofLease[taken - 1]?.at ?? 0)).toBeGreaterThanOrEqual(promised);
    const writes = await written();
    const byTwo = writes.findIndex(isByTwo);
    expect(byTwo).toBeGreaterThan(0);
    const agents = new Set(writes.slice(byTwo).map(({ userAgent }) => userAgent));
    expect([...agents]).toEqual(['nauthera-operator/two']);
    expect(writes[0]?.userAgent).toBe('nauthera-operator/one');
  });

  it('one that stops is followed at once, by a larger number; a deleted Lease begins a larger pair', async () => {
    const namespace = await cluster.namespace('lead');
    const api = createApi(await connectTo(cluster, namespace));
    const lost: string[] = [];
    const aLeader = () =>
      createLeader({ api, namespace, name: 'nauthera-operator', onLost: (reason) => lost.push(reason) });
    const one = aLeader();
    const first = await one.acquire();
    await one.stop();
    const two = aLeader();
    const second = await two.acquire();
    expect(second).toEqual({ leaseCreated: first?.leaseCreated, leaseTransitions: (first?.leaseTransitions ?? 0) + 1 });
    await sleep(1100);
    await cluster.call('DELETE', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/nauthera-operator`);
    await expect.poll(() => lost, { timeout: 60_000 }).toEqual(['The Lease was deleted']);
    expect(two.leading()).toBe(false);
    const three = aLeader();
    undo.push(() => three.stop());
    const third = await three.acquire();
    expect(third?.leaseCreated).toBeGreaterThan(second?.leaseCreated ?? Number.POSITIVE_INFINITY);
    await two.stop();
  });
});

describe('a reflector', () => {
  async function reflecting(through: ApiProxy | TestCluster, namespace: string, metadataOnly = false) {
    const connection = await connectTo(through, namespace);
    const told: string[] = [];
    const problems: string[] = [];
    const objects: KubernetesObject[] = [];
    const reflector = createReflector({
      api: createApi(connection),
      path: apiPath('api', 'v1', 'namespaces', namespace, 'configmaps'),
      query: { labelSelector: 'test=yes' },
      metadataOnly,
      handler: {
        onUpsert: (object) => {
          told.push(object.metadata.name);
          objects.push(object);
        },
        onGone: ({ name }) => told.push(`-${name}`),
      },
      onProblem: ({ during, reason }) => problems.push(`${during} ${reason}`),
    });
    undo.push(() => reflector.stop());
    await reflector.start();
    return { reflector, told, problems, objects };
  }

  const truth = async (namespace: string) => {
    const { items } = await cluster.call('GET', `/api/v1/namespaces/${namespace}/configmaps?labelSelector=test%3Dyes`);
    return (items as KubernetesObject[]).map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort();
  };
  type Started = Awaited<ReturnType<typeof reflecting>>;
  /** Cache = server. */
  const converges = async ({ reflector }: Started, namespace: string) => {
    const seen = () => [...reflector.entries()].map(({ uid, resourceVersion }) => `${uid} ${resourceVersion}`).sort();
    const wanted = await truth(namespace);
    await expect.poll(seen, { timeout: 60_000 }).toEqual(wanted);
  };

  it('lists by pages and follows: new, changed, gone, no longer selected', async () => {
    const namespace = await cluster.namespace('reflect');
    for (let i = 0; i < 620; i += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, j) => put(namespace, `c-${i + j}`)));
    }
    const started = await reflecting(cluster, namespace);
    expect(started.told).toHaveLength(620);
    await put(namespace, 'new');
    await put(namespace, 'c-1', { a: 'b' });
    await remove(namespace, 'c-2');
    await cluster.call('PATCH', `/api/v1/namespaces/${namespace}/configmaps/c-3`, {
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { test: 'no' } } },
    });
    await expect.poll(() => started.told.slice(620)).toEqual(['new', 'c-1', '-c-2', '-c-3']);
    await converges(started, namespace);
    expect(started.problems).toEqual([]);
  });

  it('own writes wake nobody', async () => {
    const namespace = await cluster.namespace('reflect');
    await put(namespace, 'a');
    const started = await reflecting(proxy, namespace);
    // The answer to a write may come after its event. What is proved is the other order, so events wait until it is noted.
    const ofNamespace = on({ resource: 'configmaps', namespace });
    const waiting: WatchEvent[] = [];
    const keeping = proxy.changeEvents(ofNamespace, (event) => {
      // Whenever the API server likes.
      if (event.type === 'BOOKMARK') return [event];
      waiting.push(event);
      return [];
    });
    await expect.poll(() => proxy.openWatches(ofNamespace)).toBe(1);
    const written = (await put(namespace, 'a', { mine: 'yes' })) as KubernetesObject;
    await put(namespace, 'b');
    await expect.poll(() => waiting.length, { timeout: 60_000 }).toBe(2);
    started.reflector.noteWritten(written);
    keeping.disarm();
    for (const event of waiting) proxy.inject(ofNamespace, event);
    await expect.poll(() => started.told, { timeout: 60_000 }).toEqual(['a', 'b']);
    await converges(started, namespace);
  });

  it('gets metadata only where that is all', async () => {
    const namespace = await cluster.namespace('reflect');
    await put(namespace, 'a', { content: 'secret' });
    const started = await reflecting(cluster, namespace, true);
    await put(namespace, 'b', { content: 'secret' });
    await expect.poll(() => started.told).toEqual(['a', 'b']);
    expect(started.objects.every((object) => !('data' in object))).toBe(true);
    expect(started.objects[1]).toMatchObject({ kind: 'PartialObjectMetadata' });
  });

  it('F29, F31: the API server is killed, and has forgotten what was: 410, a list, deletions noticed', async () => {
    const namespace = await cluster.namespace('reflect');
    await Promise.all(['a', 'b', 'c'].map((name) => put(namespace, name)));
    const started = await reflecting(proxy, namespace);
    proxy.refuse();
    proxy.reset();
    await expect.poll(() => started.problems, { timeout: 60_000 }).toContain('watch unavailable');
    await remove(namespace, 'a');
    await put(namespace, 'b', { changed: 'yes' });
    await put(namespace, 'd');
    // A new process knows nothing of before: it cannot tell what happened since.
    await cluster.killApiServer();
    await cluster.startApiServer();
    proxy.accept();
    await expect.poll(() => started.told, { timeout: 60_000 }).toContain('-a');
    await converges(started, namespace);
    expect(started.problems).toContain('watch expired');
    await put(namespace, 'e');
    await expect.poll(() => started.told.at(-1), { timeout: 60_000 }).toBe('e');
  });

  it('F29: etcd and the API server killed during changes: the same end state', async () => {
    const namespace = await cluster.namespace('reflect');
    const started = await reflecting(cluster, namespace);
    for (let i = 0; i < 20; i += 1) await put(namespace, `c-${i}`);
    const killing = Promise.all([cluster.killApiServer(), cluster.killEtcd()]);
    for (let i = 20; i < 30; i += 1) await put(namespace, `c-${i}`).catch(() => undefined);
    await killing;
    await cluster.etcd.start();
    await cluster.startApiServer();
    for (let i = 10; i < 15; i += 1) await remove(namespace, `c-${i}`);
    await converges(started, namespace);
  });
});

describe('Events', () => {
  it('are shown by kubectl describe, and become a series', async () => {
    const namespace = await cluster.namespace('events');
    const object = (await put(namespace, 'web')) as KubernetesObject;
    const problems: unknown[] = [];
    const recorder = createEventRecorder({
      api: createApi(await connectTo(cluster, namespace)),
      apiVersion: 'v1',
      instance: 'test',
      onProblem: (error) => problems.push(error),
      timers: {
        now: () => performance.now(),
        after: (_delay, run) => {
          const timer = setTimeout(run, 100);
          return () => clearTimeout(timer);
        },
      },
    });
    const regarding = { kind: 'ConfigMap', namespace, name: 'web', uid: object.metadata.uid };
    const event = {
      regarding,
      type: 'Warning',
      reason: 'DriftRepaired',
      action: 'Repair',
      note: 'It was ä'.repeat(200),
    } as const;
    for (let i = 0; i < 3; i += 1) recorder.record(event);
    const events = async () => {
      const { items } = await cluster.call('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
      return items as { series?: { count: number } }[];
    };
    await expect.poll(async () => (await events())[0]?.series?.count, { timeout: 60_000 }).toBe(3);
    await recorder.stop();
    expect(await events()).toHaveLength(1);
    expect(problems).toEqual([]);
    const { stdout } = await cluster.kubectl(['describe', 'configmap', 'web'], { namespace });
    expect(stdout).toContain('DriftRepaired');
  });
});

describe('refusals', () => {
  it('have status, reason and words of their own', async () => {
    const namespace = await cluster.namespace('refuse');
    const api = createApi(await connectTo(cluster, namespace));
    const path = apiPath('api', 'v1', 'namespaces', namespace, 'configmaps', 'none');
    await expect(api.request({ method: 'GET', path })).rejects.toBeInstanceOf(ApiError);
    await expect(api.request({ method: 'GET', path })).rejects.toMatchObject({
      status: 404,
      reason: 'NotFound',
      says: 'configmaps "none" not found',
      message: `GET ${path}: 404 NotFound`,
    });
  });
});
