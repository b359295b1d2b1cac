/**
 * An AuthorizationServer becomes a deployment, on a real Kubernetes API with the rights of the chart. Nothing runs as a pod
 * here: `stand-in.ts` plays the controllers of workloads, the scheduler and the kubelet.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { StandIn } from '../support/stand-in.ts';

const image = 'registry.example.com/nauthera:1.0.0';
let cluster: TestCluster;
let postgres: TestPostgres;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(async () => {
  await postgres?.stop();
  await cluster?.stop();
});

const kinds = [
  ['', 'serviceaccounts', 'main-server'],
  ['', 'services', 'main'],
  ['networking.k8s.io/v1', 'networkpolicies', 'main-server'],
  ['policy/v1', 'poddisruptionbudgets', 'main-server'],
  ['apps/v1', 'deployments', 'main-server'],
] as const;

describe('an AuthorizationServer becomes a deployment', () => {
  let scene: Scene;
  let stand: StandIn;
  let operator: OperatorHere;

  beforeAll(async () => {
    scene = await Scene.make({ cluster, postgres });
    stand = new StandIn(scene);
    // Pods that do not keep to the restricted standard are refused there.
    await cluster.call('PATCH', `/api/v1/namespaces/${scene.namespaces.auth}`, {
      body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } },
      contentType: 'application/merge-patch+json',
    });
    operator = await OperatorHere.start(scene, { serverImage: image });
  });
  afterAll(() => operator?.stop());

  const condition = (type: string) => scene.condition('AuthorizationServer', 'auth', 'main', type);
  const untilCondition = (type: string, reason: string) => {
    let seen: unknown;
    return until(
      () =>
        `${type} is ${reason}; it is ${JSON.stringify(seen)}; ${JSON.stringify(operator.failures.map(({ error }) => String(error)))}`,
      async () => {
        const found = await condition(type);
        seen = found;
        return found?.reason === reason && found;
      },
    );
  };

  it('the tables come first: until the migration has ended there are no pods', async () => {
    await scene.apply(scene.aServer());
    const job = await stand.untilJob();
    expect(job.spec.template.spec.containers[0]).toMatchObject({
      image,
      command: ['nauthera-server'],
      args: ['migrate'],
    });
    await untilCondition('DatabaseReady', 'MigrationRunning');
    expect(await stand.deployment()).toBeUndefined();
    await stand.runJob(job);
    await until('there is a Deployment', () => stand.deployment());
  });

  it('everything belongs to it, and goes with it', async () => {
    const server = await scene.get('AuthorizationServer', 'auth', 'main');
    for (const [group, plural, name] of kinds) {
      const { metadata } = (await stand.get(group, plural, name)) ?? {};
      expect(metadata, plural).toBeDefined();
      expect(metadata.ownerReferences).toEqual([
        expect.objectContaining({
          kind: 'AuthorizationServer',
          uid: server?.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        }),
      ]);
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'nauthera-server',
        'app.kubernetes.io/instance': 'main',
        'app.kubernetes.io/part-of': 'nauthera',
        'app.kubernetes.io/managed-by': 'nauthera-operator',
        'auth.nauthera.io/authorization-server': 'main',
        'app.kubernetes.io/version': '1.0.0',
      });
      expect(
        metadata.managedFields.some(
          ({ manager, operation }: AnyObject) => manager === 'nauthera-operator' && operation === 'Apply',
        ),
      ).toBe(true);
    }
  });

  it('its pods are admitted by restricted Pod Security', async () => {
    const [job] = (await stand.list('batch/v1', 'jobs')) as [AnyObject];
    for (const { spec } of [await stand.deployment(), job] as AnyObject[]) {
      const { status, body } = await cluster.request('POST', `${stand.path('', 'pods')}?dryRun=All`, {
        body: { metadata: { name: 'dry', labels: spec.template.metadata.labels }, spec: spec.template.spec },
      });
      expect({ status, says: body.message }).toEqual({ status: 201, says: undefined });
    }
  });

  it('rolling, then ready when a server process serves the newest settings', async () => {
    await stand.beginRollOut();
    const rolling = await untilCondition('Deployed', 'RollingOut');
    expect(rolling.message).toMatch(/^[01] of 2 pods are of the newest version, [02] are available. Waiting$/);
    await stand.rollOut();
    await using replica = await scene.replica();
    expect(replica.url).toBeDefined();
    await untilCondition('Ready', 'Ready');
    const { status } = (await scene.get('AuthorizationServer', 'auth', 'main')) ?? {};
    expect(status).toMatchObject({ replicas: 2, readyReplicas: 1 });
  });

  it('what somebody changes of ours is changed back, and what others add stays', async () => {
    await scene.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: {
          name: 'main-server',
          namespace: scene.namespaces.auth,
          annotations: { 'example.com/note': 'theirs' },
        },
        spec: { template: { spec: { containers: [{ name: 'server', env: [{ name: 'THEIRS', value: 'x' }] }] } } },
      },
      'somebody',
    );
    await stand.edit('apps/v1', 'deployments', 'main-server', { spec: { replicas: 7 } });
    await until('there are two again', async () => (await stand.deployment())?.spec.replicas === 2);
    await stand.edit('', 'services', 'main', { spec: { selector: { ours: 'no' } } });
    await until(
      'the selector is ours',
      async () => (await stand.get('', 'services', 'main'))?.spec.selector.ours === undefined,
    );
    const labels = { 'app.kubernetes.io/managed-by': null, 'auth.nauthera.io/authorization-server': null };
    await stand.edit('policy/v1', 'poddisruptionbudgets', 'main-server', { metadata: { labels } });
    const budget = () => stand.get('policy/v1', 'poddisruptionbudgets', 'main-server');
    await until(
      'it is labelled',
      async () => (await budget())?.metadata.labels['auth.nauthera.io/authorization-server'] === 'main',
    );
    await cluster.call('DELETE', stand.path('networking.k8s.io/v1', 'networkpolicies', 'main-server'));
    await until('it is made again', () => stand.get('networking.k8s.io/v1', 'networkpolicies', 'main-server'));
    const deployment = await stand.deployment();
    expect(deployment?.metadata.annotations['example.com/note']).toBe('theirs');
    expect(deployment?.spec.template.spec.containers[0].env).toContainEqual({ name: 'THEIRS', value: 'x' });
    const noted = async () => {
      const events = (await stand.list('events.k8s.io/v1', 'events')).filter(
        ({ reason }) => reason === 'DriftRepaired',
      );
      return new Set(events.map(({ note }) => String(note).split(' ')[0]));
    };
    await expect
      .poll(noted, { timeout: 120_000 })
      .toEqual(new Set(['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy']));
    await stand.rollOut();
  });

  it('what is unchanged is not written: not when asked to look again, not by another operator', async () => {
    await operator.idle();
    const before = await versions();
    const from = Date.now();
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/reconcile': 'a' } },
    });
    const handled = async () =>
      (await scene.get('AuthorizationServer', 'auth', 'main'))?.status.lastHandled?.['auth.nauthera.io/reconcile'];
    await expect.poll(handled, { timeout: 60_000 }).toBe('a');
    await operator.stop();
    operator = await OperatorHere.start(scene, { serverImage: image, reflectors: { relist: 1_500 } });
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/reconcile': 'b' } },
    });
    await expect.poll(handled, { timeout: 60_000 }).toBe('b');
    const listed = async () =>
      filterAudit(await cluster.auditEvents(), { user: scene.user, verb: 'list', resource: 'deployments' }).filter(
        ({ at }) => at > from,
      ).length;
    await expect.poll(listed, { timeout: 60_000 }).toBeGreaterThan(2);
    const writes = writesOf(await cluster.auditEvents(), { user: scene.user }).filter(
      ({ at, resource }) => at > from && !['leases', 'events'].includes(resource),
    );
    expect(new Set(writes.map(({ resource, subresource }) => `${resource}/${subresource}`))).toEqual(
      new Set(['authorizationservers/status']),
    );
    expect(await versions()).toEqual(before);
  });

  const versions = async () =>
    Promise.all(
      kinds.map(async ([group, plural, name]) => (await stand.get(group, plural, name))?.metadata.resourceVersion),
    );

  it('objects of a tenant that carry the labels of children, many and large, keep no operator from starting', async () => {
    const labels = {
      'app.kubernetes.io/managed-by': 'nauthera-operator',
      'auth.nauthera.io/authorization-server': 'main',
    };
    const large = 'x'.repeat(900_000);
    for (let at = 0; at < 70; at += 1) {
      const metadata = { name: `large-${at}`, namespace: scene.namespaces.shop, labels };
      await scene.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { large } });
      if (at >= 6) continue;
      const containers = [{ name: 'x', image, env: [{ name: 'LARGE', value: large }] }];
      await scene.create({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers } },
        },
      });
    }
    await operator.stop();
    operator = await OperatorHere.start(scene, { serverImage: image });
    expect(operator.problems).toEqual([]);
    // It does its work beside them.
    await stand.edit('apps/v1', 'deployments', 'main-server', { spec: { replicas: 7 } });
    await until('there are two again', async () => (await stand.deployment())?.spec.replicas === 2);
    for (const plural of ['configmaps', 'deployments'])
      await cluster.call(
        'DELETE',
        `${plural === 'configmaps' ? '/api/v1' : '/apis/apps/v1'}/namespaces/${scene.namespaces.shop}/${plural}?labelSelector=auth.nauthera.io/authorization-server=main`,
      );
  });

  it('while it is paused, everything is left alone', async () => {
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/paused': 'true' } },
      spec: { replicas: 3 },
    });
    await until('it says so', () => condition('Paused'));
    expect(await condition('Paused')).toMatchObject({ status: 'True', reason: 'PausedByAnnotation' });
    await stand.edit('', 'services', 'main', { spec: { selector: { ours: 'no' } } });
    await stand.edit('policy/v1', 'poddisruptionbudgets', 'main-server', { spec: { maxUnavailable: 2 } });
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/reconcile': 'c' } },
    });
    await expect
      .poll(
        async () =>
          (await scene.get('AuthorizationServer', 'auth', 'main'))?.status.lastHandled?.['auth.nauthera.io/reconcile'],
        { timeout: 60_000 },
      )
      .toBe('c');
    expect((await stand.deployment())?.spec.replicas).toBe(2);
    expect((await stand.get('', 'services', 'main'))?.spec.selector.ours).toBe('no');
    await upgradeWhilePaused();
    expect((await stand.deployment())?.spec.replicas).toBe(2);
    expect((await stand.get('', 'services', 'main'))?.spec.selector.ours).toBe('no');
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/paused': null } },
    });
    await until('there are three', async () => (await stand.deployment())?.spec.replicas === 3);
    await until(
      'the selector is ours',
      async () => (await stand.get('', 'services', 'main'))?.spec.selector.ours === undefined,
    );
    await stand.rollOut();
    await until('it says so no more', async () => (await condition('Paused')) === undefined);
  });

  /** To an operator that knows one migration more: the database forgets that it ran until the Job has run. */
  const upgradeWhilePaused = async () => {
    const later = `${image}-later`;
    await operator.stop();
    const newest = 'SELECT max(name) FROM nauthera_migrations';
    const [last] = await scene.sql(
      `DELETE FROM nauthera_migrations WHERE name = (${newest}) RETURNING name, timestamp`,
    );
    operator = await OperatorHere.start(scene, { serverImage: later });
    const job = await stand.untilJob();
    expect(job.spec.template.spec.containers[0]).toMatchObject({ image: later, args: ['migrate'] });
    await untilCondition('DatabaseReady', 'MigrationRunning');
    await scene.sql('INSERT INTO nauthera_migrations (name, timestamp) VALUES ($1, $2)', [last?.name, last?.timestamp]);
    await stand.runJob(job);
    await expect.poll(async () => (await condition('DatabaseReady'))?.status, { timeout: 60_000 }).toBe('True');
    expect(await condition('Paused')).toMatchObject({ status: 'True' });
    expect((await stand.deployment())?.spec.template.spec.containers[0]?.image).toBe(image);
    await operator.stop();
    operator = await OperatorHere.start(scene, { serverImage: image });
  };

  it('a restart is asked for once: taking the annotation back asks for nothing', async () => {
    const restarted = async () =>
      (await stand.deployment())?.spec.template.metadata.annotations['auth.nauthera.io/restarted'];
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/restart': 'now' } },
    });
    await expect.poll(restarted, { timeout: 60_000 }).toBe('now');
    await stand.rollOut();
    const handled = async () => (await scene.get('AuthorizationServer', 'auth', 'main'))?.status.lastHandled;
    await expect.poll(handled, { timeout: 60_000 }).toMatchObject({ 'auth.nauthera.io/restart': 'now' });
    const { metadata } = (await stand.deployment()) ?? {};
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/restart': null, 'auth.nauthera.io/reconcile': 'd' } },
    });
    await expect.poll(handled, { timeout: 60_000 }).toMatchObject({ 'auth.nauthera.io/reconcile': 'd' });
    expect((await stand.deployment())?.metadata.generation).toBe(metadata.generation);
  });

  it('another version waits for its migration; one that fails says its last line and changes no pod', async () => {
    const next = 'registry.example.com/nauthera:1.1.0';
    const old = (await stand.list('batch/v1', 'jobs')).map(({ metadata }) => String(metadata.name));
    await scene.patch('AuthorizationServer', 'auth', 'main', { spec: { pod: { image: next } } });
    const job = await stand.untilJob('main', old);
    expect(job.spec.template.spec.containers[0].image).toBe(next);
    await untilCondition('DatabaseReady', 'MigrationRunning');
    await stand.failJob(job, 'waiting for another migration to end\n0042-more: relation "x" does not exist\n');
    const failed = await untilCondition('DatabaseReady', 'MigrationFailed');
    expect(failed.message).toBe('the migration failed: 0042-more: relation "x" does not exist');
    expect((await condition('Stalled'))?.reason).toBe('MigrationFailed');
    expect((await stand.deployment())?.spec.template.spec.containers[0].image).toBe(image);
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations: { 'auth.nauthera.io/reconcile': 'again' } },
    });
    const again = await until('it is tried again', async () =>
      (await stand.jobs()).find(
        ({ metadata }) => metadata.name === job.metadata.name && metadata.uid !== job.metadata.uid,
      ),
    );
    await stand.runJob(again);
    await until(
      'its pods are of the next version',
      async () => (await stand.deployment())?.spec.template.spec.containers[0].image === next,
    );
  });

  it('a rollout that is stuck says why, with the first pod that fails', async () => {
    await stand.beginRollOut();
    const { labels } = (await stand.deployment())?.spec.template.metadata ?? {};
    await stand.waitingPod(
      'main-server-1',
      { ...labels, 'pod-template-hash': 'x' },
      'ImagePullBackOff',
      'Back-off pulling image "registry.example.com/nauthera:1.1.0"',
    );
    const stuck = await untilCondition('Deployed', 'RolloutStuck');
    expect(stuck.message).toBe(
      'pod main-server-1: ImagePullBackOff: Back-off pulling image "registry.example.com/nauthera:1.1.0"',
    );
    expect((await condition('Stalled'))?.reason).toBe('RolloutStuck');
    await cluster.call('DELETE', `${stand.path('', 'pods', 'main-server-1')}?gracePeriodSeconds=0`);
    await stand.rollOut();
    await until('it is not any more', async () => (await condition('Deployed'))?.reason !== 'RolloutStuck');
  });

  it('an autoscaler is made and followed, and goes when it is no longer asked for', async () => {
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      spec: { autoscaling: { minReplicas: 2, maxReplicas: 6 } },
    });
    const scaler = () => stand.get('autoscaling/v2', 'horizontalpodautoscalers', 'main-server');
    await until('there is one', scaler);
    // The pass that made it goes on to the Deployment.
    await operator.idle();
    await cluster.call('PATCH', `${stand.path('apps/v1', 'deployments', 'main-server')}/scale`, {
      body: { spec: { replicas: 5 } },
      contentType: 'application/merge-patch+json',
    });
    await stand.edit('policy/v1', 'poddisruptionbudgets', 'main-server', { spec: { maxUnavailable: 2 } });
    await until(
      'a pass went over it',
      async () => (await stand.get('policy/v1', 'poddisruptionbudgets', 'main-server'))?.spec.maxUnavailable === 1,
    );
    expect((await stand.deployment())?.spec.replicas).toBe(5);
    await scene.patch('AuthorizationServer', 'auth', 'main', { spec: { autoscaling: null } });
    await until('it is gone', async () => (await scaler()) === undefined);
    await until('there are as many as said', async () => (await stand.deployment())?.spec.replicas === 3);
    await stand.rollOut();
  });

  it('what the API server refuses stands in its words; an object that is not ours is left alone', async () => {
    await cluster.call('POST', stand.path('', 'services'), {
      body: { metadata: { name: 'taken' }, spec: { ports: [{ port: 1 }], selector: { theirs: 'yes' } } },
    });
    const theirs = await stand.get('', 'services', 'taken');
    const other = scene.aServer({ issuer: 'http://127.0.0.1:8' });
    await scene.apply({ ...other, metadata: { ...other.metadata, name: 'taken' } });
    const taken = () => scene.condition('AuthorizationServer', 'auth', 'taken', 'Deployed');
    await expect.poll(async () => (await taken())?.reason, { timeout: 60_000 }).toBe('ApplyFailed');
    expect((await taken())?.message).toBe(
      `Service "taken" exists in namespace ${scene.namespaces.auth} and was not made for this AuthorizationServer. Delete or rename it; it is left alone`,
    );
    expect(await stand.get('', 'services', 'taken')).toEqual(theirs);
    await cluster.call('DELETE', stand.path('', 'services', 'taken'));
    await scene.patch('AuthorizationServer', 'auth', 'taken', {
      spec: { exposure: { mode: 'HTTPRoute', httpRoute: { parentRefs: [{ name: 'public' }] } } },
    });
    await expect
      .poll(async () => (await taken())?.message, { timeout: 60_000 })
      .toContain('this cluster knows no HTTPRoute');
    await scene.patch('AuthorizationServer', 'auth', 'taken', {
      spec: { exposure: { mode: 'Ingress', ingress: { tlsSecretName: 'x' }, httpRoute: null } },
    });
    // An Ingress takes no address for a host: the issuer of this test names one.
    await expect
      .poll(async () => (await taken())?.message, { timeout: 60_000 })
      .toMatch(/^Ingress "taken-server": .*must be a DNS name, not an IP address/);
    await scene.delete('AuthorizationServer', 'auth', 'taken');
  });

  it('of two, one is rolled after the other', async () => {
    const url = await postgres.createDatabase();
    await scene.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'second', namespace: scene.namespaces.auth, labels: { 'auth.nauthera.io/watch': 'true' } },
      stringData: { uri: url },
    });
    const second = scene.aServer({ issuer: 'http://127.0.0.1:7', database: { secretRef: { name: 'second' } } });
    await scene.apply({ ...second, metadata: { ...second.metadata, name: 'second' } });
    await stand.runJob(await stand.untilJob('second'), url);
    await stand.rollOut('second-server');
    await stand.rollOut();
    const changed = async (name: string) =>
      (await stand.deployment(`${name}-server`))?.spec.template.metadata.annotations.round === 'two';
    for (const name of ['main', 'second'])
      await scene.patch('AuthorizationServer', 'auth', name, { spec: { pod: { annotations: { round: 'two' } } } });
    const first = await until('one begins', async () =>
      (await changed('main')) ? 'main' : (await changed('second')) ? 'second' : undefined,
    );
    const last = first === 'main' ? 'second' : 'main';
    await expect
      .poll(async () => (await scene.condition('AuthorizationServer', 'auth', last, 'Deployed'))?.message, {
        timeout: 60_000,
      })
      .toBe(
        'the pods of another AuthorizationServer are being replaced. Waiting for a turn; each takes 10 minutes at most',
      );
    expect(await changed(last)).toBe(false);
    await stand.rollOut(`${first}-server`);
    await until('then the other', () => changed(last));
  });

  it('with the AuthorizationServer everything goes but the key', async () => {
    await scene.delete('AuthorizationServer', 'auth', 'main');
    await scene.untilGone('AuthorizationServer', 'auth', 'main');
    for (const [group, plural, name] of kinds)
      await until(`${plural} ${name} is gone`, async () => (await stand.get(group, plural, name)) === undefined);
    await expect
      .poll(
        async () => (await stand.list('batch/v1', 'jobs')).filter(({ metadata }) => metadata.name.startsWith('main-')),
        { timeout: 90_000 },
      )
      .toEqual([]);
    expect(await scene.secret('auth', 'main-key-encryption-key')).toBeDefined();
  });
});
