/** The source of resources on a real Kubernetes API, with the rights of the chart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kind, kinds } from '@nauthera/crds';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type ClusterView,
  KubernetesSource,
  ResourceMoved,
  sourceName,
} from '../../operator/src/sources/kubernetes.ts';
import type { Change, Observed } from '../../operator/src/sources/source.ts';
import { ApiProxy, on } from '../support/api-proxy.ts';
import { type ChartOperator, chartOperator } from '../support/chart-operator.ts';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import type { Endpoint } from '../support/kube-files.ts';

const group = 'auth.nauthera.io';
const registration = `${group}/registration`;

let cluster: TestCluster;
let operator: ChartOperator;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  operator = await chartOperator(cluster);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await operator?.close();
  await cluster?.stop();
});

const until = (holds: () => boolean | Promise<boolean>, timeout = 60_000) =>
  vi.waitUntil(holds, { timeout, interval: 20 });

const path = (kind: Kind, namespace: string, name?: string) =>
  `/apis/${group}/v1alpha1/namespaces/${namespace}/${kinds[kind].plural}${name === undefined ? '' : `/${name}`}`;

const client = (name: string, more: { readonly metadata?: object; readonly spec?: object } = {}) => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'Client',
  metadata: { name, ...more.metadata },
  spec: { redirectUris: ['https://shop.example.com/callback'], ...more.spec },
});
const scope = (name: string, displayName = 'Read orders') => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'Scope',
  metadata: { name },
  spec: { displayName, description: 'What was ordered' },
});

const create = (kind: Kind, namespace: string, body: AnyObject) =>
  cluster.call('POST', path(kind, namespace), { body });
const merge = (kind: Kind, namespace: string, name: string, body: AnyObject) =>
  cluster.call('PATCH', path(kind, namespace, name), { body, contentType: 'application/merge-patch+json' });
const remove = (kind: Kind, namespace: string, name: string) => cluster.call('DELETE', path(kind, namespace, name));
const current = async (kind: Kind, namespace: string, name: string) =>
  (await cluster.request('GET', path(kind, namespace, name))) as { status: number; body: AnyObject };

interface Started {
  readonly source: KubernetesSource;
  readonly changes: Change[];
  /** Waits until the change is told, and forgets it. */
  readonly told: (kind: Change['kind'], name: string) => Promise<void>;
}

async function aSource(
  options: Pick<ClusterView, 'namespaces' | 'patience' | 'times'> & {
    readonly via?: Endpoint;
    readonly as?: ChartOperator;
  } = {},
): Promise<Started> {
  const { via, as = operator, ...view } = options;
  const api = await as.api(via);
  const source = new KubernetesSource({ ...view, api, name: await sourceName(api) });
  closing.push(() => source.stop());
  const changes: Change[] = [];
  await source.start();
  source.watch((change) => changes.push(change));
  return {
    source,
    changes,
    told: async (kind, name) => {
      await until(() => changes.some((change) => change.kind === kind && change.name === name));
      changes.splice(0, changes.length, ...changes.filter((change) => change.kind !== kind || change.name !== name));
    },
  };
}

async function found<K extends Kind>(
  source: KubernetesSource,
  kind: K,
  namespace: string,
  name: string,
): Promise<Observed<K>> {
  const resource = await source.get(kind, namespace, name);
  if (resource === undefined) throw new Error(`there is no ${kind} ${name}`);
  return resource;
}

/** Everything that happened before this is told by now: a marker of each kind has arrived. */
async function settle({ changes, told }: Started, namespace: string): Promise<readonly Change[]> {
  const marker = `marker-${Math.random().toString(36).slice(2, 8)}`;
  await create('Client', namespace, client(marker));
  await create('Scope', namespace, scope(marker));
  await told('Client', marker);
  await told('Scope', marker);
  return changes.splice(0);
}

const ready = (message: string) => ({
  observedGeneration: 1,
  conditions: ['ResolvedRefs', 'Accepted', 'Programmed', 'Ready'].map((type) => ({
    type,
    status: 'True' as const,
    reason: type,
    message,
    observedGeneration: 1,
    lastTransitionTime: '2030-01-31T12:00:00Z',
  })),
});

