/**
 * `deletionPolicy: Retain` of a Client, against the collector of Kubernetes itself: the Secret names no owner, so no way of
 * deleting the Client takes it; and what somebody forges makes no other Secret the Client's.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';

const madeFor = 'auth.nauthera.io/made-for';

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let operator: OperatorHere;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope()]) await scene.apply(one);
  operator = await OperatorHere.start(scene);
});
afterAll(async () => {
  await operator?.stop();
  await cluster?.stop();
  await postgres?.stop();
});

const clientOf = async (name: string) => (await scene.get('Client', 'shop', name)) ?? {};
const secretOf = (name: string) => scene.get('secrets', 'shop', name);
const ownersOf = (object: AnyObject | undefined) =>
  ((object?.metadata.ownerReferences ?? []) as readonly AnyObject[]).map(({ uid }) => uid as string);
const versionOf = (object: AnyObject | undefined) => object?.metadata.resourceVersion as string | undefined;

/** The Secret, once nothing would collect it any more. */
const untilRetained = (name: string, secretName = `${name}-oauth2`): Promise<AnyObject> =>
  until(`Secret ${secretName} is retained`, async () => {
    const secret = await secretOf(secretName);
    const { retained } = (await clientOf(name)).status ?? {};
    const isNoted = retained?.name === secretName && retained.uid === secret?.metadata.uid;
    return isNoted && ownersOf(secret).length === 0 && secret;
  });
const untilOwned = (name: string, secretName = `${name}-oauth2`): Promise<AnyObject> =>
  until(`Secret ${secretName} goes with Client ${name}`, async () => {
    const [secret, client] = [await secretOf(secretName), await clientOf(name)];
    const isOwned = ownersOf(secret).length === 1 && ownersOf(secret)[0] === client.metadata?.uid;
    return isOwned && client.status?.retained === undefined && secret;
  });
const deleteIn = (propagationPolicy: string, name: string) =>
  cluster.call('DELETE', scene.path('Client', 'shop', name), {
    body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy },
  });

/** Resolves when the operator has looked at it once more, and at everything else that moved until then. */
let looks = 0;
async function lookedAtAgain(name: string): Promise<void> {
  looks += 1;
  const annotation = 'auth.nauthera.io/reconcile';
  await scene.patch('Client', 'shop', name, { metadata: { annotations: { [annotation]: `${looks}` } } });
  await until(
    `${name} was looked at again`,
    async () => (await clientOf(name)).status?.lastHandled?.[annotation] === `${looks}`,
  );
  await operator.idle();
}

/** Belongs to that Client, and is collected before it may go: once it is gone, the collector has been there. */
async function canary(client: AnyObject): Promise<string> {
  const { apiVersion, kind, metadata } = client;
  const name = `canary-of-${metadata.name}`;
  const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true };
  await scene.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: scene.namespaces.shop, ownerReferences: [owner] },
  });
  return name;
}

async function putSecret(name: string, metadata: AnyObject = {}, data: AnyObject = {}): Promise<AnyObject> {
  return scene.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata, name, namespace: scene.namespaces.shop },
    data: { value: Buffer.from('keep me').toString('base64'), ...data },
  });
}

