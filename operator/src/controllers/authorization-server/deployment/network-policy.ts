/** What reaches the pods, and what they reach. */
import { isMutualTlsOn, mutualTlsPort } from '../../../registrations/mutual-tls.ts';
import { childLabel, type JsonObject, type Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, managementPort, names } from './context.ts';
import { transportOf } from './transport.ts';

/** LDAPS, and the global catalogue of Active Directory over TLS. */
const directoryPorts = [636, 3269];

export function networkPolicy(context: DeploymentContext): Manifest | undefined {
  const { server, databasePorts } = context;
  const { mode, databaseCidrs, directoryCidrs, scrapers, egress } = server.spec.networkPolicy;
  if (mode === 'Disabled') return undefined;
  return {
    kind: 'NetworkPolicy',
    name: names.server(server),
    labels: labelsOf(context),
    content: {
      spec: {
        // Of the servers and of the migration alike.
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'nauthera-server', [childLabel]: server.name } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          { ports: tcp([transportOf(server).containerPort, ...(isMutualTlsOn(server.spec) ? [mutualTlsPort] : [])]) },
          {
            from: [{ namespaceSelector: scrapers === undefined ? {} : { matchLabels: scrapers } }],
            ports: tcp([managementPort]),
          },
        ],
        egress: [
          {
            ports: [
              { protocol: 'UDP', port: 53 },
              { protocol: 'TCP', port: 53 },
            ],
          },
          outward(databaseCidrs, databasePorts),
          outward(directoryCidrs, directoryPorts),
          // Keys of clients and clusters, logout of applications; what may be asked for is decided by the server.
          { ports: tcp([443]) },
          ...tracesOf(context),
          ...(egress ?? []).map(({ cidrs, ports }) => outward(cidrs, ports)),
        ],
      },
    },
  };
}

/** To whoever takes the traces, in networks that were given or wherever that is: a name may lead anywhere. */
function tracesOf({ settings: { tracing } }: DeploymentContext): readonly JsonObject[] {
  return tracing === undefined || tracing.port === 443 ? [] : [outward(tracing.cidrs, [tracing.port])];
}

function outward(cidrs: readonly string[] | undefined, ports: readonly number[]): JsonObject {
  return {
    ...(cidrs === undefined || cidrs.length === 0
      ? {}
      : { to: cidrs.map((cidr) => ({ ipBlock: { cidr: withLength(cidr) } })) }),
    ports: tcp(ports),
  };
}

function tcp(ports: readonly number[]): readonly JsonObject[] {
  return ports.map((port) => ({ protocol: 'TCP', port }));
}

function withLength(network: string): string {
  if (network.includes('/')) return network;
  return `${network}/${network.includes(':') ? 128 : 32}`;
}
