/** What the operator reads of a cluster: resources, Secrets, ConfigMaps, and what it makes for servers. */
import type { KubernetesApi } from './runtime/kubernetes-api.ts';
import type { Silences } from './runtime/silence.ts';
import { KubernetesChildren } from './sources/children-kubernetes.ts';
import { KubernetesConfigMaps } from './sources/config-maps-kubernetes.ts';
import { type ClusterView, KubernetesSource } from './sources/kubernetes.ts';
import { KubernetesSecrets } from './sources/secrets-kubernetes.ts';
import type { Change } from './sources/source.ts';

export interface ClusterParts {
  readonly source: KubernetesSource;
  readonly secrets: KubernetesSecrets;
  readonly configMaps: KubernetesConfigMaps;
  /** `undefined`: servers are started by somebody else. */
  readonly children: KubernetesChildren | undefined;
}

export interface PartsOptions extends Pick<ClusterView, 'times' | 'onProblem' | 'onWrite'> {
  readonly api: KubernetesApi;
  /** Of the source. */
  readonly name: string;
  /** Left out: the whole cluster. */
  readonly watchNamespaces: readonly string[] | undefined;
  readonly watchSecrets: boolean;
  /** Left out: servers are started by somebody else. */
  readonly serverImage: string | undefined;
  /** A Secret or ConfigMap moved. Must not throw, as what follows. */
  readonly onChange: (change: Change) => void;
  /** What was made for a server moved. */
  readonly onChildren: (namespace: string, server: string) => void;
}

export function openParts(options: PartsOptions): ClusterParts {
  const { api, name, watchNamespaces, watchSecrets, serverImage, onChange, onChildren, times, onProblem, onWrite } =
    options;
  const view: ClusterView = {
    api,
    ...(watchNamespaces === undefined ? {} : { namespaces: watchNamespaces }),
    ...(times === undefined ? {} : { times }),
    ...(onProblem === undefined ? {} : { onProblem }),
    ...(onWrite === undefined ? {} : { onWrite }),
  };
  const note = (kind: 'Secret' | 'ConfigMap') => (namespace: string, one: string) =>
    onChange({ kind, namespace, name: one });
  return {
    source: new KubernetesSource({ ...view, name }),
    secrets: new KubernetesSecrets({ ...view, watch: watchSecrets, onChange: note('Secret') }),
    configMaps: new KubernetesConfigMaps({ ...view, onChange: note('ConfigMap') }),
    children: serverImage === undefined ? undefined : new KubernetesChildren({ ...view, onChange: onChildren }),
  };
}

/** Resolves when everything is listed. */
export async function startParts(parts: ClusterParts): Promise<void> {
  await Promise.all(allOf(parts).map((one) => one.start()));
}

export async function stopParts(parts: ClusterParts): Promise<void> {
  await Promise.all(allOf(parts).map((one) => one.stop()));
}

/** Milliseconds by kind since something was heard. */
export function silencesOf({ source, secrets, configMaps, children }: ClusterParts): Silences {
  return {
    ...source.sinceLastSync(),
    Secret: secrets.sinceLastSync(),
    ConfigMap: configMaps.sinceLastSync(),
    ...(children === undefined ? {} : { Child: children.sinceLastSync() }),
  };
}

function allOf({ source, secrets, configMaps, children }: ClusterParts) {
  return [source, secrets, configMaps, ...(children === undefined ? [] : [children])];
}
