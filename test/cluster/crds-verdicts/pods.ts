/** The pods of an AuthorizationServer. */
import { server, type Verdict } from './words.ts';

export const pods: readonly Verdict[] = [
  server('pods as somebody runs them', {
    autoscaling: { minReplicas: 3, maxReplicas: 3 },
    pod: {
      image: 'registry.example.com:5000/nauthera@sha256:0123456789abcdef',
      resources: { requests: { cpu: '0.5', memory: '256Mi' } },
      labels: { team: 'identity' },
      env: [
        { name: 'NAUTHERA_LOG_LEVEL', value: 'debug' },
        { name: 'TOKEN', secretKeyRef: { name: 'a', key: 'b' } },
        { name: 'PATHS', value: 'a name that only begins like one' },
      ],
      tolerations: [{ operator: 'Exists' }, { key: 'a', value: 'b' }],
      spreadBy: [],
    },
    exposure: { mode: 'HTTPRoute', httpRoute: { parentRefs: [{ name: 'public' }] } },
    networkPolicy: { databaseCidrs: ['10.0.0.7', 'fd00::/8'], egress: [{ name: 'a', ports: [1636] }] },
  }),
  server(
    'fewer at most than at least',
    { autoscaling: { minReplicas: 5, maxReplicas: 2 } },
    'spec.autoscaling.maxReplicas: must be at least minReplicas',
  ),
  server(
    'an image with a space',
    { pod: { image: 'a b' } },
    'spec.pod.image: must be an image by tag or digest, for example registry.example.com/nauthera/nauthera:0.1.0',
  ),
  server(
    'an amount that is none',
    { pod: { resources: { limits: { memory: '1 GB' } } } },
    'spec.pod.resources.limits.memory: must be a quantity of Kubernetes, for example 500m or 384Mi',
  ),
  server(
    "a setting that is the operator's",
    { pod: { env: [{ name: 'NAUTHERA_DATABASE', value: 'postgres://elsewhere' }] } },
    'spec.pod.env[0].name: the operator sets this one: use the field of the AuthorizationServer for it',
  ),
  ...['NODE_OPTIONS', 'LD_PRELOAD', 'OPENSSL_CONF', 'SSL_CERT_FILE', 'PGSSLMODE', 'PATH'].map((name) =>
    server(
      `${name}, with which other code runs or others are trusted`,
      { pod: { env: [{ name, value: '/tmp/x' }] } },
      'spec.pod.env[0].name: decides which code the pods run or whom they trust, and is for the image and the operator alone: leave it out',
    ),
  ),
  server(
    'a name that no variable has',
    { pod: { env: [{ name: '1-A', value: 'b' }] } },
    "spec.pod.env[0].name: must be the name of a variable: letters, digits and '_', not beginning with a digit",
  ),
  server(
    'a variable with two values',
    { pod: { env: [{ name: 'A', value: 'b', secretKeyRef: { name: 'a', key: 'b' } }] } },
    'spec.pod.env[0].value: set one of value and secretKeyRef',
  ),
  server(
    "a label that is the operator's",
    { pod: { labels: { 'app.kubernetes.io/name': 'other' } } },
    'spec.pod.labels: app.kubernetes.io/* and auth.nauthera.io/* are set by the operator: choose other names',
  ),
  server(
    'a value of any taint',
    { pod: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } },
    'spec.pod.tolerations[0].value: operator Exists takes no value: leave it out, or set operator Equal',
  ),
  server(
    'a taint without a key',
    { pod: { tolerations: [{ value: 'b' }] } },
    'spec.pod.tolerations[0].key: name the key of the taint, or set operator Exists for every taint',
  ),
  server(
    'a route to no Gateway',
    { exposure: { mode: 'HTTPRoute' } },
    'spec.exposure.httpRoute: mode HTTPRoute needs parentRefs: name the Gateway',
  ),
  server(
    'a network that is none',
    { networkPolicy: { databaseCidrs: ['pg.example.com'] } },
    'spec.networkPolicy.databaseCidrs[0]: must be an address or a network, for example 10.0.0.0/8 or fd00::/8',
  ),
];