describe('what a source says', () => {
  it('is known by the uid of kube-system, and knows labels of namespaces, changes of other kinds are none', async () => {
    const namespace = await cluster.namespace('shop', { team: 'blue' });
    const started = await aSource();
    const { source, told, changes } = started;
    const { metadata } = await cluster.call('GET', '/api/v1/namespaces/kube-system');
    expect(source.name).toBe(metadata.uid);
    expect(await source.namespaceLabels(namespace)).toMatchObject({
      team: 'blue',
      'kubernetes.io/metadata.name': namespace,
    });
    const labels = (metadata: object) =>
      cluster.call('PATCH', `/api/v1/namespaces/${namespace}`, {
        body: { metadata },
        contentType: 'application/merge-patch+json',
      });
    await labels({ annotations: { note: 'nothing that counts' } });
    await labels({ labels: { team: 'red' } });
    await told('Namespace', namespace);
    expect(changes.filter(({ name }) => name === namespace)).toEqual([]);
    expect((await source.namespaceLabels(namespace)).team).toBe('red');
  });

  it('hands out what it saw without asking again, with defaults, and once more by name', async () => {
    const namespace = await cluster.namespace('shop');
    const { source, told } = await aSource();
    const annotations = { 'auth.nauthera.io/reconcile': 'now', 'example.com/note': 'of somebody else' };
    const made = await create('Client', namespace, client('web', { metadata: { labels: { a: 'b' }, annotations } }));
    await told('Client', 'web');
    const gets = async () =>
      filterAudit(await cluster.auditEvents(), { user: operator.user, namespace, name: 'web', verb: 'get' }).length;
    const seen = await found(source, 'Client', namespace, 'web');
    expect(seen).toMatchObject({
      uid: made.metadata.uid,
      generation: 1,
      specGeneration: 1,
      labels: {},
      annotations: { 'auth.nauthera.io/reconcile': 'now' },
      refused: undefined,
      deleting: false,
      spec: { grantTypes: ['authorization_code'], consent: { mode: 'Remember' } },
      status: { observedGeneration: -1 },
    });
    expect(Object.keys(seen.annotations)).toEqual(['auth.nauthera.io/reconcile']);
    expect(await gets()).toBe(0);
    expect(await found(source, 'Client', namespace, 'web')).toEqual(seen);
    expect(await gets()).toBe(1);
    expect(await source.get('Client', namespace, 'none')).toBeUndefined();
    expect(await source.keys('Client')).toContainEqual({ kind: 'Client', namespace, name: 'web', uid: seen.uid });
  });

  it('lists every one of 1,200 Clients in pages of 100, and keeps an index of them', async () => {
    const namespace = await cluster.namespace('many');
    const names = Array.from({ length: 1200 }, (_, index) => `app-${index}`);
    for (let begin = 0; begin < names.length; begin += 50)
      await Promise.all(names.slice(begin, begin + 50).map((name) => create('Client', namespace, client(name))));
    const proxy = await ApiProxy.start(cluster);
    closing.push(() => proxy.close());
    const lists = proxy.count(on({ verb: 'list', resource: 'clients' }));
    const { source } = await aSource({ via: proxy });
    const keys = (await source.keys('Client')).filter((key) => key.namespace === namespace);
    expect(keys.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    expect(lists.calls.length).toBeGreaterThanOrEqual(12);
    expect(lists.calls.every(({ query }) => query.get('limit') === '100')).toBe(true);
    expect((await found(source, 'Client', namespace, 'app-7')).spec?.redirectUris).toHaveLength(1);
    expect(Object.values(source.sinceLastSync()).every((age) => age !== undefined && age < 60_000)).toBe(true);
    await cluster.call('DELETE', path('Client', namespace));
  });

  it('says why content does not count that is older than a rule, and takes it again once it is mended', async () => {
    const namespace = await cluster.namespace('shop');
    const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clients.auth.nauthera.io';
    const { spec } = await cluster.call('GET', crd);
    const strict = structuredClone(spec);
    const properties = spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
    for (const rules of [properties.redirectUris, properties.redirectUris.items])
      if (rules !== undefined) delete rules['x-kubernetes-validations'];
    const put = (body: AnyObject) =>
      cluster.call('PATCH', crd, { body: { spec: body }, contentType: 'application/merge-patch+json' });
    await put(spec);
    const wrong = client('old', { spec: { redirectUris: ['https://*.example.com/cb'] } });
    await until(async () => (await cluster.request('POST', path('Client', namespace), { body: wrong })).status < 300);
    await put(strict);
    const started = await aSource();
    const old = await found(started.source, 'Client', namespace, 'old');
    expect(old).toMatchObject({ spec: undefined, specGeneration: 0, generation: 1 });
    expect(old.refused).toMatch(/^spec\.redirectUris\[0\]: ".*": must be one exact URI/);
    // What was never accepted is not held, and can be told so.
    await started.source.hold(old);
    await started.source.writeStatus(old, { ...ready('no'), observedGeneration: 1 });
    expect((await current('Client', namespace, 'old')).body.metadata.finalizers).toBeUndefined();
    await merge('Client', namespace, 'old', { spec: { redirectUris: ['https://a.example.com/cb'] } });
    await started.told('Client', 'old');
    expect(await found(started.source, 'Client', namespace, 'old')).toMatchObject({
      refused: undefined,
      specGeneration: 2,
      spec: { redirectUris: ['https://a.example.com/cb'] },
    });
  });
});

describe('own writes', () => {
  it('wake nobody, are seen at once, and are none when repeated', async () => {
    const namespace = await cluster.namespace('shop');
    const started = await aSource();
    const { source, told } = started;
    await create('Client', namespace, client('web'));
    await create('Scope', namespace, scope('orders'));
    await told('Client', 'web');
    await told('Scope', 'orders');
    for (const [kind, name] of [
      ['Client', 'web'],
      ['Scope', 'orders'],
    ] as const) {
      const resource = await found(source, kind, namespace, name);
      await source.hold(resource);
      await source.writeStatus(resource, ready('Served'));
      const after = await found(source, kind, namespace, name);
      expect(after.status).toEqual(ready('Served'));
      expect((await current(kind, namespace, name)).body.status.conditions).toEqual(ready('Served').conditions);
      await source.hold(after);
    }
    expect((await source.list('Scope')).find(({ name }) => name === 'orders')?.status).toEqual(ready('Served'));
    expect(await settle(started, namespace)).toEqual([]);
    const writes = writesOf(await cluster.auditEvents(), { user: operator.user, namespace });
    expect(writes.map(({ name, verb, subresource }) => [name, verb, subresource])).toEqual([
      ['web', 'patch', ''],
      ['web', 'patch', 'status'],
      ['orders', 'patch', ''],
      ['orders', 'patch', 'status'],
    ]);
  });

  it('an edit that lands between reading and writing is told, though the answer to the write has it already', async () => {
    const namespace = await cluster.namespace('shop');
    const proxy = await ApiProxy.start(cluster);
    closing.push(() => proxy.close());
    await create('Scope', namespace, scope('orders'));
    const { source, told } = await aSource({ via: proxy });
    const read = await found(source, 'Scope', namespace, 'orders');
    const dropped = proxy.dropEvents(on({ verb: 'watch', resource: 'scopes' }));
    await merge('Scope', namespace, 'orders', { spec: { displayName: 'Changed' } });
    await source.writeStatus(read, ready('Served'));
    await told('Scope', 'orders');
    await until(() => dropped.fired > 0);
    expect(await found(source, 'Scope', namespace, 'orders')).toMatchObject({
      generation: 2,
      spec: { displayName: 'Changed' },
      status: ready('Served'),
    });
  });

  it('events that are late do not turn back what a write of ours has shown', async () => {
    const namespace = await cluster.namespace('shop');
    const proxy = await ApiProxy.start(cluster);
    closing.push(() => proxy.close());
    await create('Scope', namespace, scope('orders'));
    const { source, told } = await aSource({ via: proxy });
    const read = await found(source, 'Scope', namespace, 'orders');
    const swapped = proxy.reorderEvents(on({ verb: 'watch', resource: 'scopes' }));
    await merge('Scope', namespace, 'orders', { spec: { displayName: 'Changed' } });
    await source.writeStatus(read, ready('Served'));
    await told('Scope', 'orders');
    await until(() => swapped.fired > 0);
    await sleep(200);
    expect(await found(source, 'Scope', namespace, 'orders')).toMatchObject({
      spec: { displayName: 'Changed' },
      status: ready('Served'),
    });
  });
});

describe('deletion', () => {
  it('waits for the release of what is held, and leaves no ghost; nothing is held that is deleting', async () => {
    const namespace = await cluster.namespace('shop');
    const started = await aSource();
    const { source, told } = started;
    await create('Client', namespace, client('web'));
    await told('Client', 'web');
    await source.hold(await found(source, 'Client', namespace, 'web'));
    expect((await current('Client', namespace, 'web')).body.metadata.finalizers).toEqual([registration]);
    await remove('Client', namespace, 'web');
    await told('Client', 'web');
    const going = await found(source, 'Client', namespace, 'web');
    expect(going).toMatchObject({ deleting: true, spec: { grantTypes: ['authorization_code'] } });
    expect(Date.parse(going.deletingSince ?? '')).toBeGreaterThan(Date.now() - 60_000);
    await source.hold(going);
    await source.release(going);
    expect((await current('Client', namespace, 'web')).status).toBe(404);
    await settle(started, namespace);
    expect(await source.get('Client', namespace, 'web')).toBeUndefined();
    await source.release(going);
  });

  it('what vanished stands until it is released, and in the way of its namesake (F38)', async () => {
    const namespace = await cluster.namespace('shop');
    const started = await aSource();
    const { source, told } = started;
    const first = await create('Client', namespace, client('web'));
    await told('Client', 'web');
    await found(source, 'Client', namespace, 'web');
    await remove('Client', namespace, 'web');
    const second = await create('Client', namespace, client('web', { spec: { displayName: 'New' } }));
    await settle(started, namespace);
    const ghost = await found(source, 'Client', namespace, 'web');
    expect(ghost).toMatchObject({ uid: first.metadata.uid, deleting: true, spec: undefined });
    const uids = (await source.keys('Client')).filter((key) => key.namespace === namespace && key.name === 'web');
    expect(new Set(uids.map(({ uid }) => uid))).toEqual(new Set([first.metadata.uid, second.metadata.uid]));
    await source.hold(ghost);
    await source.writeStatus(ghost, ready('of the dead'));
    await source.release(ghost);
    await told('Client', 'web');
    expect(await found(source, 'Client', namespace, 'web')).toMatchObject({
      uid: second.metadata.uid,
      deleting: false,
      spec: { displayName: 'New' },
      status: { observedGeneration: -1 },
    });
  });

  it('nothing is held or written for an object that went, nor for its namesake', async () => {
    const namespace = await cluster.namespace('shop');
    const { source } = await aSource();
    const gone = { ...(await create('Client', namespace, client('gone'))) };
    await until(async () => (await source.get('Client', namespace, 'gone')) !== undefined);
    const read = await found(source, 'Client', namespace, 'gone');
    await remove('Client', namespace, 'gone');
    await source.writeStatus(read, ready('late'));
    await expect(source.hold(read)).rejects.toThrow(ResourceMoved);
    expect((await current('Client', namespace, 'gone')).status).toBe(404);
    const namesake = await create('Client', namespace, client('gone'));
    await source.writeStatus(read, ready('late'));
    await expect(source.hold(read)).rejects.toThrow(ResourceMoved);
    const { body } = await current('Client', namespace, 'gone');
    expect(body.metadata).toMatchObject({
      uid: namesake.metadata.uid,
      resourceVersion: namesake.metadata.resourceVersion,
    });
    expect(gone.metadata.uid).not.toBe(namesake.metadata.uid);
  });

  it('an object that began to go after it was read is not held', async () => {
    const namespace = await cluster.namespace('shop');
    const { source, told } = await aSource();
    await create('Client', namespace, client('web', { metadata: { finalizers: ['example.com/theirs'] } }));
    await told('Client', 'web');
    const read = await found(source, 'Client', namespace, 'web');
    await remove('Client', namespace, 'web');
    await expect(source.hold(read)).rejects.toThrow(ResourceMoved);
    expect((await current('Client', namespace, 'web')).body.metadata.finalizers).toEqual(['example.com/theirs']);
    await told('Client', 'web');
    const going = await found(source, 'Client', namespace, 'web');
    await source.hold(going);
    await source.release(going);
    await merge('Client', namespace, 'web', { metadata: { finalizers: null } });
    await until(async () => (await current('Client', namespace, 'web')).status === 404);
  });

  it('a finalizer of ours that somebody else declared too goes with ours, and theirs stays', async () => {
    const namespace = await cluster.namespace('shop');
    const { source, told } = await aSource();
    await cluster.apply(client('web', { metadata: { namespace, finalizers: [registration, 'example.com/theirs'] } }));
    await told('Client', 'web');
    const read = await found(source, 'Client', namespace, 'web');
    await source.hold({ ...read });
    await remove('Client', namespace, 'web');
    await told('Client', 'web');
    await source.release(await found(source, 'Client', namespace, 'web'));
    expect((await current('Client', namespace, 'web')).body.metadata.finalizers).toEqual(['example.com/theirs']);
    await merge('Client', namespace, 'web', { metadata: { finalizers: null } });
  });

  it('a finalizer taken away by hand makes a ghost, and so does an LdapBinding, which has none', async () => {
    const namespace = await cluster.namespace('shop');
    const { source, told } = await aSource();
    await create('Scope', namespace, scope('orders'));
    await create('LdapBinding', namespace, {
      apiVersion: `${group}/v1alpha1`,
      kind: 'LdapBinding',
      metadata: { name: 'staff' },
      spec: {
        vendor: 'OpenLDAP',
        servers: [{ url: 'ldaps://ldap.example.com' }],
        bind: { dn: 'cn=reader,dc=example,dc=com', passwordSecretRef: { name: 'ldap-reader' } },
        userSearch: { base: 'ou=people,dc=example,dc=com' },
      },
    });
    await told('Scope', 'orders');
    await told('LdapBinding', 'staff');
    const held = await found(source, 'Scope', namespace, 'orders');
    await source.hold(held);
    const binding = await found(source, 'LdapBinding', namespace, 'staff');
    await source.hold(binding);
    expect((await current('LdapBinding', namespace, 'staff')).body.metadata.finalizers).toBeUndefined();
    await remove('Scope', namespace, 'orders');
    await merge('Scope', namespace, 'orders', { metadata: { finalizers: null } });
    await remove('LdapBinding', namespace, 'staff');
    for (const [kind, name, { uid }] of [
      ['Scope', 'orders', held],
      ['LdapBinding', 'staff', binding],
    ] as const) {
      await until(async () => (await current(kind, namespace, name)).status === 404);
      await until(async () => (await source.get(kind, namespace, name))?.spec === undefined);
      const ghost = await found(source, kind, namespace, name);
      expect(ghost).toMatchObject({ uid, deleting: true, spec: undefined });
      await source.release(ghost);
      expect(await source.get(kind, namespace, name)).toBeUndefined();
    }
  });

  it('of a whole namespace ends once everything in it is released', async () => {
    const namespace = await cluster.namespace('shop');
    const { source, told } = await aSource();
    await create('Client', namespace, client('web'));
    await told('Client', 'web');
    await source.hold(await found(source, 'Client', namespace, 'web'));
    const deleted = cluster.deleteNamespace(namespace);
    await told('Client', 'web');
    await source.release(await found(source, 'Client', namespace, 'web'));
    await deleted;
    await told('Namespace', namespace);
  });
});

describe('a list that is older than what is known (F34)', () => {
  it('makes nothing look deleted, and turns no status back', async () => {
    const namespace = await cluster.namespace('shop');
    const proxy = await ApiProxy.start(cluster);
    closing.push(() => proxy.close());
    const lists = proxy.keepLists(on({ resource: ['clients', 'scopes'] }));
    const started = await aSource({ via: proxy });
    const { source, told } = started;
    await create('Client', namespace, client('web'));
    await create('Scope', namespace, scope('orders'));
    await told('Client', 'web');
    await told('Scope', 'orders');
    await source.writeStatus(await found(source, 'Scope', namespace, 'orders'), ready('Served'));
    lists.replay();
    // 410: the reflector has to list again.
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } } as const;
    expect(proxy.inject(on({ verb: 'watch', resource: ['clients', 'scopes'] }), gone as never)).toBe(2);
    await until(() => lists.fired >= 2);
    expect(await found(source, 'Client', namespace, 'web')).toMatchObject({ deleting: false });
    expect(await found(source, 'Scope', namespace, 'orders')).toMatchObject({ status: ready('Served') });
    lists.disarm();
    await create('Client', namespace, client('later'));
    await until(async () => (await source.get('Client', namespace, 'later')) !== undefined);
    expect(await found(source, 'Client', namespace, 'web')).toMatchObject({ deleting: false });
  });
});