describe('the Secret of a Client that retains it', () => {
  it('has no owner once the status names it, and nothing is written to it after that', async () => {
    await scene.apply(scene.aClient('calm', { deletionPolicy: 'Retain' }));
    const secret = await untilRetained('calm');
    expect(secret.metadata.annotations[madeFor]).toBe((await clientOf('calm')).metadata.uid);
    await lookedAtAgain('calm');
    expect(versionOf(await secretOf('calm-oauth2'))).toBe(versionOf(secret));
    // A process that begins finds it so, too.
    await operator.stop();
    operator = await OperatorHere.start(scene);
    await lookedAtAgain('calm');
    expect(versionOf(await secretOf('calm-oauth2'))).toBe(versionOf(secret));
  });

  it.each(['Foreground', 'Background', 'Orphan'])('outlives a deletion in the manner %s', async (manner) => {
    const name = manner.toLowerCase();
    await scene.apply(scene.aClient(name, { deletionPolicy: 'Retain' }));
    const before = await untilRetained(name);
    const gone = await canary(await clientOf(name));
    await deleteIn(manner, name);
    await scene.untilGone('Client', 'shop', name);
    // Who is orphaned has no owner left, and stays.
    if (manner !== 'Orphan') await scene.untilGone('configmaps', 'shop', gone);
    const after = await secretOf(`${name}-oauth2`);
    expect([after?.metadata.uid, after?.data]).toEqual([before.metadata.uid, before.data]);
    expect(Object.keys(after?.metadata.annotations ?? {})).not.toContain(madeFor);
  });

  it('outlives a deletion in the foreground while no operator runs; what goes with its Client does not', async () => {
    await scene.apply(scene.aClient('kept', { deletionPolicy: 'Retain' }));
    await scene.apply(scene.aClient('lost'));
    const before = await untilRetained('kept');
    await untilOwned('lost');
    await operator.idle();
    await operator.stop();
    const gone = await canary(await clientOf('kept'));
    for (const name of ['kept', 'lost']) await deleteIn('Foreground', name);
    await scene.untilGone('configmaps', 'shop', gone);
    await scene.untilGone('secrets', 'shop', 'lost-oauth2');
    // The finalizer holds it until an operator runs again, or somebody takes it away.
    expect((await clientOf('kept')).metadata?.finalizers).toContain('auth.nauthera.io/registration');
    for (const name of ['kept', 'lost']) {
      await scene.patch('Client', 'shop', name, { metadata: { finalizers: null } });
      await scene.untilGone('Client', 'shop', name);
    }
    expect(await secretOf('kept-oauth2')).toEqual(before);
    operator = await OperatorHere.start(scene);
    // One that is made anew under that name is another one.
    await scene.apply(scene.aClient('kept', { deletionPolicy: 'Retain' }));
    await scene.untilReason('Client', 'shop', 'kept', 'SecretNotOwned');
    expect(await secretOf('kept-oauth2')).toEqual(before);
  });

  it('goes with its Client again when the policy says so, and stays again when it does not', async () => {
    await scene.apply(scene.aClient('moody'));
    const { metadata, data } = await untilOwned('moody');
    for (const turn of [1, 2]) {
      await scene.apply(scene.aClient('moody', { deletionPolicy: 'Retain' }));
      expect((await untilRetained('moody')).metadata.uid, `turn ${turn}`).toBe(metadata.uid);
      await scene.apply(scene.aClient('moody', { deletionPolicy: 'Delete' }));
      const owned = await untilOwned('moody');
      expect([owned.metadata.uid, owned.data, owned.metadata.annotations[madeFor]]).toEqual([
        metadata.uid,
        data,
        undefined,
      ]);
    }
    await deleteIn('Foreground', 'moody');
    await scene.untilGone('Client', 'shop', 'moody');
    await scene.untilGone('secrets', 'shop', 'moody-oauth2');
  });

  it('loses an owner that somebody gives it', async () => {
    await scene.apply(scene.aClient('given', { deletionPolicy: 'Retain' }));
    const { metadata } = await untilRetained('given');
    const client = await clientOf('given');
    const owner = { apiVersion: client.apiVersion, kind: 'Client', name: 'given', uid: client.metadata.uid };
    await scene.patch('secrets', 'shop', 'given-oauth2', {
      metadata: { ownerReferences: [{ ...owner, controller: true }] },
    });
    expect((await untilRetained('given')).metadata.uid).toBe(metadata.uid);
  });

  it('under another name: the former one goes with its Client from then on', async () => {
    await scene.apply(scene.aClient('renamed', { deletionPolicy: 'Retain' }));
    const { data } = await untilRetained('renamed');
    await scene.apply(scene.aClient('renamed', { deletionPolicy: 'Retain', secret: { name: 'another' } }));
    const next = await untilRetained('renamed', 'another');
    expect(next.data['client-secret']).toBe(data['client-secret']);
    const former = await secretOf('renamed-oauth2');
    expect(ownersOf(former)).toEqual([(await clientOf('renamed')).metadata.uid]);
    expect(former?.metadata.annotations).toHaveProperty(['auth.nauthera.io/remove-after']);
    await deleteIn('Background', 'renamed');
    await scene.untilGone('Client', 'shop', 'renamed');
    await scene.untilGone('secrets', 'shop', 'renamed-oauth2');
    expect((await secretOf('another'))?.metadata.uid).toBe(next.metadata.uid);
  });

  it.each(['while the operator runs', 'and an operator comes afterwards'])(
    'goes with its namespace alone, which goes at once: %s',
    async (when) => {
      const own = await Scene.make({ cluster, postgres, rights: 'cluster-wide' });
      for (const one of [own.aServer(), own.aScope(), own.aClient('kept', { deletionPolicy: 'Retain' })])
        await own.apply(one);
      const first = await OperatorHere.start(own);
      await until('it is retained', async () => {
        const secret = await own.get('secrets', 'shop', 'kept-oauth2');
        const { retained } = (await own.get('Client', 'shop', 'kept'))?.status ?? {};
        return retained?.uid === secret?.metadata.uid && secret !== undefined && ownersOf(secret).length === 0;
      });
      const runs = when === 'while the operator runs';
      if (!runs) {
        await first.idle();
        await first.stop();
      }
      const path = `/api/v1/namespaces/${own.namespaces.shop}`;
      await cluster.call('DELETE', path);
      // What is deleted first is of Kubernetes' choice: the Secret may go before its Client.
      if (!runs)
        await until('Kubernetes has deleted what it could', async () => {
          const { conditions = [] } = (await cluster.call('GET', path)).status;
          const held = (conditions as AnyObject[]).find(({ type }) => type === 'NamespaceFinalizersRemaining');
          return held?.status === 'True' && (await own.get('secrets', 'shop', 'kept-oauth2')) === undefined;
        });
      const operator = runs ? first : await OperatorHere.start(own);
      await until('the namespace is gone', async () => (await cluster.request('GET', path)).status === 404);
      expect((await own.state()).registry.map((row) => (row as { id: string }).id)).toEqual(['self']);
      await operator.stop();
    },
  );
});

