/** Who the pods are: nobody, to the API server. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names } from './context.ts';

export function serviceAccount(context: DeploymentContext): Manifest {
  return {
    kind: 'ServiceAccount',
    name: names.server(context.server),
    labels: labelsOf(context),
    content: { automountServiceAccountToken: false },
  };
}
