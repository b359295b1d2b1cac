/** The authorities that signed the certificate of the server, for whoever wants to reach it. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names } from './context.ts';

export function authorities(context: DeploymentContext): Manifest | undefined {
  const { server, bundle } = context;
  if (bundle === undefined) return undefined;
  return {
    kind: 'ConfigMap',
    name: names.authorities(server),
    labels: labelsOf(context),
    content: { data: { 'ca.crt': bundle } },
  };
}
