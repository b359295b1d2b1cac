/** PURE. How a server is reached from outside of the cluster, who may talk to it, and who watches it. */
import { type Static, Type } from 'typebox';
import { choice, entry, group, item, keyed, set, text, texts, whole } from './field.ts';
import { anyNetwork } from './networks.ts';
import { annotationNames, labels, namespaceName, objectName, unreserved } from './text-rules.ts';

const annotations = (of: string) =>
  Type.Optional(
    texts({
      what: `Annotations of the ${of}.`,
      max: 32,
      maxLength: 4096,
      rules: [annotationNames, unreserved],
      allowed: 'annotations, without those that begin with auth.nauthera.io/',
      example: { 'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS' },
      leftOut: 'none',
    }),
  );

const parentRef = entry({
  name: text({
    what: 'Name of the Gateway.',
    max: 253,
    rules: [objectName],
    allowed: 'name of a Gateway',
    example: 'public',
  }),
  namespace: Type.Optional(
    text({
      what: 'Namespace of the Gateway.',
      max: 63,
      rules: [namespaceName],
      allowed: 'name of a namespace',
      example: 'gateways',
      leftOut: 'the namespace of this object',
    }),
  ),
  sectionName: Type.Optional(
    text({
      what: 'Listener of the Gateway.',
      max: 253,
      rules: [objectName],
      allowed: 'name of a listener',
      example: 'https',
      leftOut: 'every listener that fits',
    }),
  ),
});

export const exposure = Type.Optional(
  group(
    {
      mode: choice(['None', 'Ingress', 'HTTPRoute'], {
        what: 'What leads to the Service of the server from outside.',
        allowed: 'None leaves it to you; HTTPRoute needs the Gateway API in the cluster',
        default: 'None',
        example: 'Ingress',
      }),
      ingress: Type.Optional(
        group(
          {
            className: Type.Optional(
              text({
                what: 'IngressClass.',
                max: 253,
                rules: [objectName],
                allowed: 'name of an IngressClass',
                example: 'nginx',
                leftOut: "the cluster's default",
              }),
            ),
            tlsSecretName: Type.Optional(
              text({
                what: "Secret with the certificate for the issuer's host.",
                max: 253,
                rules: [objectName],
                allowed: 'name of a Secret of type kubernetes.io/tls in the namespace of this object',
                example: 'id-example-com',
                leftOut: 'the certificate that the controller has',
              }),
            ),
            annotations: annotations('Ingress'),
          },
          {
            what: 'The Ingress, with mode Ingress.',
            example: { className: 'nginx' },
            leftOut: "the cluster's defaults",
          },
        ),
      ),
      httpRoute: Type.Optional(
        group(
          {
            parentRefs: Type.Array(parentRef, {
              minItems: 1,
              maxItems: 8,
              'x-kubernetes-list-type': 'atomic',
              doc: { what: 'Gateways that take the route.', example: [{ name: 'public', namespace: 'gateways' }] },
            }),
            annotations: annotations('HTTPRoute'),
          },
          {
            what: 'The HTTPRoute, with mode HTTPRoute.',
            example: { parentRefs: [{ name: 'public', namespace: 'gateways' }] },
            leftOut: 'there is none',
          },
        ),
      ),
    },
    {
      what: 'How the server is reached from outside of the cluster, under the host and path of its issuer.',
      example: { mode: 'Ingress', ingress: { className: 'nginx' } },
      leftOut: 'only inside of the cluster, by its Service',
      rules: [
        {
          rule: `self.mode != 'HTTPRoute' || has(self.httpRoute)`,
          message: 'mode HTTPRoute needs parentRefs: name the Gateway',
          fieldPath: '.httpRoute',
        },
      ],
    },
  ),
);

const cidrs = (what: string, leftOut: string) =>
  Type.Optional(
    set(item({ max: 64, rules: [anyNetwork] }), {
      what,
      max: 32,
      allowed: 'networks such as 10.1.0.0/16 or fd00:1::/64',
      example: ['10.1.0.0/16'],
      leftOut,
    }),
  );

const egressRule = entry({
  name: text({
    what: 'Name of the rule, for people.',
    max: 63,
    rules: [objectName],
    allowed: 'like the name of an object',
    example: 'directory-on-1636',
  }),
  cidrs: cidrs('Networks that the rule is about.', 'every address'),
  ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), {
    minItems: 1,
    maxItems: 16,
    'x-kubernetes-list-type': 'set',
    doc: { what: 'TCP ports there.', allowed: '1 to 65535', example: [1636] },
  }),
});

export const networkPolicy = group(
  {
    mode: choice(['Enabled', 'Disabled'], {
      what: 'Whether a NetworkPolicy limits what reaches the pods and what they reach.',
      allowed:
        'Enabled admits everybody to the public port and scrapers to the management port, and the pods to DNS, the database, LDAPS and HTTPS',
      default: 'Enabled',
      example: 'Enabled',
    }),
    databaseCidrs: cidrs('Where the database is.', 'every address, on the port of the database'),
    directoryCidrs: cidrs('Where the directories are.', 'every address, on the ports 636 and 3269'),
    scrapers: Type.Optional(
      texts({
        what: 'Labels of the namespaces whose pods may read metrics.',
        rules: [labels],
        allowed: 'labels',
        max: 8,
        maxLength: 63,
        example: { 'kubernetes.io/metadata.name': 'monitoring' },
        leftOut: 'pods of every namespace',
      }),
    ),
    egress: Type.Optional(
      keyed('name', egressRule, {
        what: 'What else the pods may reach, e.g. a directory on another port.',
        max: 16,
        example: [{ name: 'directory-on-1636', ports: [1636] }],
        leftOut: 'nothing',
      }),
    ),
  },
  { what: 'The NetworkPolicy of the pods.', default: {}, example: { databaseCidrs: ['10.1.0.0/16'] } },
);

export const monitoring = group(
  {
    serviceMonitor: choice(['Auto', 'Disabled'], {
      what: 'Whether there is a ServiceMonitor for the metrics of the pods.',
      allowed: 'Auto makes one where the cluster knows that kind',
      default: 'Auto',
      example: 'Disabled',
    }),
    intervalSeconds: whole({ what: 'Seconds between two scrapes.', min: 5, max: 3600, default: 30, example: 60 }),
    labels: Type.Optional(
      texts({
        what: 'Labels of the ServiceMonitor, by which a Prometheus finds it.',
        rules: [labels],
        allowed: 'labels',
        max: 16,
        maxLength: 63,
        example: { release: 'prometheus' },
        leftOut: 'none',
      }),
    ),
  },
  { what: 'How the server is watched.', default: {}, example: { labels: { release: 'prometheus' } } },
);

export type ExposureSpec = Static<typeof exposure>;