describe('listed namespaces', () => {
  it('A77, I9: nothing outside of them is asked for, read or written', async () => {
    const [mine, yours, other] = [
      await cluster.namespace('mine'),
      await cluster.namespace('yours'),
      await cluster.namespace('other', { team: 'blue' }),
    ];
    const limited = await chartOperator(cluster, { namespaces: [mine, yours] });
    closing.push(() => limited.close());
    const { source, told } = await aSource({ as: limited, namespaces: [mine, yours] });
    for (const namespace of [mine, yours, other]) await create('Client', namespace, client(`of-${namespace}`));
    await told('Client', `of-${mine}`);
    await told('Client', `of-${yours}`);
    for (const namespace of [mine, yours]) {
      const resource = await found(source, 'Client', namespace, `of-${namespace}`);
      await source.hold(resource);
      await source.writeStatus(resource, ready('Served'));
      expect(await source.namespaceLabels(namespace)).toEqual({ 'kubernetes.io/metadata.name': namespace });
    }
    expect(await source.get('Client', other, `of-${other}`)).toBeUndefined();
    expect(await source.namespaceLabels(other)).toEqual({ 'kubernetes.io/metadata.name': other });
    expect((await source.keys('Client')).map(({ namespace }) => namespace).toSorted()).toEqual(
      [mine, yours].toSorted(),
    );
    const asked = filterAudit(await cluster.auditEvents(), { user: limited.user });
    const places = asked.map(({ resource, namespace, name }) => (resource === 'namespaces' ? name : namespace));
    expect([...new Set(places)].toSorted()).toEqual(['kube-system', mine, yours].toSorted());
    expect(asked.filter(({ code }) => code === 403)).toEqual([]);
  });

  it('one whose ruler takes our rights away harms no other, and counts for nothing until they are back', async () => {
    const [mine, lost] = [await cluster.namespace('mine'), await cluster.namespace('lost')];
    const limited = await chartOperator(cluster, { namespaces: [mine, lost] });
    closing.push(() => limited.close());
    for (const namespace of [mine, lost]) await create('Client', namespace, client(`of-${namespace}`));
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${lost}/rolebindings`;
    const [binding] = (await cluster.call('GET', bindings)).items as AnyObject[];
    await cluster.call('DELETE', bindings);
    const api = await limited.api();
    const clients = `/apis/${group}/v1alpha1/namespaces/${lost}/clients`;
    const mayRead = () =>
      api.request({ method: 'GET', path: clients }).then(
        () => true,
        () => false,
      );
    await until(async () => !(await mayRead()));
    const started = await aSource({
      as: limited,
      namespaces: [mine, lost],
      patience: 500,
      times: { longestDelay: 500, gap: 100 },
    });
    const { source, told } = started;
    expect([source.knows(mine), source.knows(lost), source.knows('never-named')]).toEqual([true, false, false]);
    expect((await source.keys('Client')).map(({ namespace }) => namespace)).toEqual([mine]);
    expect(Object.values(source.sinceLastSync()).every((age) => age !== undefined && age < 60_000)).toBe(true);
    await create('Client', mine, client('later'));
    await told('Client', 'later');
    const { metadata, subjects, roleRef } = binding ?? {};
    await cluster.call('POST', bindings, { body: { metadata: { name: metadata.name }, subjects, roleRef } });
    await told('Client', `of-${lost}`);
    await until(() => source.knows(lost));
    await cluster.call('DELETE', bindings);
    expect(await source.get('Client', lost, `of-${lost}`)).toMatchObject({ deleting: false });
    expect((await source.keys('Client')).map(({ namespace }) => namespace)).toContain(lost);
  });

  it('one that is gone, with our rights before it, leaves nothing that looks as if it stood', async () => {
    const lost = await cluster.namespace('lost');
    const limited = await chartOperator(cluster, { namespaces: [lost] });
    closing.push(() => limited.close());
    await create('Scope', lost, scope('orders'));
    const proxy = await ApiProxy.start(cluster);
    closing.push(() => proxy.close());
    const { source, told } = await aSource({ as: limited, via: proxy, namespaces: [lost], times: { gap: 100 } });
    expect([source.isShut('Scope', lost), (await source.list('Scope')).length]).toEqual([false, 1]);
    await cluster.call('DELETE', `/apis/rbac.authorization.k8s.io/v1/namespaces/${lost}/rolebindings`);
    await until(() => {
      proxy.endWatches(on({ verb: 'watch', resource: ['clients', 'scopes', 'ldapbindings', 'authorizationservers'] }));
      return source.isShut('Scope', lost);
    });
    expect([source.knows(lost), (await source.list('Scope')).length]).toEqual([false, 1]);
    await cluster.deleteNamespace(lost);
    await until(() => source.knows(lost));
    await told('Scope', 'orders');
    expect(source.isShut('Scope', lost)).toBe(false);
    expect(await source.get('Scope', lost, 'orders')).toBeUndefined();
    expect([await source.list('Scope'), await source.keys('Scope')]).toEqual([[], []]);
  });
});
