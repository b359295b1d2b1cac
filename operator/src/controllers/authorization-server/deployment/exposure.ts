/** What leads to the Service from outside, under the host and path of the issuer: an Ingress or an HTTPRoute. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names } from './context.ts';
import { transportOf } from './transport.ts';

export function ingress(context: DeploymentContext): Manifest | undefined {
  const { server } = context;
  const { exposure } = server.spec;
  if (exposure?.mode !== 'Ingress') return undefined;
  const { className, tlsSecretName, annotations } = exposure.ingress ?? {};
  const { host, path } = placeOf(context);
  const backend = { service: { name: names.service(server), port: { number: transportOf(server).servicePort } } };
  return {
    kind: 'Ingress',
    name: names.server(server),
    labels: labelsOf(context),
    ...(annotations === undefined ? {} : { annotations }),
    content: {
      spec: {
        ...(className === undefined ? {} : { ingressClassName: className }),
        ...(tlsSecretName === undefined ? {} : { tls: [{ hosts: [host], secretName: tlsSecretName }] }),
        rules: [{ host, http: { paths: [{ path, pathType: 'Prefix', backend }] } }],
      },
    },
  };
}

export function httpRoute(context: DeploymentContext): Manifest | undefined {
  const { server } = context;
  const { exposure } = server.spec;
  if (exposure?.mode !== 'HTTPRoute') return undefined;
  const { parentRefs = [], annotations } = exposure.httpRoute ?? {};
  const { host, path } = placeOf(context);
  return {
    kind: 'HTTPRoute',
    name: names.server(server),
    labels: labelsOf(context),
    ...(annotations === undefined ? {} : { annotations }),
    content: {
      spec: {
        parentRefs: parentRefs.map((one) => ({ ...one })),
        hostnames: [host],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: path } }],
            backendRefs: [{ name: names.service(server), port: transportOf(server).servicePort }],
          },
        ],
      },
    },
  };
}

/** Documents of an issuer with a path stand under `/.well-known` of its host too (RFC 8414 §3.1): the whole host is ours. */
function placeOf({ issuer }: DeploymentContext): { readonly host: string; readonly path: string } {
  return { host: new URL(issuer).hostname, path: '/' };
}
