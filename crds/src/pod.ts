/** PURE. How many pods of a server run, and what is in them. */
import { type Static, Type } from 'typebox';
import { choice, entry, group, item, keyed, type Rule, set, text, texts, whole } from './field.ts';
import {
  annotationNames,
  dataKey,
  labelName,
  labels,
  labelValue,
  objectName,
  plainText,
  unreserved,
} from './text-rules.ts';

const quantity: Rule = {
  rule: `self.matches('^[0-9]+([.][0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$')`,
  message: 'must be a quantity of Kubernetes, for example 500m or 384Mi',
};

const image: Rule = {
  rule: `self.matches('^[A-Za-z0-9][A-Za-z0-9._:/@-]*$')`,
  message: 'must be an image by tag or digest, for example registry.example.com/nauthera/nauthera:0.1.0',
};

const variableName: Rule = {
  rule: `self.matches('^[A-Za-z_][A-Za-z0-9_]*$')`,
  message: "must be the name of a variable: letters, digits and '_', not beginning with a digit",
};

const settings: readonly string[] = ['NAUTHERA_LOG_LEVEL', 'NAUTHERA_LOG_FORMAT', 'NAUTHERA_STATEMENT_NAMES'];

/** Of the runtime, the loader and the database's client: with them somebody else's code runs, or another is trusted. */
const ofTheRuntime = '^(NODE_|LD_|OPENSSL_|SSL_CERT_|PG|PATH$)';

/** Whether `spec.pod.env` may set it; objects from before that rule are left as they are, so pods are made without it. */
export function isFreeVariable(name: string): boolean {
  if (name.startsWith('NAUTHERA_')) return settings.includes(name);
  return !new RegExp(ofTheRuntime).test(name);
}

const quantities = (what: string, cpu: string | undefined, memory: string | undefined) =>
  group(
    {
      cpu: Type.Optional(
        text({
          what: 'Processor time of a pod.',
          max: 16,
          rules: [quantity],
          allowed: 'a quantity of Kubernetes, e.g. 500m for half a processor',
          ...(cpu === undefined ? { leftOut: 'no limit' } : { default: cpu }),
          example: '500m',
        }),
      ),
      memory: Type.Optional(
        text({
          what: 'Memory of a pod.',
          max: 16,
          rules: [quantity],
          allowed: 'a quantity of Kubernetes, e.g. 384Mi',
          ...(memory === undefined ? { leftOut: 'no limit' } : { default: memory }),
          example: '384Mi',
        }),
      ),
    },
    { what, default: {}, example: { memory: '384Mi' } },
  );

export const replicas = whole({
  what: 'How many pods serve. Without a cluster one process serves.',
  min: 1,
  max: 100,
  default: 2,
  allowed: '1 to 100; it does not count while autoscaling stands',
  example: 3,
});

export const autoscaling = Type.Optional(
  group(
    {
      minReplicas: whole({ what: 'Pods at least.', min: 1, max: 100, default: 2, example: 3 }),
      maxReplicas: whole({ what: 'Pods at most.', min: 1, max: 100, default: 10, example: 20 }),
      targetCpuPercent: whole({
        what: 'Use of the requested processor time that is aimed at, in percent.',
        min: 10,
        max: 100,
        default: 70,
        example: 60,
      }),
    },
    {
      what: 'Lets a HorizontalPodAutoscaler decide how many pods serve.',
      example: { minReplicas: 2, maxReplicas: 10 },
      leftOut: 'there are as many as replicas says',
      rules: [
        {
          rule: 'self.minReplicas <= self.maxReplicas',
          message: 'must be at least minReplicas',
          fieldPath: '.maxReplicas',
        },
      ],
    },
  ),
);