describe('A80 a Secret that only seems to be the retained one', () => {
  /** It was neither written nor taken away, whatever becomes of the Client. */
  async function isLeftAlone(client: string, secret: AnyObject): Promise<void> {
    const { name } = secret.metadata;
    await lookedAtAgain(client);
    expect(await secretOf(name), 'while its Client stands').toEqual(secret);
    for (const deletionPolicy of ['Delete', 'Retain']) {
      await scene.patch('Client', 'shop', client, { spec: { deletionPolicy } });
      await lookedAtAgain(client);
      expect(await secretOf(name), deletionPolicy).toEqual(secret);
    }
    await scene.patch('Client', 'shop', client, { spec: { deletionPolicy: 'Delete' } });
    await scene.delete('Client', 'shop', client);
    await scene.untilGone('Client', 'shop', client);
    expect(await secretOf(name), 'when its Client is gone').toEqual(secret);
  }
  const forge = (name: string, { metadata }: AnyObject) =>
    cluster.call('PATCH', `${scene.path('Client', 'shop', name)}/status`, {
      body: { status: { retained: { name: metadata.name, uid: metadata.uid } } },
      contentType: 'application/merge-patch+json',
    });

  it('by its own word is none', async () => {
    const asked = scene.aClient('talker', { deletionPolicy: 'Retain' });
    await scene.apply(asked);
    const { labels, annotations } = (await untilRetained('talker')).metadata;
    const precious = await putSecret('precious', { labels, annotations });
    await scene.apply(scene.aClient('talker', { deletionPolicy: 'Retain', secret: { name: 'precious' } }));
    await scene.untilReason('Client', 'shop', 'talker', 'SecretNotOwned');
    await isLeftAlone('talker', precious);
  });

  it('by a status that somebody wrote is none', async () => {
    const target = await putSecret('targeted');
    await scene.apply(scene.aClient('forger', { deletionPolicy: 'Retain', secret: { name: 'targeted' } }));
    await scene.untilReason('Client', 'shop', 'forger', 'SecretNotOwned');
    await forge('forger', target);
    await isLeftAlone('forger', target);
  });

  it('by being its copy under another name is none', async () => {
    await scene.apply(scene.aClient('copied', { deletionPolicy: 'Retain' }));
    const { metadata, data } = await untilRetained('copied');
    const { labels, annotations } = metadata;
    await isLeftAlone('copied', await putSecret('copy', { labels, annotations }, data));
  });

  it('by standing in its place is none', async () => {
    await scene.apply(scene.aClient('replaced', { deletionPolicy: 'Retain' }));
    const { metadata, data } = await untilRetained('replaced');
    const { labels, annotations } = metadata;
    await operator.idle();
    await operator.stop();
    await scene.delete('secrets', 'shop', 'replaced-oauth2');
    const imposter = await putSecret('replaced-oauth2', { labels, annotations }, data);
    operator = await OperatorHere.start(scene);
    await scene.untilReason('Client', 'shop', 'replaced', 'SecretNotOwned');
    await isLeftAlone('replaced', imposter);
  });

  it('whom somebody else controls is none, whatever else it says', async () => {
    await scene.apply(scene.aClient('shared', { deletionPolicy: 'Retain' }));
    await untilRetained('shared');
    const holder = await scene.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'holder', namespace: scene.namespaces.shop },
    });
    const controller = { apiVersion: 'v1', kind: 'ConfigMap', name: 'holder', uid: holder.metadata.uid };
    await scene.patch('secrets', 'shop', 'shared-oauth2', {
      metadata: { ownerReferences: [{ ...controller, controller: true }] },
    });
    await scene.untilReason('Client', 'shop', 'shared', 'SecretNotOwned');
    await isLeftAlone('shared', (await secretOf('shared-oauth2')) ?? {});
  });
});
