import { Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiCall } from '../support/api-call.ts';
import { type ApiProxy, goneEvent, on, startApiProxy, type WatchEvent } from '../support/api-proxy.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';

let cluster: TestCluster;
let proxy: ApiProxy;
let agent: Agent;
beforeAll(async () => {
  cluster = await startCluster({ crds: false });
  proxy = await startApiProxy(cluster);
  agent = new Agent({ connect: { ca: proxy.caPem } });
});
afterEach(() => proxy.disarm());
afterAll(async () => {
  await agent.destroy();
  await proxy.close();
  await cluster.stop();
});

const maps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;
const headers = () => ({ authorization: `Bearer ${cluster.adminToken}`, 'content-type': 'application/json' });

async function call(method: 'GET' | 'POST', path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const answer = await request(`${proxy.server}${path}`, {
    method,
    dispatcher: agent,
    headers: headers(),
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: answer.statusCode, body: await answer.body.json() };
}

const make = (namespace: string, name: string) => call('POST', maps(namespace), { metadata: { name } });
const exists = async (namespace: string, name: string) =>
  (await cluster.request('GET', `${maps(namespace)}/${name}`)).status === 200;

/** Types and names of what a watch of ConfigMaps says, in its order. */
async function watch(namespace: string) {
  const list = (await cluster.call('GET', maps(namespace))).metadata as { resourceVersion: string };
  const { body } = await request(`${proxy.server}${maps(namespace)}?watch=1&resourceVersion=${list.resourceVersion}`, {
    dispatcher: agent,
    headers: headers(),
    bodyTimeout: 0,
  });
  const seen: string[] = [];
  let end: 'open' | 'ended' | 'broken' = 'open';
  let rest = '';
  body.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as WatchEvent;
      seen.push(type === 'ERROR' ? `ERROR ${String(object.code)}` : `${type} ${String(object.metadata.name)}`);
    }
  });
  body.once('end', () => {
    end = 'ended';
  });
  body.once('error', () => {
    end = 'broken';
  });
  return {
    seen,
    end: () => end,
    /** Resolves when `last` has come. */
    until: (last: string) => expect.poll(() => seen, { timeout: 60_000 }).toContain(last),
    stop: () => body.destroy(),
  };
}

const configMaps = on({ resource: 'configmaps' });

describe('how the fault proxy reads a request', () => {
  it.each([
    ['GET', '/api/v1/namespaces/a/secrets', { verb: 'list', resource: 'secrets', namespace: 'a', name: '' }],
    ['GET', '/api/v1/secrets?watch=true', { verb: 'watch', resource: 'secrets', namespace: '' }],
    ['GET', '/api/v1/namespaces/a', { verb: 'get', resource: 'namespaces', name: 'a', namespace: '' }],
    ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces' }],
    [
      'PATCH',
      '/apis/auth.nauthera.io/v1alpha1/namespaces/a/clients/web/status',
      { verb: 'patch', group: 'auth.nauthera.io', resource: 'clients', name: 'web', subresource: 'status' },
    ],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/a/leases/x', { verb: 'update', resource: 'leases', name: 'x' }],
    ['DELETE', '/apis/auth.nauthera.io/v1alpha1/namespaces/a/clients', { verb: 'deletecollection' }],
    ['GET', '/openid/v1/jwks', { resource: '', verb: 'list' }],
  ])('%s %s', (method, url, expected) => {
    expect(apiCall(method, url, '', Buffer.alloc(0))).toMatchObject(expected);
  });
});

