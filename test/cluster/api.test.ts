import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } });

describe('the Kubernetes API that tests run against', () => {
  it('serves our kinds, and keeps what it has when it or its store is killed', async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(configMap('kept'), { namespace });
    await cluster.killApiServer();
    await cluster.startApiServer();
    await cluster.killEtcd();
    await cluster.startEtcd();
    const found = await cluster.kubectl(['get', 'configmaps,clients.auth.nauthera.io', '-o', 'name'], { namespace });
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('configmap/kept') as string });
  });

  it('gives a ServiceAccount exactly the rights that a Role grants', async () => {
    const namespace = await cluster.namespace();
    const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'reader');
    const get = (kind: string) => cluster.kubectl(['get', kind], { kubeconfig });
    expect((await get('configmaps')).stderr).toContain('forbidden');
    await cluster.apply(
      [
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'Role',
          metadata: { name: 'reader' },
          rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
        },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { name: 'reader' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
          subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
        },
      ],
      { namespace },
    );
    await expect.poll(async () => (await get('configmaps')).code).toBe(0);
    expect((await get('secrets')).stderr).toContain('forbidden');
    const asked = await cluster.kubectl(['get', 'secrets'], { namespace, as: 'jane' });
    expect(asked.stderr).toContain('User "jane" cannot list resource "secrets"');
  });

  it('tells who wrote and read what', async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(configMap('counted'), { namespace });
    await cluster.apply(configMap('counted'), { namespace });
    await cluster.kubectl(['get', 'secrets'], { namespace });
    const events = await cluster.auditEvents();
    expect(writesOf(events, { user: 'admin', namespace, name: 'counted' })).toMatchObject([
      { verb: 'create', resource: 'configmaps', group: '', code: 201 },
    ]);
    expect(filterAudit(events, { namespace, resource: 'secrets', verb: ['get', 'list', 'watch'] })).toHaveLength(1);
  });

  it('signs with a new key after a rotation, and takes tokens of the old one as long as that is kept', async () => {
    const namespace = await cluster.namespace();
    const token = await cluster.serviceAccountToken(namespace, 'app');
    const review = async () =>
      (
        await cluster.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
        })
      ).status.authenticated === true;
    const keys = async () => (await cluster.call('GET', '/openid/v1/jwks')).keys.length as number;
    await cluster.rotateServiceAccountKeys();
    expect([await review(), await keys()]).toEqual([true, 2]);
    await cluster.rotateServiceAccountKeys({ keepOld: false });
    expect([await review(), await keys()]).toEqual([false, 1]);
  });

  it('collects what belonged to a deleted object, and ends with everything it made', async () => {
    const namespace = await cluster.namespace();
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const owner = await cluster.call('POST', path, { body: configMap('owner') });
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid }];
    await cluster.call('POST', path, { body: { metadata: { name: 'owned', ownerReferences } } });
    await cluster.call('DELETE', `${path}/owner`);
    await expect
      .poll(async () => (await cluster.request('GET', `${path}/owned`)).status, { timeout: 30_000 })
      .toBe(404);
    await cluster.deleteNamespace(namespace);
    const other = await startCluster({ crds: false });
    expect(existsSync(other.folder)).toBe(true);
    await other.stop();
    expect(existsSync(other.folder)).toBe(false);
    await expect(other.request('GET', '/readyz')).rejects.toThrow();
  });
});
