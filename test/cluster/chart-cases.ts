/** Every value of the chart, set to something else than its default. */

export interface ChartCase {
  /** As `values.yaml` names it. */
  readonly value: string;
  /** As after `--set-json`; the first is the value itself. */
  readonly json: readonly string[];
  /** Its default and this render alike. */
  readonly silent?: true;
}

const one = (value: string, given: unknown, ...more: readonly string[]): ChartCase => ({
  value,
  json: [`${value}=${JSON.stringify(given)}`, ...more],
});

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const spec = {
  issuer: 'https://id.example.com',
  database: { secretRef: { name: 'pg-app' } },
  replicas: 3,
  lifetimes: { accessToken: '10m' },
  allowedClients: { namespaces: { from: 'All' } },
  pod: { resources: { limits: { memory: '512Mi' } } },
};

export const chartCases: readonly ChartCase[] = [
  { ...one('enabled', false), silent: true },
  one('global.imageRegistry', 'registry.example.com:5000'),
  one('global.imagePullSecrets', [{ name: 'global' }], 'imagePullSecrets=["own"]'),
  one('nameOverride', 'identity'),
  one('fullnameOverride', 'identity'),
  one('commonLabels', { team: 'platform' }),
  one('commonAnnotations', { 'example.com/owner': 'platform' }),
  one('extraObjects', [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-more' } },
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Namespace }}"}\n',
  ]),
  one('image.registry', 'registry.example.com'),
  one('image.repository', 'team/nauthera'),
  one('image.tag', '0.1.0-rc.1'),
  one('image.digest', digest),
  one('image.pullPolicy', 'Always'),
  one('imagePullSecrets', ['registry', { name: 'mirror' }]),
  one('replicaCount', 3),
  one('priorityClassName', 'system-cluster-critical'),
  one('crds.enabled', true),
  one('crds.keep', false, 'crds.enabled=true'),
  one('watchNamespaces', ['shop', 'identity']),
  one('watchSecrets', false),
  one('rbac.create', false),
  one('rbac.people', false),
  one('rbac.aggregate.view', false),
  one('rbac.aggregate.edit', false),
  one('serviceAccount.create', false, 'serviceAccount.name="mine"'),
  one('serviceAccount.name', 'mine'),
  one('serviceAccount.annotations', { 'example.com/role': 'auth' }),
  one('podAnnotations', { 'example.com/scan': 'yes' }),
  one('podLabels', { 'example.com/tier': 'identity' }),
  one('podSecurityContext', { fsGroup: 2000 }),
  one('securityContext', { runAsUser: 2000 }),
  one('resources', { limits: { memory: '512Mi' } }),
  one('podDisruptionBudget.enabled', false),
  one('podDisruptionBudget.maxUnavailable', '50%'),
  one('nodeSelector', { 'kubernetes.io/arch': 'amd64' }),
  one('tolerations', [{ key: 'dedicated', operator: 'Equal', value: 'identity', effect: 'NoSchedule' }]),
  one('affinity', {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
      },
    },
  }),
  one('topologySpreadConstraints', [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } },
    },
  ]),
  one('extraArgs', ['--log-level=debug']),
  one('extraEnv', [{ name: 'TZ', value: 'UTC' }]),
  one('extraVolumes', [{ name: 'more', emptyDir: {} }], 'extraVolumeMounts=[{"name":"more","mountPath":"/more"}]'),
  one('extraVolumeMounts', [{ name: 'tmp', mountPath: '/more' }]),
  one('log.level', 'debug'),
  one('log.format', 'text'),
  one('operator.workers', 20),
  one('authorizationServer.create', false),
  one('authorizationServer.name', 'main'),
  one('authorizationServer.spec', spec),
  one('networkPolicy.enabled', false),
  one('networkPolicy.apiServerCidrs', ['10.96.0.1/32']),
  one('networkPolicy.databaseCidrs', ['10.1.0.0/16', 'fd00:1::/64']),
  one('networkPolicy.directoryCidrs', ['10.2.0.0/16']),
  one('metrics.serviceMonitor.enabled', true),
  one('metrics.serviceMonitor.interval', '1m', 'metrics.serviceMonitor.enabled=true'),
  one('metrics.serviceMonitor.labels', { release: 'prometheus' }, 'metrics.serviceMonitor.enabled=true'),
  one('metrics.prometheusRule.enabled', true),
  one('metrics.prometheusRule.labels', { release: 'prometheus' }, 'metrics.prometheusRule.enabled=true'),
  one('metrics.dashboard.enabled', true),
  one('metrics.dashboard.labels', { grafana: 'platform' }, 'metrics.dashboard.enabled=true'),
  one('tracing.endpoint', 'http://collector.tracing:4318'),
  one('tracing.cidrs', ['10.3.0.0/16'], 'tracing.endpoint="http://collector.tracing:4318"'),
  one('tests.enabled', false),
  one('tests.caConfigMap', 'company-ca'),
  one('uninstall.releaseFinalizers', false),
  one('demo.enabled', true),
  one('demo.postgres.image', 'registry.example.com/postgres:18', 'demo.enabled=true'),
];

/** Of the Prometheus Operator, as far as the API server must know it: of a rule, what its own schema says. */
function monitoringKind(kind: string, spec: object) {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { type: 'object', properties: { spec } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const duration = {
  type: 'string',
  pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$',
};
const rule = {
  type: 'object',
  required: ['alert', 'expr'],
  properties: { alert: text, expr: text, for: duration, labels: texts, annotations: texts },
};
const group = {
  type: 'object',
  required: ['name'],
  properties: { name: { ...text, minLength: 1 }, rules: { type: 'array', items: rule } },
};

export const monitoringKinds = [
  monitoringKind('ServiceMonitor', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
  monitoringKind('PrometheusRule', { type: 'object', properties: { groups: { type: 'array', items: group } } }),
];
