/** Two releases of the chart in one cluster: under one name they stand side by side, or helm says what is in the way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartFolder, helmAs, renderWholeChart } from '../support/chart.ts';
import { type AnyObject, objectsOf, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorProcess } from '../support/operator-process.ts';

const invited = 'authorizationServer.spec.allowedClients.namespaces.from=All';
const apart = ['crds.enabled=false', 'rbac.people=false'];
/** Namespace of the release, and what it says. Each has its own namespace in its list, for its default server. */
const releases = {
  bank: ['watchNamespaces={bank-shop}', invited],
  post: ['watchNamespaces={post-shop}', invited, ...apart],
} as const;

let cluster: TestCluster;
const operators: OperatorProcess[] = [];

beforeAll(async () => {
  cluster = await startCluster({ crds: false });
  for (const name of ['bank', 'bank-shop', 'post', 'post-shop', 'third'])
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
});

afterAll(async () => {
  await Promise.all(operators.map((one) => one.kill()));
  await cluster?.stop();
});

const install = (namespace: string, ...set: readonly string[]): Promise<string> =>
  helmAs(
    4,
    { KUBECONFIG: cluster.kubeconfig },
    'install',
    'nauthera',
    chartFolder,
    '--namespace',
    namespace,
    ...set.flatMap((value) => ['--set', value]),
  );

const nameOf = ({ kind, metadata }: AnyObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

async function rendered(namespace: keyof typeof releases): Promise<readonly AnyObject[]> {
  const text = await renderWholeChart({ namespace, set: releases[namespace] });
  return objectsOf(text).filter((one) => one !== null);
}

describe('two releases of one name in two namespaces', () => {
  it('have no object in common', async () => {
    const [bank, post] = [await rendered('bank'), await rendered('post')];
    const names = new Set(bank.map(nameOf));
    expect(names).toContain('ClusterRole /nauthera-operator-bank');
    expect(names).toContain('ClusterRole /nauthera-client-editor');
    expect(post.length).toBeGreaterThan(10);
    expect(post.map(nameOf).filter((name) => names.has(name))).toEqual([]);
  });

  it('the first is installed; a second that would take what is its own is refused by name, and leaves nothing', async () => {
    await install('bank', ...releases.bank);
    const list = ['watchNamespaces={third}'];
    for (const [set, said] of [
      [list, /CustomResourceDefinition "\w+\.auth\.nauthera\.io".*cannot be imported.*"bank"/s],
      [[...list, 'crds.enabled=false'], /ClusterRole "nauthera-[a-z-]+".*cannot be imported.*"bank"/s],
      [['watchNamespaces={bank-shop}', ...apart], /"nauthera-operator" in namespace "bank-shop".*cannot be imported/s],
    ] as const) {
      await expect(install('third', ...set)).rejects.toThrow(said);
      const left = await cluster.kubectl([
        'get',
        'serviceaccounts,configmaps,roles,deployments',
        '-n',
        'third',
        '-o',
        'name',
      ]);
      expect(left.stdout).not.toContain('nauthera');
      // What helm notes of a release that failed.
      await cluster.kubectl(['delete', 'secrets', '-n', 'third', '-l', 'owner=helm']);
    }
  }, 120_000);

  it('the API server takes the second beside the first without a conflict, and so does helm', async () => {
    const stdin = (await rendered('post')).map((one) => JSON.stringify(one)).join('\n---\n');
    const dry = await cluster.kubectl(
      ['apply', '--server-side', '--field-manager=another', '--dry-run=server', '-f', '-'],
      { stdin },
    );
    expect([dry.code, dry.stderr]).toEqual([0, '']);
    await expect(install('post', ...releases.post)).resolves.toContain('deployed');
  }, 120_000);

  it('each operator applies its own default server and holds what is in its namespaces, and no other', async () => {
    for (const namespace of ['bank', 'post']) {
      const account = await cluster.serviceAccountKubeconfig(namespace, 'nauthera-operator');
      const deployment = await cluster.call(
        'GET',
        `/apis/apps/v1/namespaces/${namespace}/deployments/nauthera-operator`,
      );
      const [container] = deployment.spec.template.spec.containers as readonly AnyObject[];
      const args = ((container?.args ?? []) as readonly string[]).slice(1);
      operators.push(
        await OperatorProcess.start({
          kubeconfig: account,
          args: args.filter((arg) => !/^--(?:server-image|management)/.test(arg)),
        }),
      );
    }
    for (const one of operators) await one.ready();
    const client = (namespace: string) => ({
      apiVersion: 'auth.nauthera.io/v1alpha1',
      kind: 'Client',
      metadata: { name: 'web', namespace },
      spec: { grantTypes: ['client_credentials'] },
    });
    await cluster.apply([client('bank-shop'), client('post-shop')]);
    for (const namespace of ['bank', 'post']) {
      const root = '/apis/auth.nauthera.io/v1alpha1/namespaces';
      const user = `system:serviceaccount:${namespace}:nauthera-operator`;
      await expect
        .poll(
          async () => {
            const server = await cluster.request('GET', `${root}/${namespace}/authorizationservers/default`);
            const web = await cluster.request('GET', `${root}/${namespace}-shop/clients/web`);
            return [server.body.metadata?.finalizers, web.body.status?.authorizationServer];
          },
          { timeout: 60_000, interval: 200 },
        )
        .toEqual([['auth.nauthera.io/server'], `${namespace}/default`]);
      const events = (await cluster.auditEvents()).filter((event) => event.user === user);
      expect(events.length).toBeGreaterThan(0);
      const others = events.filter(
        (event) => event.resource !== 'namespaces' && event.namespace !== '' && !event.namespace.startsWith(namespace),
      );
      expect(others.map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
    }
  }, 120_000);
});
