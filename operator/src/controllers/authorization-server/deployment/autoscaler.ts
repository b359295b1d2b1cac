/** Decides how many pods there are, where it is asked for. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names } from './context.ts';

export function autoscaler(context: DeploymentContext): Manifest | undefined {
  const { server } = context;
  const { autoscaling } = server.spec;
  if (autoscaling === undefined) return undefined;
  const { minReplicas, maxReplicas, targetCpuPercent } = autoscaling;
  const target = { type: 'Utilization', averageUtilization: targetCpuPercent };
  return {
    kind: 'HorizontalPodAutoscaler',
    name: names.server(server),
    labels: labelsOf(context),
    content: {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: names.server(server) },
        minReplicas,
        maxReplicas,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
      },
    },
  };
}