describe('the fault proxy before the Kubernetes API', () => {
  it('passes everything on, with whose token it is, and counts', async () => {
    const namespace = await cluster.namespace();
    const counter = proxy.count(on({ mutating: true, namespace }));
    const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'app', proxy);
    const whoami = await cluster.kubectl(['auth', 'whoami', '-o', 'name'], { kubeconfig });
    expect(whoami.code === 0 || whoami.stderr).toBe(true);
    expect((await make(namespace, 'a')).status).toBe(201);
    expect(counter.calls).toMatchObject([{ verb: 'create', resource: 'configmaps' }]);
  });

  it.each([409, 410, 429, 500])(
    'answers %i as often as it is told, and the API server sees nothing of it',
    async (status) => {
      const namespace = await cluster.namespace();
      const rule = proxy.answer(on({ verb: 'create', namespace }), { status, headers: { 'retry-after': '1' } }, 1);
      expect(await make(namespace, 'a')).toMatchObject({ status, body: { kind: 'Status', code: status } });
      expect(await exists(namespace, 'a')).toBe(false);
      expect((await make(namespace, 'a')).status).toBe(201);
      expect(rule.fired).toBe(1);
    },
  );

  it('cuts the k-th write before or after it is carried out', async () => {
    const namespace = await cluster.namespace();
    let died = '';
    const before = proxy.before(on({ mutating: true }), 2, (held) => {
      died = held.path;
    });
    await make(namespace, 'one');
    await expect(make(namespace, 'two')).rejects.toThrow();
    expect([await exists(namespace, 'two'), died, before.fired]).toEqual([false, maps(namespace), 1]);
    const after = proxy.after(on({ mutating: true }), 1);
    await expect(make(namespace, 'three')).rejects.toThrow();
    expect([await exists(namespace, 'three'), after.fired]).toEqual([true, 1]);
    expect((await make(namespace, 'four')).status).toBe(201);
  });

  it('holds a call until it is released', async () => {
    const namespace = await cluster.namespace();
    const hold = proxy.hold(on({ verb: 'create', namespace }));
    const made = make(namespace, 'a');
    expect((await hold.reached).verb).toBe('create');
    expect(await exists(namespace, 'a')).toBe(false);
    hold.release();
    expect((await made).status).toBe(201);
  });

  it('tells an old list again', async () => {
    const namespace = await cluster.namespace();
    const names = async () =>
      ((await call('GET', maps(namespace))).body as { items: { metadata: { name: string } }[] }).items
        .map(({ metadata }) => metadata.name)
        .filter((name) => name !== 'kube-root-ca.crt');
    await make(namespace, 'old');
    const kept = proxy.keepLists(configMaps);
    expect(await names()).toEqual(['old']);
    await make(namespace, 'new');
    kept.replay();
    expect([await names(), kept.fired]).toEqual([['old'], 1]);
    kept.disarm();
    expect(await names()).toEqual(['new', 'old']);
  });

  it('drops, doubles and swaps the events of a watch, and puts a 410 into it', async () => {
    const namespace = await cluster.namespace();
    await expect.poll(() => exists(namespace, 'kube-root-ca.crt')).toBe(true);
    const open = await watch(namespace);
    const named =
      (...names: string[]) =>
      ({ object }: WatchEvent) =>
        names.includes(String(object.metadata.name));
    const rules = [
      proxy.dropEvents(configMaps, named('dropped')),
      proxy.doubleEvents(configMaps, named('twice')),
      proxy.reorderEvents(configMaps, named('late')),
    ];
    for (const name of ['dropped', 'twice', 'late', 'early', 'end']) await make(namespace, name);
    await open.until('ADDED end');
    expect(open.seen).toEqual(['ADDED twice', 'ADDED twice', 'ADDED early', 'ADDED late', 'ADDED end']);
    expect(rules.map(({ fired }) => fired)).toEqual([1, 1, 2]);
    expect(proxy.inject(configMaps, goneEvent)).toBe(1);
    await open.until('ERROR 410');
    open.stop();
  });

  it('lets an open watch go silent without closing it, while a new one works', async () => {
    const namespace = await cluster.namespace();
    await expect.poll(() => exists(namespace, 'kube-root-ca.crt')).toBe(true);
    const first = await watch(namespace);
    await expect.poll(() => proxy.openWatches(configMaps)).toBe(1);
    expect(proxy.silence(configMaps)).toBe(1);
    const second = await watch(namespace);
    await make(namespace, 'a');
    await second.until('ADDED a');
    expect([first.seen, first.end()]).toEqual([[], 'open']);
    expect(proxy.endWatches(configMaps)).toBe(1);
    await expect.poll(() => second.end()).toBe('ended');
    first.stop();
  });

  it('resets connections, refuses new ones, and lets them in again', async () => {
    const namespace = await cluster.namespace();
    const open = await watch(namespace);
    expect(proxy.reset()).toBeGreaterThan(0);
    await expect.poll(() => open.end()).toBe('broken');
    proxy.refuse();
    await expect(make(namespace, 'a')).rejects.toThrow();
    proxy.accept();
    expect((await make(namespace, 'a')).status).toBe(201);
  });
});
