/** What the operator knows of children when anybody can write objects that carry their labels. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../operator/src/runtime/kubernetes-client.ts';
import { type ChildOwner, ChildTaken, childKinds, type Manifest } from '../../../operator/src/sources/children.ts';
import { childrenPath, discoveryPath } from '../../../operator/src/sources/children-kinds.ts';
import { KubernetesChildren } from '../../../operator/src/sources/children-kubernetes.ts';
import { type Call, json, type ScriptedApi, startScriptedApi, status } from './scripted-api.ts';
import { ScriptedCollection } from './scripted-collection.ts';

const mebibyte = 1024 * 1024;
const labels = (server: string) => ({
  'app.kubernetes.io/managed-by': 'nauthera-operator',
  'auth.nauthera.io/authorization-server': server,
});
const owner: ChildOwner = { kind: 'AuthorizationServer', namespace: 'auth', name: 'main', uid: 'uid-main' };
const owned = {
  labels: labels('main'),
  ownerReferences: [
    {
      apiVersion: 'auth.nauthera.io/v1alpha1',
      kind: 'AuthorizationServer',
      name: 'main',
      uid: 'uid-main',
      controller: true,
    },
  ],
};
const bundle = (text: string): Manifest => ({
  kind: 'ConfigMap',
  name: 'main-ca',
  labels: {},
  content: { data: { 'ca.crt': text } },
});

let api: ScriptedApi;
let collections: ReadonlyMap<string, ScriptedCollection>;
let children: KubernetesChildren;
let changes: string[];
beforeEach(async () => {
  collections = new Map(childKinds.map((kind) => [childrenPath(kind, undefined), new ScriptedCollection()]));
  changes = [];
  api = await startScriptedApi(answer);
  children = new KubernetesChildren({
    api: createApi(api.connection),
    onChange: (namespace, server) => changes.push(`${namespace}/${server}`),
  });
});
afterEach(async () => {
  await children.stop();
  await api.close();
});

const of = (kind: (typeof childKinds)[number]) =>
  collections.get(childrenPath(kind, undefined)) ?? new ScriptedCollection();
const requests = (method: string, kind: (typeof childKinds)[number]) =>
  api.calls.filter((call) => call.method === method && call.path.startsWith(childrenPath(kind, 'auth')));

/** As an API server: metadata where that is all that is asked for. */
function answer(call: Call): void {
  const { method, path, headers, response } = call;
  const listed = collections.get(path);
  if (listed !== undefined) {
    const isPartial = headers.accept?.includes('PartialObjectMetadata') === true;
    const whole = listed.objects;
    if (isPartial) for (const [key, { metadata }] of whole) whole.set(key, { metadata });
    return listed.handle(call);
  }
  if (childKinds.some((kind) => path === discoveryPath(kind))) return json(response, { resources: [] });
  const [, plural = '', name = ''] = /\/namespaces\/auth\/([a-z]+)\/([a-z0-9-]+)$/.exec(path) ?? [];
  const kind = childKinds.find((one) => childrenPath(one, undefined).endsWith(`/${plural}`));
  if (kind === undefined) return status(response, 404, 'NotFound');
  if (method === 'PATCH') {
    const { metadata, ...content } = JSON.parse(call.body);
    const { name: _, namespace: __, uid: ___, ...about } = metadata;
    stored.set(`${kind}/${name}`, content);
    return json(response, { ...of(kind).put(name, 'auth', {}, about), ...content });
  }
  const object = of(kind).objects.get(`auth/${name}`);
  if (object === undefined) return status(response, 404, 'NotFound');
  return json(response, { ...object, ...stored.get(`${kind}/${name}`) });
}
/** What stands in objects, beside their metadata. */
const stored = new Map<string, object>();

