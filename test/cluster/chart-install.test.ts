/**
 * helm installs on an API server that has never seen our kinds, the operator takes over the default server, an upgrade, and an
 * uninstall that leaves what is not its own. No pod runs here: the operator is a process with the pod's arguments and the
 * rights of its ServiceAccount, and what runs the hook's Job stands in for the kubelet.
 */
import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartFolder, helmAs } from '../support/chart.ts';
import type { HelmMajor } from '../support/kube-binaries.ts';
import { type AnyObject, objectsOf, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorProcess } from '../support/operator-process.ts';

const program = join(import.meta.dirname, '../../operator/src/main.ts');
const auth = '/apis/auth.nauthera.io/v1alpha1';
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const names = ['authorizationservers', 'clients', 'ldapbindings', 'scopes'].map(
  (plural) => `${plural}.auth.nauthera.io`,
);

let cluster: TestCluster;
let operator: OperatorProcess | undefined;

beforeAll(async () => {
  cluster = await startCluster({ crds: false });
});

afterAll(async () => {
  await operator?.kill();
  await cluster?.stop();
});

const helm = (major: HelmMajor, ...args: readonly string[]): Promise<string> =>
  helmAs(major, { KUBECONFIG: cluster.kubeconfig }, ...args);

const get = (path: string): Promise<AnyObject> => cluster.call('GET', path);
const eventually = (look: () => Promise<unknown>) => expect.poll(look, { timeout: 120_000, interval: 200 });

/** The arguments of a container of the release, without those that want pods of servers. */
function argumentsOf(workload: AnyObject): readonly string[] {
  const [container] = workload.spec.template.spec.containers as readonly AnyObject[];
  const [, ...args] = (container?.args ?? []) as readonly string[];
  return args.filter((arg) => !/^--(?:server-image|management)/.test(arg));
}

/** The operator as its Deployment runs it. */
async function runOperator(namespace: string): Promise<OperatorProcess> {
  const deployment = await get(`/apis/apps/v1/namespaces/${namespace}/deployments/nauthera-operator`);
  expect(deployment.spec.template.spec.containers[0].command).toEqual(['nauthera-operator']);
  const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'nauthera-operator');
  operator = await OperatorProcess.start({ kubeconfig, args: argumentsOf(deployment), restart: true });
  return operator.ready();
}

