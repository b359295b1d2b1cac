/** What clients reach the pods by. The management port is not in it. */
import { isMutualTlsOn, mutualTlsPort } from '../../../registrations/mutual-tls.ts';
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names, selectorOf } from './context.ts';
import { transportOf } from './transport.ts';

export function service(context: DeploymentContext): Manifest {
  const { server } = context;
  const { name, servicePort } = transportOf(server);
  return {
    kind: 'Service',
    name: names.service(server),
    labels: labelsOf(context),
    content: {
      spec: {
        type: 'ClusterIP',
        selector: selectorOf(server, 'server'),
        ports: [
          { name, port: servicePort, targetPort: name, protocol: 'TCP' },
          ...(isMutualTlsOn(server.spec)
            ? [{ name: 'mutual-tls', port: mutualTlsPort, targetPort: 'mutual-tls', protocol: 'TCP' }]
            : []),
        ],
      },
    },
  };
}
