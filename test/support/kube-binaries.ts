/**
 * The programs of a Kubernetes control plane, each found in this order: the folder `KUBEBUILDER_ASSETS`, the cache, built
 * with Go. Helm: `HELM` and `HELM3` (paths), the cache, built.
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

/** Both majors that people run. */
export type HelmMajor = 3 | 4;

const helm = (major: HelmMajor): GoTool => ({
  name: 'helm',
  module: major === 3 ? 'helm3' : 'helm',
  from: `helm.sh/helm/v${major}/cmd/helm`,
  versionOf: `helm.sh/helm/v${major}`,
  versionVariables: [`helm.sh/helm/v${major}/internal/version.version`],
});

/** One after the other, for two builds at once take as long as one after the other. */
export async function kubePrograms(): Promise<KubePrograms> {
  return {
    etcd: await find(etcd),
    apiServer: await find(kubernetes('kube-apiserver')),
    controllerManager: await find(kubernetes('kube-controller-manager')),
    kubectl: await find(kubernetes('kubectl')),
  };
}

export async function helmProgram(major: HelmMajor = 4): Promise<string> {
  return (major === 3 ? process.env.HELM3 : process.env.HELM) ?? (await goTool(helm(major)));
}

async function find(tool: GoTool): Promise<string> {
  const assets = process.env.KUBEBUILDER_ASSETS;
  const given = assets === undefined ? undefined : join(assets, tool.name);
  return given !== undefined && existsSync(given) ? given : goTool(tool);
}