describe('objects that only carry the labels of children', () => {
  it('do not keep the operator from starting, however many and large they are', async () => {
    for (let at = 0; at < 70; at += 1)
      of('ConfigMap').put(`c${at}`, 'shop', { data: { x: 'x'.repeat(mebibyte) } }, { labels: labels('x') });
    // In JSON six times as large.
    for (let at = 0; at < 4; at += 1)
      of('Deployment').put(`d${at}`, 'shop', { spec: { x: '\u0001'.repeat(mebibyte) } }, { labels: labels('x') });
    of('Deployment').put('main-server', 'auth', { spec: { replicas: 2 } }, owned);
    await children.start();
    expect(children.sinceLastSync()).toBeDefined();
    expect(children.deployments().map(({ name }) => name)).toEqual(['main-server']);
    expect(children.get('Deployment', 'auth', 'main-server')?.object['spec']).toEqual({ replicas: 2 });
    expect(children.get('ConfigMap', 'shop', 'c1')).toBeUndefined();
  });

  it('hold their name, and let go of it when they are gone', async () => {
    of('ConfigMap').put('main-ca', 'auth', {}, { labels: labels('main') });
    await children.start();
    await expect(children.apply(owner, bundle('one'))).rejects.toBeInstanceOf(ChildTaken);
    await expect.poll(() => of('ConfigMap').watchers.size).toBe(1);
    changes.splice(0);
    of('ConfigMap').delete('main-ca', 'auth');
    await expect.poll(() => changes).toEqual(['auth/main']);
    expect(await children.apply(owner, bundle('one'))).toBe('created');
  });

  it.each([
    ['no controller', [{ ...owned.ownerReferences[0], controller: false }]],
    ['another kind of ours', [{ ...owned.ownerReferences[0], kind: 'Client' }]],
    ['a kind of somebody else', [{ ...owned.ownerReferences[0], apiVersion: 'apps/v1' }]],
  ])('and %s are not kept', async (_what, ownerReferences) => {
    of('Deployment').put('main-server', 'auth', {}, { ...owned, ownerReferences });
    await children.start();
    expect(children.deployments()).toEqual([]);
    expect(children.ownedBy(owner)).toEqual([]);
  });

  it('nor is one that loses its owner', async () => {
    of('Deployment').put('main-server', 'auth', {}, owned);
    await children.start();
    await expect.poll(() => of('Deployment').watchers.size).toBe(1);
    expect(children.ownedBy(owner)).toHaveLength(1);
    of('Deployment').put('main-server', 'auth', {}, { labels: labels('main') });
    await expect.poll(() => children.deployments()).toEqual([]);
  });
});

describe('a child that is watched by its metadata', () => {
  beforeEach(async () => {
    await children.start();
    await expect.poll(() => of('ConfigMap').watchers.size).toBe(1);
    expect(await children.apply(owner, bundle('one'))).toBe('created');
  });

  it('is neither read nor written while nothing changes', async () => {
    const reads = requests('GET', 'ConfigMap').length;
    expect(await children.apply(owner, bundle('one'))).toBe('unchanged');
    expect(requests('GET', 'ConfigMap')).toHaveLength(reads);
    expect(requests('PATCH', 'ConfigMap')).toHaveLength(1);
  });

  it('is read after somebody else wrote, and repaired where it differs', async () => {
    const about = of('ConfigMap').objects.get('auth/main-ca')?.metadata;
    const { labels: own, annotations, ownerReferences } = about ?? {};
    of('ConfigMap').put('main-ca', 'auth', {}, { labels: own, annotations, ownerReferences });
    await expect.poll(() => changes).toEqual(['auth/main']);
    expect(await children.apply(owner, bundle('one'))).toBe('unchanged');
    stored.set('ConfigMap/main-ca', { data: { 'ca.crt': 'of somebody else' } });
    of('ConfigMap').put('main-ca', 'auth', {}, { labels: own, annotations, ownerReferences });
    await expect.poll(() => changes).toHaveLength(2);
    expect(await children.apply(owner, bundle('one'))).toBe('repaired');
    expect(await children.apply(owner, bundle('one'))).toBe('unchanged');
    expect(requests('PATCH', 'ConfigMap')).toHaveLength(2);
  });
});
