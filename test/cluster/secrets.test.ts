/** Secrets and ConfigMaps on a real Kubernetes API, with the rights of the chart. */
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  ApiError,
  type ApiRequest,
  type KubernetesApi,
  type WatchRequest,
} from '../../operator/src/runtime/kubernetes-api.ts';
import { KubernetesConfigMaps } from '../../operator/src/sources/config-maps-kubernetes.ts';
import type { NewSecret, Secret } from '../../operator/src/sources/secret.ts';
import { KubernetesSecrets } from '../../operator/src/sources/secrets-kubernetes.ts';
import { ApiProxy, on } from '../support/api-proxy.ts';
import { type ChartOperator, chartOperator } from '../support/chart-operator.ts';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import type { Endpoint } from '../support/kube-files.ts';

const group = 'auth.nauthera.io';
const watchLabel = { 'auth.nauthera.io/watch': 'true' };

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

const until = (holds: () => boolean | Promise<boolean>) => vi.waitUntil(holds, { timeout: 60_000, interval: 20 });
const path = (namespace: string, name?: string, plural = 'secrets') =>
  `/api/v1/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
const create = (namespace: string, body: AnyObject, plural?: string) =>
  cluster.call('POST', path(namespace, undefined, plural), { body });
const merge = (namespace: string, name: string, body: AnyObject, plural?: string) =>
  cluster.call('PATCH', path(namespace, name, plural), { body, contentType: 'application/merge-patch+json' });
const current = (namespace: string, name: string) => cluster.request('GET', path(namespace, name));
const remove = (namespace: string, name: string) => cluster.call('DELETE', path(namespace, name));

interface Started {
  readonly secrets: KubernetesSecrets;
  readonly changes: string[];
}

async function someSecrets(
  options: {
    readonly via?: Endpoint;
    readonly as?: ChartOperator;
    readonly watch?: boolean;
    readonly namespaces?: readonly string[];
  } = {},
): Promise<Started> {
  const { via, as = operator, ...rest } = options;
  const changes: string[] = [];
  const secrets = new KubernetesSecrets({
    api: await as.api(via),
    onChange: (namespace, name) => changes.push(`${namespace}/${name}`),
    ...rest,
  });
  closing.push(() => secrets.stop());
  await secrets.start();
  changes.length = 0;
  return { secrets, changes };
}

/** Changes of before, without the markers of other tests. */
async function settle({ changes }: Started, namespace: string): Promise<readonly string[]> {
  const name = `marker-${randomUUID().slice(0, 8)}`;
  await create(namespace, { metadata: { name, labels: watchLabel } });
  await until(() => changes.includes(`${namespace}/${name}`));
  return changes.splice(0).filter((one) => one.startsWith(`${namespace}/`) && !one.includes('/marker-'));
}

/** A Client that exists: garbage collection takes what belongs to nobody. */
async function aClient(namespace: string, name = 'web') {
  const { metadata } = await cluster.call('POST', `/apis/${group}/v1alpha1/namespaces/${namespace}/clients`, {
    body: {
      apiVersion: `${group}/v1alpha1`,
      kind: 'Client',
      metadata: { name },
      spec: { redirectUris: ['https://shop.example.com/callback'] },
    },
  });
  return { kind: 'Client' as const, namespace, name, uid: String(metadata.uid) };
}

const generated = (
  { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
  more: Partial<NewSecret> = {},
): NewSecret => ({
  namespace,
  name: `${name}-oauth2`,
  type: 'servicebinding.io/oauth2',
  labels: { ...watchLabel, 'auth.nauthera.io/client': name },
  annotations: { 'auth.nauthera.io/secret-key': 'client-secret' },
  owner: { kind: 'Client', name, uid },
  data: { 'client-id': `${namespace}.${name}`, 'client-secret': 'pä$$ word' },
  ...more,
});

async function read(secrets: KubernetesSecrets, namespace: string, name: string): Promise<Secret> {
  const secret = await secrets.read(namespace, name);
  if (secret === undefined) throw new Error(`there is no Secret ${name}`);
  return secret;
}

const next = ({ version: _version, immutable: _immutable, ...rest }: Secret, more: Partial<NewSecret>): NewSecret => ({
  ...rest,
  ...more,
});

describe('what the operator writes', () => {
  it('is made once with its owner, found by it, and wakes nobody', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    const started = await someSecrets();
    const { secrets } = started;
    const secret = generated(owner);
    expect(await secrets.create(secret)).toBe('created');
    expect(await secrets.create(secret)).toBe('exists');
    const found = await read(secrets, namespace, 'web-oauth2');
    const { uid } = (await current(namespace, 'web-oauth2')).body.metadata;
    expect(found).toEqual({ ...secret, uid, version: found.version });
    expect(await secrets.ownedBy(owner)).toEqual([found]);
    expect(await secrets.ownedBy(owner, 'web-oauth2')).toEqual([]);
    const { body } = await current(namespace, 'web-oauth2');
    expect(body.metadata.ownerReferences).toEqual([
      {
        apiVersion: `${group}/v1alpha1`,
        kind: 'Client',
        name: 'web',
        uid: owner.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(body.metadata.managedFields.map((one: AnyObject) => one.manager)).toEqual(['nauthera-operator']);
    expect(await settle(started, namespace)).toEqual([]);
    expect(secrets.watched(namespace, 'web-oauth2')).toBe(true);
    expect(await secrets.update(found, next(found, { data: { 'client-id': 'other' } }))).toBe('updated');
    expect((await read(secrets, namespace, 'web-oauth2')).data).toEqual({ 'client-id': 'other' });
    await secrets.delete(await read(secrets, namespace, 'web-oauth2'));
    expect(await secrets.ownedBy(owner)).toEqual([]);
    expect(await settle(started, namespace)).toEqual([]);
    expect(secrets.watched(namespace, 'web-oauth2')).toBe(false);
  });

  it('leaves alone what others put on it, and gives up what is no longer to be there', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    const { secrets } = await someSecrets();
    await secrets.create(generated(owner, { annotations: { old: 'ours' } }));
    const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'kube-root-ca.crt' };
    await until(async () => (await cluster.request('GET', path(namespace, other.name, 'configmaps'))).status === 200);
    const { metadata } = await cluster.call('GET', path(namespace, other.name, 'configmaps'));
    const theirs = { ...other, uid: metadata.uid };
    const bytes = Buffer.from([0xff, 0xfe, 0x00]).toString('base64');
    const mine = (await current(namespace, 'web-oauth2')).body.metadata.ownerReferences;
    await merge(namespace, 'web-oauth2', {
      metadata: { labels: { team: 'blue' }, finalizers: ['example.com/theirs'], ownerReferences: [...mine, theirs] },
      data: { keytab: bytes },
    });
    const before = await read(secrets, namespace, 'web-oauth2');
    expect(before.data.keytab).toContain('\uFFFD');
    const data = { ...before.data, 'client-id': 'changed' };
    expect(await secrets.update(before, next(before, { annotations: {}, data, owner: undefined }))).toBe('updated');
    const { body } = await current(namespace, 'web-oauth2');
    expect(body.metadata).toMatchObject({
      labels: { team: 'blue', ...watchLabel },
      finalizers: ['example.com/theirs'],
      ownerReferences: [theirs],
    });
    expect(body.metadata.annotations).toBeUndefined();
    expect(body.data.keytab).toBe(bytes);
    expect(await secrets.ownedBy(owner)).toEqual([]);
    await merge(namespace, 'web-oauth2', { metadata: { finalizers: null } });
  });

  it('never overwrites or deletes what changed since it was read', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    const { secrets } = await someSecrets();
    await secrets.create(generated(owner));
    const before = await read(secrets, namespace, 'web-oauth2');
    await merge(namespace, 'web-oauth2', { metadata: { labels: { team: 'blue' } } });
    expect(await secrets.update(before, next(before, { data: {} }))).toBe('changed');
    expect(await secrets.update({ ...before }, next(before, { data: {} }))).toBe('changed');
    await secrets.delete(before);
    const after = await read(secrets, namespace, 'web-oauth2');
    expect(after.data).toEqual(before.data);
    await remove(namespace, 'web-oauth2');
    expect(await secrets.update(after, next(after, { data: {} }))).toBe('changed');
    await secrets.delete(after);
    await create(namespace, { metadata: { name: 'web-oauth2' }, stringData: { theirs: 'yes' } });
    expect(await secrets.update(after, next(after, { data: {} }))).toBe('changed');
    await secrets.delete(after);
    expect((await read(secrets, namespace, 'web-oauth2')).data).toEqual({ theirs: 'yes' });
  });

  it('takes another type by being made anew', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    const { secrets } = await someSecrets();
    await secrets.create(generated(owner, { type: 'Opaque' }));
    const before = await read(secrets, namespace, 'web-oauth2');
    expect(await secrets.update(before, generated(owner))).toBe('updated');
    expect((await read(secrets, namespace, 'web-oauth2')).type).toBe('servicebinding.io/oauth2');
  });

  it('tells that a Secret is immutable, and can delete it', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    const { secrets } = await someSecrets();
    await secrets.create(generated(owner));
    await merge(namespace, 'web-oauth2', { immutable: true });
    const found = await read(secrets, namespace, 'web-oauth2');
    expect(found.immutable).toBe(true);
    const canary = 'canary-of-an-immutable-secret';
    const failed: unknown = await secrets
      .update(found, next(found, { data: { 'client-secret': canary } }))
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ApiError);
    expect(inspect(failed, { depth: 9, showHidden: true })).not.toContain(canary);
    expect(failed).toMatchObject({ status: 422, says: '' });
    expect(await secrets.update(found, next(found, { labels: { ...found.labels, a: 'b' } }))).toBe('updated');
    await secrets.delete(await read(secrets, namespace, 'web-oauth2'));
    expect(await secrets.read(namespace, 'web-oauth2')).toBeUndefined();
  });
});

describe('what others do', () => {
  it('to a watched Secret is told: made, edited, deleted', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    const started = await someSecrets();
    const { secrets } = started;
    await secrets.create(generated(owner));
    await merge(namespace, 'web-oauth2', { stringData: { 'client-secret': 'edited' } });
    expect(await settle(started, namespace)).toEqual([`${namespace}/web-oauth2`]);
    await remove(namespace, 'web-oauth2');
    expect(await settle(started, namespace)).toEqual([`${namespace}/web-oauth2`]);
    await create(namespace, { metadata: { name: 'ldap', labels: watchLabel }, stringData: { password: 'x' } });
    expect(await settle(started, namespace)).toEqual([`${namespace}/ldap`]);
    await merge(namespace, 'ldap', { metadata: { labels: { 'auth.nauthera.io/watch': null } } });
    expect(await settle(started, namespace)).toEqual([`${namespace}/ldap`]);
    expect(secrets.watched(namespace, 'ldap')).toBe(false);
    await create(namespace, { metadata: { name: 'plain' }, stringData: { password: 'x' } });
    expect(await settle(started, namespace)).toEqual([]);
    expect((await read(secrets, namespace, 'plain')).data).toEqual({ password: 'x' });
  });

  it('A80: owner references of others, labels and annotations make nothing ours', async () => {
    const namespace = await cluster.namespace('shop');
    const elsewhere = await cluster.namespace('elsewhere');
    const owner = await aClient(namespace);
    const started = await someSecrets();
    const { secrets } = started;
    const reference = {
      apiVersion: `${group}/v1alpha1`,
      kind: 'Client',
      name: 'web',
      uid: owner.uid,
      controller: true,
    };
    const labels = { ...watchLabel, 'auth.nauthera.io/client': 'web' };
    const annotations = { 'auth.nauthera.io/owner': owner.uid };
    const forged: readonly [string, string, object][] = [
      [namespace, 'labels-only', {}],
      [namespace, 'no-controller', { ownerReferences: [{ ...reference, controller: false }] }],
      [namespace, 'other-group', { ownerReferences: [{ ...reference, apiVersion: 'example.com/v1alpha1' }] }],
      [namespace, 'other-uid', { ownerReferences: [{ ...reference, uid: randomUUID() }] }],
      [elsewhere, 'other-namespace', { ownerReferences: [reference] }],
    ];
    for (const [space, name, metadata] of forged)
      await create(space, { metadata: { name, labels, annotations, ...metadata }, stringData: { a: 'b' } });
    await settle(started, namespace);
    await settle(started, elsewhere);
    expect(await secrets.ownedBy(owner)).toEqual([]);
    for (const name of ['labels-only', 'no-controller', 'other-group'])
      expect((await secrets.read(namespace, name))?.owner, name).toBeUndefined();
    expect(await secrets.create({ ...generated(owner), name: 'labels-only' })).toBe('exists');
    await create(namespace, { metadata: { name: 'real', labels, ownerReferences: [reference] } });
    await settle(started, namespace);
    expect((await secrets.ownedBy(owner)).map(({ name }) => name)).toEqual(['real']);
  });
});

/** The same API; what it answered in bulk is kept. */
function listening(api: KubernetesApi): {
  readonly api: KubernetesApi;
  readonly heard: { accept: string; text: string }[];
} {
  const heard: { accept: string; text: string }[] = [];
  return {
    heard,
    api: {
      async request<T>(request: ApiRequest) {
        const answer = await api.request<T>(request);
        if (request.query?.['labelSelector'] !== undefined)
          heard.push({ accept: request.accept ?? '', text: JSON.stringify(answer) });
        return answer;
      },
      async *watch(request: WatchRequest) {
        for await (const line of api.watch(request)) {
          heard.push({ accept: request.accept ?? '', text: JSON.stringify(line) });
          yield line;
        }
      },
      close: () => api.close(),
    },
  };
}

describe('what is asked for', () => {
  it('I9: neither a list nor a watch brings content, of Secrets or ConfigMaps', async () => {
    const namespace = await cluster.namespace('shop');
    const labelled = (name: string) => ({ metadata: { name, labels: watchLabel } });
    await create(namespace, { ...labelled('listed'), stringData: { password: 'canary' } });
    await create(namespace, { ...labelled('listed'), data: { 'ca.crt': 'canary' } }, 'configmaps');
    const { api, heard } = listening(await operator.api());
    const changes: string[] = [];
    const onChange = (_: string, name: string) => void changes.push(name);
    const stores = [new KubernetesSecrets({ api, onChange }), new KubernetesConfigMaps({ api, onChange })];
    for (const store of stores) {
      closing.push(() => store.stop());
      await store.start();
    }
    await create(namespace, { ...labelled('watched-secret'), stringData: { password: 'canary' } });
    await create(namespace, { ...labelled('watched-map'), data: { 'ca.crt': 'canary' } }, 'configmaps');
    await until(() => changes.includes('watched-secret') && changes.includes('watched-map'));
    expect(heard.filter(({ text }) => text.includes('listed'))).toHaveLength(2);
    for (const { accept, text } of heard) {
      expect(accept).toMatch(/^application\/json;as=PartialObjectMetadata(List)?;g=meta\.k8s\.io;v=v1$/);
      expect(text).not.toContain('canary');
      expect(text).not.toContain(Buffer.from('canary').toString('base64'));
    }
  });

  it('A72: a name that would be another path is no name', async () => {
    const namespace = await cluster.namespace('shop');
    const { secrets } = await someSecrets();
    const maps = new KubernetesConfigMaps({ api: await operator.api(), onChange: () => undefined });
    const before = (await cluster.auditEvents()).length;
    for (const name of ['..', '.', '', '../secrets', 'a/b', '%2e%2e', 'a?b', 'a%2Fb']) {
      expect(await secrets.read(namespace, name), name).toBeUndefined();
      expect(await maps.read(namespace, name), name).toBeUndefined();
      expect(await secrets.read(name, 'web'), name).toBeUndefined();
    }
    const asked = filterAudit((await cluster.auditEvents()).slice(before), { user: operator.user });
    expect(asked.filter(({ verb }) => verb === 'get' || verb === '')).toEqual([]);
  });

  it('I9: content by name alone; lists and watches are of metadata and by label', async () => {
    const namespace = await cluster.namespace('shop');
    const owner = await aClient(namespace);
    await create(namespace, { metadata: { name: 'foreign' }, stringData: { password: 'canary' } });
    const proxy = await ApiProxy.start(cluster);
    closing.push(() => proxy.close());
    const bulk = proxy.count(on({ resource: ['secrets', 'configmaps'], verb: ['list', 'watch'] }));
    const { secrets, changes } = await someSecrets({ via: proxy });
    const maps = new KubernetesConfigMaps({ api: await operator.api(proxy), onChange: () => undefined });
    closing.push(() => maps.stop());
    await maps.start();
    await secrets.create(generated(owner));
    await settle({ secrets, changes }, namespace);
    await secrets.ownedBy(owner);
    await until(() => bulk.calls.some(({ verb, resource }) => verb === 'watch' && resource === 'configmaps'));
    for (const { query } of bulk.calls) expect(query.get('labelSelector')).toBe('auth.nauthera.io/watch=true');
    const asked = filterAudit(await cluster.auditEvents(), { user: operator.user, resource: 'secrets', namespace });
    expect(new Set(asked.filter(({ verb }) => verb === 'get').map(({ name }) => name))).toEqual(
      new Set(['web-oauth2']),
    );
    expect(bulk.calls.map(({ resource, verb }) => `${verb} ${resource}`).toSorted()).toEqual([
      'list configmaps',
      'list secrets',
      'watch configmaps',
      'watch secrets',
    ]);
  });

  it('A77: nothing outside of listed namespaces', async () => {
    const [mine, other] = [await cluster.namespace('mine'), await cluster.namespace('other')];
    const limited = await chartOperator(cluster, { namespaces: [mine] });
    closing.push(() => limited.close());
    await create(other, { metadata: { name: 'theirs', labels: watchLabel }, stringData: { a: 'b' } });
    const started = await someSecrets({ as: limited, namespaces: [mine] });
    await started.secrets.create(generated(await aClient(mine)));
    expect(await started.secrets.read(other, 'theirs')).toBeUndefined();
    expect(started.secrets.watched(other, 'theirs')).toBe(false);
    expect(await settle(started, mine)).toEqual([]);
    const asked = filterAudit(await cluster.auditEvents(), { user: limited.user });
    expect(new Set(asked.map(({ namespace }) => namespace))).toEqual(new Set([mine]));
    expect(asked.filter(({ code }) => code === 403)).toEqual([]);
  });

  it('without the right to look at Secrets everything works by name', async () => {
    const namespace = await cluster.namespace('shop');
    const blind = await chartOperator(cluster, { set: ['watchSecrets=false'] });
    closing.push(() => blind.close());
    const owner = await aClient(namespace);
    const { secrets, changes } = await someSecrets({ as: blind, watch: false });
    expect(secrets.sinceLastSync()).toBe(0);
    await secrets.create(generated(owner));
    expect(secrets.watched(namespace, 'web-oauth2')).toBe(false);
    expect(await secrets.ownedBy(owner)).toEqual([]);
    const remembered = { ...owner, status: { binding: { name: 'web-oauth2' } } };
    const [found] = await secrets.ownedBy(remembered);
    expect(found?.data['client-secret']).toBe('pä$$ word');
    if (found !== undefined) await secrets.delete(found);
    expect(await secrets.ownedBy(remembered)).toEqual([]);
    expect(changes).toEqual([]);
    const asked = filterAudit(await cluster.auditEvents(), { user: blind.user });
    expect(new Set(asked.map(({ verb }) => verb))).toEqual(new Set(['create', 'get', 'delete']));
    expect(writesOf(asked).every(({ code }) => code < 300)).toBe(true);
  });

  it('ConfigMaps are read by name, and told by label', async () => {
    const namespace = await cluster.namespace('shop');
    const changes: string[] = [];
    const maps = new KubernetesConfigMaps({
      api: await operator.api(),
      onChange: (space, name) => changes.push(`${space}/${name}`),
    });
    closing.push(() => maps.stop());
    await maps.start();
    await create(namespace, { metadata: { name: 'quiet' }, data: { 'ca.crt': 'one' } }, 'configmaps');
    const binaryData = { 'logo.png': 'iVBORw==' };
    await create(
      namespace,
      { metadata: { name: 'ca', labels: watchLabel }, data: { 'ca.crt': 'two' }, binaryData },
      'configmaps',
    );
    await until(() => changes.includes(`${namespace}/ca`));
    expect(changes).not.toContain(`${namespace}/quiet`);
    expect([maps.watched(namespace, 'ca'), maps.watched(namespace, 'quiet')]).toEqual([true, false]);
    expect(await maps.read(namespace, 'quiet')).toEqual({ namespace, name: 'quiet', data: { 'ca.crt': 'one' } });
    expect(await maps.read(namespace, 'ca')).toEqual({ namespace, name: 'ca', data: { 'ca.crt': 'two' }, binaryData });
    expect(await maps.read(namespace, 'none')).toBeUndefined();
  });
});
