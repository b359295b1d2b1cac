/** PURE. What `values.yaml` may hold: strict, so that a typo is an error of `helm install` and not a value that does nothing. */
import { type JsonSchema, jsonSchemaOf, orEmpty } from './json-schema.ts';

const flag = { type: 'boolean' };
const text = { type: 'string' };
/** As Kubernetes has it: the API server knows what is in there. */
const passedOn = { type: 'object' };
const listOfPassedOn = { type: 'array', items: passedOn };
const texts = { type: 'object', additionalProperties: text };
const cidrs = { type: 'array', uniqueItems: true, items: { type: 'string', pattern: '^[0-9A-Fa-f:.]+/[0-9]{1,3}$' } };
const objectNamePattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const optionalName = { type: 'string', maxLength: 253, pattern: `^(${objectNamePattern})?$` };
const choice = (...values: readonly string[]): JsonSchema => ({ enum: values });
const group = (properties: Readonly<Record<string, JsonSchema>>, more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...more,
});
const pullSecrets = {
  type: 'array',
  items: {
    anyOf: [
      { type: 'string', pattern: `^${objectNamePattern}$` },
      group({ name: { type: 'string', pattern: `^${objectNamePattern}$` } }, { required: ['name'] }),
    ],
  },
};
const namespaces = {
  type: 'array',
  uniqueItems: true,
  items: { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
};

/** @param spec structural schema of the spec of an AuthorizationServer */
export function valuesSchema(spec: unknown): JsonSchema {
  const server = orEmpty(orEmpty(jsonSchemaOf(spec), ['issuer']), ['database', 'secretRef', 'name']);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...group({ ...release, ...operator, authorizationServer: authorizationServer(server), ...around }),
  };
}

const release: Readonly<Record<string, JsonSchema>> = {
  enabled: flag,
  global: { type: 'object', properties: { imageRegistry: text, imagePullSecrets: pullSecrets } },
  nameOverride: optionalName,
  fullnameOverride: { ...optionalName, maxLength: 53 },
  commonLabels: texts,
  commonAnnotations: texts,
  extraObjects: { type: 'array', items: { type: ['object', 'string'] } },
  image: group({
    registry: text,
    repository: { type: 'string', minLength: 1 },
    tag: { type: 'string', maxLength: 128, pattern: '^[A-Za-z0-9_.-]*$' },
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: choice('Always', 'IfNotPresent', 'Never'),
  }),
  imagePullSecrets: pullSecrets,
  crds: group({ enabled: flag, keep: flag }),
  rbac: group({ create: flag, people: flag, aggregate: group({ view: flag, edit: flag }) }),
  serviceAccount: group(
    { create: flag, name: optionalName, annotations: texts },
    {
      if: { properties: { create: { const: false } } },
      // oxlint-disable-next-line unicorn/no-thenable
      then: { properties: { name: { minLength: 1 } }, required: ['name'] },
    },
  ),
};

const operator: Readonly<Record<string, JsonSchema>> = {
  replicaCount: { type: 'integer', minimum: 0, maximum: 20 },
  priorityClassName: optionalName,
  watchNamespaces: namespaces,
  watchSecrets: flag,
  podAnnotations: texts,
  podLabels: texts,
  podSecurityContext: passedOn,
  securityContext: passedOn,
  resources: passedOn,
  podDisruptionBudget: group({
    enabled: flag,
    maxUnavailable: {
      anyOf: [
        { type: 'integer', minimum: 0 },
        { type: 'string', pattern: '^[0-9]{1,3}%$' },
      ],
    },
  }),
  nodeSelector: texts,
  tolerations: listOfPassedOn,
  affinity: passedOn,
  topologySpreadConstraints: listOfPassedOn,
  extraArgs: { type: 'array', items: text },
  extraEnv: listOfPassedOn,
  extraVolumes: listOfPassedOn,
  extraVolumeMounts: listOfPassedOn,
  log: group({ level: choice('debug', 'info', 'warn', 'error'), format: choice('json', 'text') }),
  operator: group({ workers: { type: 'integer', minimum: 1, maximum: 100 } }),
};

function authorizationServer(spec: JsonSchema): JsonSchema {
  // Part of the names of its objects, which become labels.
  const name = { type: 'string', maxLength: 40, pattern: '^[a-z]([-a-z0-9]*[a-z0-9])?$' };
  return group({ create: flag, name, spec });
}

const around: Readonly<Record<string, JsonSchema>> = {
  networkPolicy: group({ enabled: flag, apiServerCidrs: cidrs, databaseCidrs: cidrs, directoryCidrs: cidrs }),
  metrics: group({
    serviceMonitor: group({
      enabled: flag,
      interval: { type: 'string', pattern: '^([0-9]+(h|m|s|ms))+$' },
      labels: texts,
    }),
    prometheusRule: group({ enabled: flag, labels: texts }),
    dashboard: group({ enabled: flag, labels: texts }),
  }),
  tracing: group({ endpoint: { type: 'string', pattern: '^(https?://[^/?#@]+(/[^?#]*)?)?$' }, cidrs }),
  tests: group({ enabled: flag, caConfigMap: optionalName }),
  uninstall: group({ releaseFinalizers: flag }),
  demo: group({ enabled: flag, postgres: group({ image: { type: 'string', minLength: 1 } }) }),
};
