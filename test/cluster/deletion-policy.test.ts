/**
 * `deletionPolicy`, with the controllers of Kubernetes that collect what belongs to nobody any more: what is retained is of
 * nobody, and outlives their passes; everything else goes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { StandIn } from '../support/stand-in.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let operator: OperatorHere;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  operator = await OperatorHere.start(scene, { serverImage: 'registry.example.com/nauthera:1.0.0' });
});
afterAll(async () => {
  await operator?.stop();
  await postgres?.stop();
  await cluster?.stop();
});

const secretOf = (namespace: 'auth' | 'shop', name: string) =>
  until(`there is Secret ${name}`, () => scene.get('secrets', namespace, name));
const ownersOf = ({ metadata }: AnyObject): readonly AnyObject[] =>
  ((metadata.ownerReferences ?? []) as readonly AnyObject[]).map(({ kind, uid, controller }) => ({
    kind,
    uid,
    controller,
  }));

/** Belongs to that object, and nobody looks after it: once it is gone, Kubernetes has collected what was of that object. */
async function canary(namespace: 'auth' | 'shop', { apiVersion, kind, metadata }: AnyObject): Promise<string> {
  const name = `canary-of-${metadata.name}`;
  const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }];
  await scene.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: scene.namespaces[namespace], ownerReferences },
  });
  return name;
}

describe('a Client', () => {
  it.each(['Delete', 'Retain'])('%s', async (deletionPolicy) => {
    const name = deletionPolicy.toLowerCase();
    if ((await scene.get('AuthorizationServer', 'auth', 'main')) === undefined) {
      const stand = new StandIn(scene);
      await scene.apply(scene.aServer({ issuer: undefined }));
      await stand.runJob(await stand.untilJob());
      await stand.rollOut();
      await scene.apply(scene.aScope());
    }
    await scene.apply(scene.aClient(name, { deletionPolicy }));
    const { metadata } = await until('it has a Secret', async () => {
      const found = await scene.get('Client', 'shop', name);
      return found?.status?.binding !== undefined && found;
    });
    const owners = deletionPolicy === 'Retain' ? [] : [{ kind: 'Client', uid: metadata.uid, controller: true }];
    const before = await secretOf('shop', `${name}-oauth2`);
    expect(ownersOf(before)).toEqual(owners);
    const client = (await scene.get('Client', 'shop', name)) ?? {};

    const gone = await canary('shop', client);
    await scene.delete('Client', 'shop', name);
    await scene.untilGone('Client', 'shop', name);
    await scene.untilGone('configmaps', 'shop', gone);
    const after = await scene.get('secrets', 'shop', `${name}-oauth2`);
    if (deletionPolicy === 'Delete') {
      expect(after).toBeUndefined();
      return;
    }
    expect(after?.metadata.uid).toBe(before.metadata.uid);
    expect(after?.data).toEqual(before.data);
    expect(ownersOf(after ?? {})).toEqual([]);
    // A Client of that name takes over nothing: whoever wants the old secret adopts it.
    expect(Object.keys(after?.metadata.labels ?? {})).not.toContain('auth.nauthera.io/client');
    await scene.apply(scene.aClient(name, { deletionPolicy }));
    await scene.untilReason('Client', 'shop', name, 'SecretNotOwned');
    expect((await scene.get('secrets', 'shop', `${name}-oauth2`))?.metadata.resourceVersion).toBe(
      after?.metadata.resourceVersion,
    );
    await scene.delete('Client', 'shop', name);
    await scene.untilGone('Client', 'shop', name);
    expect(await scene.get('secrets', 'shop', `${name}-oauth2`)).toBeDefined();
  });

  it('that is let go of while no operator runs: Kubernetes collects what was made for it', async () => {
    await scene.apply(scene.aClient('orphan'));
    await secretOf('shop', 'orphan-oauth2');
    await operator.idle();
    await operator.stop();
    await scene.delete('Client', 'shop', 'orphan');
    await scene.patch('Client', 'shop', 'orphan', { metadata: { finalizers: null } });
    await scene.untilGone('secrets', 'shop', 'orphan-oauth2');
    operator = await OperatorHere.start(scene, { serverImage: 'registry.example.com/nauthera:1.0.0' });
  });
});

