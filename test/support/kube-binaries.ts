/**
 * The programs of a Kubernetes control plane, each found in this order: the folder `KUBEBUILDER_ASSETS`, the cache, built
 * with Go. Helm: `HELM` (a path), the cache, built.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type GoTool, goTool } from './go-tools.ts';

export interface KubePrograms {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
  readonly kubectl: string;
}

const kubernetes = (name: string): GoTool => ({
  name,
  module: 'kube',
  from: `k8s.io/kubernetes/cmd/${name}`,
  versionOf: 'k8s.io/kubernetes',
  versionVariables: ['k8s.io/component-base/version.gitVersion', 'k8s.io/client-go/pkg/version.gitVersion'],
});

const etcd: GoTool = {
  name: 'etcd',
  module: 'etcd',
  from: 'go.etcd.io/etcd/server/v3',
  versionOf: 'go.etcd.io/etcd/server/v3',
};

const helm: GoTool = {
  name: 'helm',
  module: 'helm',
  from: 'helm.sh/helm/v4/cmd/helm',
  versionOf: 'helm.sh/helm/v4',
  versionVariables: ['helm.sh/helm/v4/internal/version.version'],
};

/** One after the other, for two builds at once take as long as one after the other. */
export async function kubePrograms(): Promise<KubePrograms> {
  return {
    etcd: await find(etcd),
    apiServer: await find(kubernetes('kube-apiserver')),
    controllerManager: await find(kubernetes('kube-controller-manager')),
    kubectl: await find(kubernetes('kubectl')),
  };
}

export async function helmProgram(): Promise<string> {
  return process.env.HELM ?? (await goTool(helm));
}

async function find(tool: GoTool): Promise<string> {
  const assets = process.env.KUBEBUILDER_ASSETS;
  const given = assets === undefined ? undefined : join(assets, tool.name);
  return given !== undefined && existsSync(given) ? given : goTool(tool);
}