const toleration = entry(
  {
    key: Type.Optional(
      text({
        what: 'Key of the taint.',
        max: 317,
        rules: [labelName],
        allowed: 'name of a label',
        example: 'dedicated',
        leftOut: 'every taint, with operator Exists',
      }),
    ),
    operator: choice(['Exists', 'Equal'], {
      what: 'How the value of the taint is looked at.',
      default: 'Equal',
      example: 'Exists',
    }),
    value: Type.Optional(
      text({
        what: 'Value of the taint.',
        max: 63,
        rules: [labelValue],
        allowed: 'value of a label',
        example: 'identity',
        leftOut: 'none',
      }),
    ),
    effect: Type.Optional(
      choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
        what: 'Effect of the taint.',
        example: 'NoSchedule',
        leftOut: 'every effect',
      }),
    ),
  },
  [
    {
      rule: `self.operator != 'Exists' || !has(self.value)`,
      message: 'operator Exists takes no value: leave it out, or set operator Equal',
      fieldPath: '.value',
    },
    {
      rule: `has(self.key) || self.operator == 'Exists'`,
      message: 'name the key of the taint, or set operator Exists for every taint',
      fieldPath: '.key',
    },
  ],
);

const variable = entry(
  {
    name: text({
      what: 'Name of the variable.',
      max: 128,
      rules: [variableName],
      allowed:
        'letters, digits and _; none that begins with NODE_, LD_, OPENSSL_, SSL_CERT_ or PG, and not PATH; of those that begin with NAUTHERA_ only NAUTHERA_LOG_LEVEL, NAUTHERA_LOG_FORMAT and NAUTHERA_STATEMENT_NAMES',
      example: 'NAUTHERA_LOG_LEVEL',
    }),
    value: Type.Optional(
      text({
        what: 'The value as it stands here.',
        max: 4096,
        rules: [plainText],
        allowed: 'one line of plain text',
        example: 'debug',
        leftOut: 'see secretKeyRef',
      }),
    ),
    secretKeyRef: Type.Optional(
      group(
        {
          name: text({
            what: 'Name of the Secret.',
            max: 253,
            rules: [objectName],
            allowed: 'name of a Secret in the namespace of this object',
            example: 'settings',
          }),
          key: text({
            what: 'Key inside the Secret.',
            max: 253,
            rules: [dataKey],
            allowed: 'a key of that Secret',
            example: 'log-level',
          }),
        },
        {
          what: 'Takes the value from a Secret.',
          allowed: 'a Secret in the namespace of this object',
          example: { name: 'settings', key: 'log-level' },
          leftOut: 'see value',
        },
      ),
    ),
  },
  [
    {
      rule: 'has(self.value) != has(self.secretKeyRef)',
      message: 'set one of value and secretKeyRef',
      fieldPath: '.value',
    },
    {
      rule: `!self.name.startsWith('NAUTHERA_') || self.name in [${settings.map((name) => `'${name}'`).join(', ')}]`,
      message: 'the operator sets this one: use the field of the AuthorizationServer for it',
      fieldPath: '.name',
    },
    {
      rule: `!self.name.matches('${ofTheRuntime}')`,
      message:
        'decides which code the pods run or whom they trust, and is for the image and the operator alone: leave it out',
      fieldPath: '.name',
    },
  ],
);

const identity = (what: string) =>
  Type.Optional(
    whole({ what, min: 1, max: 2_147_483_647, example: 65_532, leftOut: 'as the image and the cluster say' }),
  );

const ownLabels: Rule = {
  rule: `self.all(k, !k.startsWith('app.kubernetes.io/') && !k.startsWith('auth.nauthera.io/'))`,
  message: 'app.kubernetes.io/* and auth.nauthera.io/* are set by the operator: choose other names',
};

