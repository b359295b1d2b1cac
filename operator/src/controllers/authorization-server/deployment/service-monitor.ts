/** Tells the Prometheus Operator where metrics are, where the cluster knows it. Pods are asked: no Service has that port. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, managementPort, names, selectorOf } from './context.ts';

export function serviceMonitor(context: DeploymentContext): Manifest | undefined {
  const { server } = context;
  const { serviceMonitor: wanted, intervalSeconds, labels } = server.spec.monitoring;
  if (wanted === 'Disabled') return undefined;
  return {
    kind: 'ServiceMonitor',
    name: names.server(server),
    labels: { ...labels, ...labelsOf(context) },
    content: {
      spec: {
        selector: { matchLabels: selectorOf(server, 'server') },
        namespaceSelector: { matchNames: [server.namespace] },
        endpoints: [{ targetPort: managementPort, path: '/metrics', interval: `${intervalSeconds}s` }],
      },
    },
  };
}
