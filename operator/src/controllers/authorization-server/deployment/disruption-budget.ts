/** One pod at a time is taken away for the upkeep of nodes. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names, selectorOf } from './context.ts';

export function disruptionBudget(context: DeploymentContext): Manifest {
  const { server } = context;
  return {
    kind: 'PodDisruptionBudget',
    name: names.server(server),
    labels: labelsOf(context),
    content: {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: selectorOf(server, 'server') },
        // One that is not ready serves nobody, and must not keep a node from being emptied.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
  };
}