export const pod = group(
  {
    image: Type.Optional(
      text({
        what: 'Image of the pods. Leave it out, so that an upgrade of the operator upgrades the server too.',
        max: 512,
        rules: [image],
        allowed: 'an image, by tag or digest',
        example: 'registry.example.com/nauthera/nauthera:0.1.0',
        leftOut: "the operator's --server-image",
      }),
    ),
    imagePullPolicy: Type.Optional(
      choice(['Always', 'IfNotPresent', 'Never'], {
        what: 'When the image is fetched.',
        example: 'IfNotPresent',
        leftOut: "the operator's --server-image-pull-policy",
      }),
    ),
    imagePullSecrets: Type.Optional(
      set(item({ max: 253, rules: [objectName] }), {
        what: 'Secrets with which the image is fetched, beside those of the operator.',
        max: 8,
        allowed: 'names of Secrets in the namespace of this object',
        example: ['registry'],
        leftOut: 'none',
      }),
    ),
    resources: group(
      {
        requests: quantities('What a pod needs.', '100m', '192Mi'),
        limits: quantities('What a pod may use at most.', undefined, '384Mi'),
      },
      { what: 'Processor time and memory of a pod.', default: {}, example: { requests: { cpu: '500m' } } },
    ),
    labels: Type.Optional(
      texts({
        what: 'Labels of the pods, beside those of the operator.',
        max: 32,
        maxLength: 63,
        rules: [labels, ownLabels],
        allowed: 'labels, without those that begin with app.kubernetes.io/ or auth.nauthera.io/',
        example: { team: 'identity' },
        leftOut: 'none',
      }),
    ),
    annotations: Type.Optional(
      texts({
        what: 'Annotations of the pods, beside those of the operator.',
        max: 32,
        maxLength: 4096,
        rules: [annotationNames, unreserved],
        allowed: 'annotations, without those that begin with auth.nauthera.io/',
        example: { 'sidecar.istio.io/inject': 'false' },
        leftOut: 'none',
      }),
    ),
    env: Type.Optional(
      keyed('name', variable, {
        what: 'Environment of the server, beside what the operator sets.',
        max: 32,
        example: [{ name: 'NAUTHERA_LOG_LEVEL', value: 'debug' }],
        leftOut: 'none',
      }),
    ),
    nodeSelector: Type.Optional(
      texts({
        what: 'Labels that the nodes of the pods must have.',
        max: 16,
        maxLength: 63,
        rules: [labels],
        allowed: 'labels of nodes',
        example: { 'kubernetes.io/arch': 'arm64' },
        leftOut: 'any node',
      }),
    ),
    tolerations: Type.Optional(
      Type.Array(toleration, {
        maxItems: 16,
        'x-kubernetes-list-type': 'atomic',
        doc: {
          what: 'Taints of nodes that the pods tolerate.',
          example: [{ key: 'dedicated', operator: 'Exists' }],
          leftOut: 'none',
        },
      }),
    ),
    spreadBy: set(item({ max: 317, rules: [labelName] }), {
      what: 'Labels of nodes by whose values the pods are spread as evenly as can be.',
      max: 4,
      allowed: 'keys of labels of nodes',
      default: ['kubernetes.io/hostname'],
      example: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'],
    }),
    priorityClassName: Type.Optional(
      text({
        what: 'PriorityClass of the pods.',
        max: 253,
        rules: [objectName],
        allowed: 'name of a PriorityClass',
        example: 'high-priority',
        leftOut: "the cluster's default",
      }),
    ),
    securityContext: Type.Optional(
      group(
        {
          runAsUser: identity('Number of the user that the server runs as. Never 0.'),
          runAsGroup: identity('Number of the group that the server runs as.'),
          fsGroup: identity('Number of the group that may read what is mounted. Left out: runAsGroup.'),
        },
        {
          what: 'Numbers of user and groups. Everything else of the security context is restricted, and cannot be widened.',
          example: { runAsUser: 65_532, fsGroup: 65_532 },
          leftOut: 'as the image and the cluster say',
        },
      ),
    ),
  },
  {
    what: 'The pods of the server, in a cluster.',
    default: {},
    example: { resources: { limits: { memory: '512Mi' } } },
  },
);

export type PodSpec = Static<typeof pod>;
