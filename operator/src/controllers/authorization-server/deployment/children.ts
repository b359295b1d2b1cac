/**
 * Every child of an AuthorizationServer, in the order in which they are applied. The migration Jobs and the Deployment come
 * after these, when the database is ready for them.
 */
import type { ChildKind, Manifest } from '../../../sources/children.ts';
import { authorities } from './authorities.ts';
import { autoscaler } from './autoscaler.ts';
import type { DeploymentContext } from './context.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { httpRoute, ingress } from './exposure.ts';
import { networkPolicy } from './network-policy.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';
import { serviceMonitor } from './service-monitor.ts';

/** `undefined`: this server has none, and one that there was is removed. */
export type ChildBuilder = (context: DeploymentContext) => Manifest | undefined;

export const builders: readonly ChildBuilder[] = [
  serviceAccount,
  authorities,
  networkPolicy,
  service,
  disruptionBudget,
  autoscaler,
  ingress,
  httpRoute,
  serviceMonitor,
];

/** What only some clusters know: without it a server has one child less, unless it asks for it by name. */
export const onlyWhereOffered: ReadonlySet<ChildKind> = new Set(['ServiceMonitor']);

/** What a server can be without. The rest goes with its AuthorizationServer, and nobody has a right to remove it. */
export const removable: ReadonlySet<ChildKind> = new Set([
  'ConfigMap',
  'NetworkPolicy',
  'HorizontalPodAutoscaler',
  'Ingress',
  'HTTPRoute',
  'ServiceMonitor',
  'Job',
]);
