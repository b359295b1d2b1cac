/** The operator's ServiceAccount with the rights of the chart, and the API as it sees it. */
import type { KubernetesApi } from '../../operator/src/runtime/kubernetes-api.ts';
import { connect, createApi } from '../../operator/src/runtime/kubernetes-client.ts';
import { renderChart } from './chart.ts';
import { untilGranted } from './granted.ts';
import { objectsOf, type TestCluster } from './kube-cluster.ts';
import type { Endpoint } from './kube-files.ts';

const plurals: Readonly<Record<string, string>> = {
  ServiceAccount: 'serviceaccounts',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

export interface ChartOperatorOptions {
  /** Default: the whole cluster. */
  readonly namespaces?: readonly string[];
  /** Values as after `--set`. */
  readonly set?: readonly string[];
}

export interface ChartOperator {
  /** As the audit log names it. */
  readonly user: string;
  /** A new connection, through `endpoint` where one is given; closed with {@link ChartOperator.close}. */
  api(endpoint?: Endpoint): Promise<KubernetesApi>;
  close(): Promise<void>;
}

export async function chartOperator(cluster: TestCluster, options: ChartOperatorOptions = {}): Promise<ChartOperator> {
  const system = await cluster.namespace('system');
  const watched = options.namespaces === undefined ? [] : [`watchNamespaces={${options.namespaces.join(',')}}`];
  const rendered = await renderChart({ namespace: system, set: [...watched, ...(options.set ?? [])] });
  for (const object of objectsOf(rendered)) {
    const plural = plurals[object?.kind as string];
    if (plural === undefined) continue;
    const { namespace } = object.metadata as { namespace?: string };
    const root = plural === 'serviceaccounts' ? '/api/v1' : '/apis/rbac.authorization.k8s.io/v1';
    await cluster.call('POST', `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`, {
      body: object,
    });
  }
  await untilGranted(cluster, rendered);
  const open: KubernetesApi[] = [];
  return {
    user: `system:serviceaccount:${system}:nauthera-operator`,
    async api(endpoint = cluster) {
      const kubeconfig = await cluster.serviceAccountKubeconfig(system, 'nauthera-operator', endpoint);
      const api = createApi(await connect({ kubeconfig }));
      open.push(api);
      return api;
    },
    async close() {
      for (const api of open) await api.close();
    },
  };
}