describe('an AuthorizationServer', () => {
  const kept = ['main-key-encryption-key', 'main-generated-ca'];

  it('Retain: its key and its authority are of nobody, and stay when all that was of it is collected', async () => {
    const server = (await scene.get('AuthorizationServer', 'auth', 'main')) ?? {};
    for (const name of kept) expect(ownersOf(await secretOf('auth', name)), name).toEqual([]);
    const certificate = await secretOf('auth', 'main-generated-tls');
    expect(ownersOf(certificate)).toEqual([
      { kind: 'AuthorizationServer', uid: server.metadata.uid, controller: true },
    ]);
    const before = await Promise.all(kept.map((name) => scene.get('secrets', 'auth', name)));
    const gone = await canary('auth', server);
    await scene.delete('AuthorizationServer', 'auth', 'main');
    await scene.untilGone('AuthorizationServer', 'auth', 'main');
    for (const [kind, name] of [
      ['configmaps', gone],
      ['configmaps', 'main-ca'],
      ['secrets', 'main-generated-tls'],
    ] as const)
      await scene.untilGone(kind, 'auth', name);
    expect(await Promise.all(kept.map((name) => scene.get('secrets', 'auth', name)))).toEqual(before);
  });

  it('made anew it goes on with both; Delete: they go with it, and those of others stay', async () => {
    const before = await Promise.all(kept.map((name) => scene.get('secrets', 'auth', name)));
    const other = { name: 'other-key-encryption-key', namespace: scene.namespaces.auth };
    await scene.create({ apiVersion: 'v1', kind: 'Secret', metadata: other, stringData: { any: 'thing' } });
    await scene.apply(scene.aServer({ issuer: undefined, deletionPolicy: 'Delete' }));
    await secretOf('auth', 'main-generated-tls');
    await scene.untilReason('AuthorizationServer', 'auth', 'main', 'MigrationRunning');
    expect(await Promise.all(kept.map((name) => scene.get('secrets', 'auth', name)))).toEqual(before);
    await scene.delete('AuthorizationServer', 'auth', 'main');
    await scene.untilGone('AuthorizationServer', 'auth', 'main');
    for (const name of kept) await scene.untilGone('secrets', 'auth', name);
    expect(await scene.get('secrets', 'auth', other.name)).toBeDefined();
    expect(await scene.get('secrets', 'auth', 'database')).toBeDefined();
  });

  it('in the foreground: it goes although it serves Clients; its key and its authority stay, and nothing is made anew', async () => {
    const stand = new StandIn(scene);
    await scene.apply(scene.aServer({ issuer: undefined }));
    await stand.runJob(await stand.untilJob());
    await stand.rollOut();
    await scene.apply(scene.aClient('served'));
    await secretOf('shop', 'served-oauth2');
    const before = await Promise.all(kept.map((name) => secretOf('auth', name)));
    const server = (await scene.get('AuthorizationServer', 'auth', 'main')) ?? {};
    const gone = await canary('auth', server);
    await cluster.call('DELETE', scene.path('AuthorizationServer', 'auth', 'main'), {
      body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground' },
    });
    await scene.untilGone('AuthorizationServer', 'auth', 'main');
    await scene.untilGone('configmaps', 'auth', gone);
    const collected = async () => ({
      deployment: await stand.deployment(),
      service: await scene.get('services', 'auth', 'main'),
      bundle: await scene.get('configmaps', 'auth', 'main-ca'),
      certificate: await scene.get('secrets', 'auth', 'main-generated-tls'),
    });
    const nothing = { deployment: undefined, service: undefined, bundle: undefined, certificate: undefined };
    await expect.poll(collected, { timeout: 120_000 }).toEqual(nothing);
    await scene.untilReason('Client', 'shop', 'served', 'ServerNotFound');
    await operator.idle();
    expect(await collected()).toEqual(nothing);
    expect(await Promise.all(kept.map((name) => scene.get('secrets', 'auth', name)))).toEqual(before);
  });
});
