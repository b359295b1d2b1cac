import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { kubePrograms } from '../support/kube-binaries.ts';
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
      .poll(async () => (await cluster.request('GET', `${path}/owned`)).status, { timeout: 60_000 })
      .toBe(404);
    await cluster.deleteNamespace(namespace);
    const other = await startCluster({ crds: false });
    expect(existsSync(other.folder)).toBe(true);
    await other.stop();
    expect(existsSync(other.folder)).toBe(false);
    await expect(other.request('GET', '/readyz')).rejects.toThrow();
  });

  it('leaves nothing behind when the process that started it is killed', async () => {
    const folder = await mkdtemp(join(cluster.folder, 'killed-'));
    const script = `
      import { Guardian, Program } from ${JSON.stringify(join(import.meta.dirname, '../support/kube-process.ts'))};
      const folder = ${JSON.stringify(folder)};
      const guardian = new Guardian(folder);
      const program = new Program({ name: 'sleep', program: 'sleep', args: () => ['600'], folder, guardian, isReady: async () => true });
      await program.start();
      console.log(program.pid);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(
      await new Promise((resolve) => parent.stdout.once('data', (text: Buffer) => resolve(String(text)))),
    );
    const isAlive = () => runs(pid);
    expect(isAlive()).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(isAlive, { timeout: 60_000 }).toBe(false);
    await expect.poll(() => existsSync(folder), { timeout: 60_000 }).toBe(false);
  });

  it('takes its programs from KUBEBUILDER_ASSETS before all others', async () => {
    const folder = await mkdtemp(join(cluster.folder, 'assets-'));
    await writeFile(join(folder, 'kubectl'), '');
    const before = process.env.KUBEBUILDER_ASSETS;
    process.env.KUBEBUILDER_ASSETS = folder;
    try {
      const found = await kubePrograms();
      expect(found.kubectl).toBe(join(folder, 'kubectl'));
      expect(found.etcd).not.toContain(folder);
    } finally {
      if (before === undefined) delete process.env.KUBEBUILDER_ASSETS;
      else process.env.KUBEBUILDER_ASSETS = before;
    }
  });
});

function runs(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  // Dead, and nobody has asked how it ended.
  if (existsSync(status)) return !/^State:\tZ/m.test(readFileSync(status, 'utf8'));
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
