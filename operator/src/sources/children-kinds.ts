/** Where the API keeps each kind of children. */
import { apiPath } from '../runtime/kubernetes-api.ts';
import type { ChildKind } from './children.ts';

interface Place {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Not every cluster knows it. */
  readonly optional?: true;
  /** Anybody's may be large, and nobody needs them whole but who applies one: they are watched by their metadata. */
  readonly bulky?: true;
}

export const places: Readonly<Record<ChildKind, Place>> = {
  ServiceAccount: { group: '', version: 'v1', plural: 'serviceaccounts' },
  ConfigMap: { group: '', version: 'v1', plural: 'configmaps', bulky: true },
  Service: { group: '', version: 'v1', plural: 'services' },
  NetworkPolicy: { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' },
  PodDisruptionBudget: { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' },
  HorizontalPodAutoscaler: { group: 'autoscaling', version: 'v2', plural: 'horizontalpodautoscalers' },
  Ingress: { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses' },
  HTTPRoute: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes', optional: true },
  ServiceMonitor: { group: 'monitoring.coreos.com', version: 'v1', plural: 'servicemonitors', optional: true },
  Job: { group: 'batch', version: 'v1', plural: 'jobs' },
  Deployment: { group: 'apps', version: 'v1', plural: 'deployments' },
};

export function apiVersionOf(kind: ChildKind): string {
  const { group, version } = places[kind];
  return group === '' ? version : `${group}/${version}`;
}

/** What the API server says about the group and version of a kind. */
export function discoveryPath(kind: ChildKind): string {
  const { group, version } = places[kind];
  return group === '' ? apiPath('api', version) : apiPath('apis', group, version);
}

/** @param namespace `undefined`: of the whole cluster */
export function childrenPath(kind: ChildKind, namespace: string | undefined): string {
  const space = namespace === undefined ? '' : apiPath('namespaces', namespace);
  return `${discoveryPath(kind)}${space}${apiPath(places[kind].plural)}`;
}