/** What a kubelet and the Job controller do with the hook; what the program said. */
async function runHook(namespace: string): Promise<string> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs/nauthera-release`;
  await eventually(async () => (await cluster.request('GET', path)).status).toBe(200);
  const job = await get(path);
  const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'nauthera-operator');
  const args = [program, 'release', '--kubeconfig', kubeconfig, ...argumentsOf(job)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const time = new Date().toISOString().replace(/[.]\d+Z/, 'Z');
  const condition = (type: string) => ({ type, status: 'True', lastTransitionTime: time, lastProbeTime: time });
  await cluster.call('PATCH', `${path}/status`, {
    contentType: 'application/merge-patch+json',
    body: {
      status: {
        startTime: time,
        completionTime: time,
        succeeded: 1,
        conditions: [condition('SuccessCriteriaMet'), condition('Complete')],
      },
    },
  });
  return stdout;
}

describe.each([3, 4] as const)('Helm %s', (major) => {
  const namespace = `system-${major}`;
  const server = `${auth}/namespaces/${namespace}/authorizationservers/main`;
  const client = `${auth}/namespaces/${namespace}/clients/web`;
  const set = (...values: readonly string[]) => values.flatMap((value) => ['--set', value]);
  const common = [chartFolder, '--namespace', namespace, ...set('authorizationServer.name=main')];
  const finalizers = async (path: string) => ((await get(path)).metadata.finalizers as string[] | undefined) ?? [];

  it('installs on a cluster that has never seen the kinds, and the operator takes over the default server', async () => {
    for (const name of names) expect((await cluster.request('GET', `${crds}/${name}`)).status).toBe(404);
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const said = await helm(major, 'install', 'nauthera', ...common, ...set('authorizationServer.spec.replicas=3'));
    expect(said).toContain(`kubectl wait -n ${namespace} authorizationserver/main --for=condition=Ready`);
    for (const name of names)
      expect((await get(`${crds}/${name}`)).metadata.annotations).toMatchObject({
        'helm.sh/resource-policy': 'keep',
        'argocd.argoproj.io/sync-options': 'Prune=false',
      });

    await runOperator(namespace);
    await eventually(async () => (await cluster.request('GET', server)).status).toBe(200);
    const made = await get(server);
    expect(made.spec.replicas).toBe(3);
    expect(made.metadata.annotations).toMatchObject({ 'auth.nauthera.io/is-default': 'true' });
    const managers = (made.metadata.managedFields as readonly AnyObject[]).map(({ manager }) => manager);
    expect(managers).toContain('nauthera-operator-default-server');
    await eventually(() => finalizers(server)).toEqual(['auth.nauthera.io/server']);
  });

  it('an issuer of one’s own comes as helm says at the end, while there is no Client', async () => {
    const said = await helm(major, 'get', 'notes', 'nauthera', '--namespace', namespace);
    const [, remove = '', flag = ''] =
      /: kubectl (delete [^,]+), then helm upgrade with --set (\S+)$/m.exec(said) ?? [];
    for (const issuer of [[flag], []]) {
      const { code, stderr } = await cluster.kubectl(remove.split(' '));
      expect([code, stderr]).toEqual([0, '']);
      const values = set('authorizationServer.spec.replicas=3', ...issuer);
      await helm(major, 'upgrade', 'nauthera', ...common, ...values);
      await eventually(async () => (await cluster.request('GET', server)).status).toBe(200);
      expect((await get(server)).spec.issuer).toBe(issuer[0]?.split('=')[1]);
    }
    await eventually(() => finalizers(server)).toEqual(['auth.nauthera.io/server']);
    // Whether there is a directory by now a chart cannot know.
    expect(said).toContain('WARNING: no directory');
    const afterwards = await helm(major, 'get', 'notes', 'nauthera', '--namespace', namespace);
    expect(afterwards).toContain('WARNING: no database');
    expect(afterwards).not.toContain('WARNING: no directory');
  });

  it('GitOps: what stands in the cluster is what the chart renders, for tools that compare by either side', async () => {
    const rendered = await helm(
      major,
      'template',
      'nauthera',
      '--kube-version=1.36.0',
      ...common,
      ...set('authorizationServer.spec.replicas=3'),
    );
    const objects = objectsOf(rendered).filter(
      (one) => one !== null && !('helm.sh/hook' in (one.metadata.annotations ?? {})),
    );
    expect(objects.length).toBeGreaterThan(10);
    const stdin = objects.map((one) => JSON.stringify(one)).join('\n---\n');
    for (const how of [
      ['--field-manager=argocd-controller'],
      ['--server-side', '--force-conflicts', '--field-manager=kustomize-controller'],
    ]) {
      const { code, stdout, stderr } = await cluster.kubectl(['diff', ...how, '-n', namespace, '-f', '-'], { stdin });
      expect([code, stdout, stderr]).toEqual([0, '', '']);
    }
  });

  it('an upgrade changes what the values say, and leaves what somebody else set', async () => {
    const edit = { spec: { lifetimes: { accessToken: '10m' } } };
    await cluster.call('PATCH', server, { contentType: 'application/merge-patch+json', body: edit });
    await helm(major, 'upgrade', 'nauthera', ...common, ...set('authorizationServer.spec.replicas=4'));
    await eventually(async () => (await get(server)).spec.replicas).toBe(4);
    expect((await get(server)).spec.lifetimes.accessToken).toBe('10m');
    // What an API server refuses is said, and what was stays.
    await helm(
      major,
      'upgrade',
      'nauthera',
      ...common,
      ...set('authorizationServer.spec.issuer=http://id.example.com'),
    );
    await eventually(() => Promise.resolve(operator?.log)).toMatch(/issuer.*the default server cannot be applied/);
    expect((await get(server)).spec.issuer).toBeUndefined();
    await helm(major, 'upgrade', 'nauthera', ...common, ...set('authorizationServer.create=false'));
    await sleep(1_000);
    expect((await get(server)).spec.replicas).toBe(4);
  });

  it('an older chart with crds.enabled=false leaves the newer kinds as they are, and the next upgrade has them again', async () => {
    const newer = join(cluster.folder, `newer-${major}`);
    await cp(chartFolder, newer, { recursive: true });
    const kind = join(newer, 'templates/crds/scope.yaml');
    const text = await readFile(kind, 'utf8');
    await writeFile(kind, text.replace(/^( +)displayName:\n/m, '$1newer: { type: string }\n$&'));
    const upgrade = (chart: string, ...more: readonly string[]) =>
      helm(
        major,
        'upgrade',
        'nauthera',
        chart,
        ...common.slice(1),
        ...set('authorizationServer.create=false', ...more),
      );
    const isNewer = async () => {
      const { spec } = await get(`${crds}/scopes.auth.nauthera.io`);
      return 'newer' in spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
    };
    await upgrade(newer);
    expect(await isNewer()).toBe(true);
    await upgrade(chartFolder, 'crds.enabled=false');
    expect(await isNewer()).toBe(true);
    for (const name of names) expect((await cluster.request('GET', `${crds}/${name}`)).status).toBe(200);
    await upgrade(newer);
    // What a rollback does to them.
    await upgrade(chartFolder);
    expect(await isNewer()).toBe(false);
  });

  it('an uninstall keeps kinds and resources, and nothing waits for an operator that is gone', async () => {
    const other = await cluster.namespace('shop');
    const elsewhere = `${auth}/namespaces/${other}/scopes/read`;
    await cluster.apply([
      {
        apiVersion: 'auth.nauthera.io/v1alpha1',
        kind: 'Client',
        metadata: { name: 'web', namespace },
        spec: { grantTypes: ['client_credentials'] },
      },
      {
        apiVersion: 'auth.nauthera.io/v1alpha1',
        kind: 'Scope',
        metadata: { name: 'read', namespace: other },
        spec: { displayName: 'Read', description: 'Reads', authorizationServerRef: { name: 'main', namespace } },
      },
    ]);
    for (const path of [server, client, elsewhere])
      await eventually(async () => (await finalizers(path)).length).toBe(1);

    const uninstalled = helm(major, 'uninstall', 'nauthera', '--namespace', namespace);
    expect(await runHook(namespace)).toBe('3 resources released\n');
    await uninstalled;
    // It was told to end, came back, and waits: nothing is held again.
    await eventually(() => Promise.resolve(operator?.ends)).toBeGreaterThan(0);
    for (const path of [server, client, elsewhere]) expect(await finalizers(path)).toEqual([]);
    for (const name of names) expect((await cluster.request('GET', `${crds}/${name}`)).status).toBe(200);
    const left = await cluster.kubectl([
      'get',
      'all,serviceaccounts,configmaps,roles,rolebindings,networkpolicies,poddisruptionbudgets',
      '-n',
      namespace,
      '-o',
      'name',
    ]);
    expect(left.stdout.split('\n').filter((line) => line.includes('nauthera'))).toEqual([]);
    const everywhere = await cluster.kubectl(['get', 'clusterroles,clusterrolebindings', '-o', 'name']);
    expect(everywhere.stdout.split('\n').filter((line) => line.includes('nauthera'))).toEqual([]);

    await operator?.kill();
    await cluster.deleteNamespace(other);
    await cluster.deleteNamespace(namespace);
    for (const name of names) await cluster.kubectl(['delete', 'crd', name]);
  });
});

describe('nauthera-operator release', () => {
  it('has nothing to do where the kinds are unknown, and may be repeated', async () => {
    const namespace = await cluster.namespace('empty');
    const args = [program, 'release', '--kubeconfig', cluster.kubeconfig, '--namespace', namespace];
    for (const _ of [1, 2])
      expect((await promisify(execFile)(process.execPath, args)).stdout).toBe('nothing to release\n');
  });
});
