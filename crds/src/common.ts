/** PURE. Parts that several kinds share: references, selections of namespaces, metadata, status. */
import { type Static, type TProperties, Type } from 'typebox';
import { choice, entry, group, item, keyed, set, text, texts, whole } from './field.ts';
import { dataKey, labelName, labels, labelValue, namespaceName, objectName } from './text-rules.ts';

export const apiGroup = 'auth.nauthera.io';
export const version = 'v1alpha1';
export const apiVersion = 'auth.nauthera.io/v1alpha1';

const secretName = (what: string, example: string) =>
  text({ what, max: 253, rules: [objectName], allowed: 'name of a Secret in the namespace of this object', example });

/** A Secret in the resource's own namespace, read by its well-known keys. */
export const secretRef = (what: string, keys: string, example: string, leftOut: string) =>
  Type.Optional(
    group(
      { name: secretName(`Name of the Secret. ${keys}`, example) },
      { what, allowed: 'a Secret in the namespace of this object', example: { name: example }, leftOut },
    ),
  );

/** One key of a Secret in the resource's own namespace. */
export const secretKeyRef = (what: string, key: string, example: string) =>
  group(
    {
      name: secretName('Name of the Secret.', example),
      key: text({ what: 'Key inside the Secret.', max: 253, rules: [dataKey], default: key, example: key }),
    },
    { what, allowed: 'a Secret in the namespace of this object', example: { name: example } },
  );

/** One key of a ConfigMap in the resource's own namespace. */
export const configMapKeyRef = (what: string, key: string, example: string, leftOut: string) =>
  Type.Optional(
    group(
      {
        name: text({ what: 'Name of the ConfigMap.', max: 253, rules: [objectName], example }),
        key: text({ what: 'Key inside the ConfigMap.', max: 253, rules: [dataKey], default: key, example: key }),
      },
      { what, allowed: 'a ConfigMap in the namespace of this object', example: { name: example }, leftOut },
    ),
  );

export const authorizationServerRef = Type.Optional(
  group(
    {
      name: text({
        what: 'Name of the AuthorizationServer.',
        max: 40,
        rules: [objectName],
        example: 'default',
      }),
      namespace: Type.Optional(
        text({
          what: 'Namespace of the AuthorizationServer. It must invite the namespace of this object.',
          max: 63,
          rules: [namespaceName],
          example: 'identity',
          leftOut: 'the namespace of this object',
        }),
      ),
    },
    {
      what: 'The AuthorizationServer that serves this object.',
      example: { name: 'default', namespace: 'identity' },
      leftOut:
        'the one AuthorizationServer annotated auth.nauthera.io/is-default: "true"; status keeps its name until this object is edited',
    },
  ),
);

const labelSelector = Type.Optional(
  group(
    {
      matchLabels: Type.Optional(
        texts({
          what: 'Labels that a namespace must carry, all of them.',
          max: 16,
          maxLength: 63,
          example: { 'kubernetes.io/metadata.name': 'shop' },
          leftOut: 'no label is asked for by value',
          rules: [labels],
        }),
      ),
      matchExpressions: Type.Optional(
        Type.Array(
          entry(
            {
              key: text({ what: 'Name of the label.', max: 317, rules: [labelName], example: 'team' }),
              operator: choice(['In', 'NotIn', 'Exists', 'DoesNotExist'], {
                what: 'How the label is compared with the values.',
                example: 'In',
              }),
              values: Type.Optional(
                set(item({ max: 63, rules: [labelValue] }), {
                  what: 'Values to compare with.',
                  max: 32,
                  allowed: 'at least one with In and NotIn, none with Exists and DoesNotExist',
                  example: ['shop', 'billing'],
                  leftOut: 'none',
                }),
              ),
            },
            [
              {
                rule: `(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)`,
                message: 'In and NotIn need at least one value, Exists and DoesNotExist take none',
                fieldPath: '.values',
              },
            ],
          ),
          {
            maxItems: 16,
            'x-kubernetes-list-type': 'atomic',
            doc: {
              what: 'Expressions over labels that must all hold.',
              example: [{ key: 'team', operator: 'Exists' }],
              leftOut: 'no expression',
            },
          },
        ),
      ),
    },
    {
      what: 'Which labels select a namespace. An empty selector selects every namespace.',
      example: { matchLabels: { team: 'shop' } },
      leftOut: 'required with from: Selector, refused otherwise',
    },
  ),
);

/** Which namespaces something is open to. */
export const namespaceSelection = (what: string) =>
  group(
    {
      from: choice(['Same', 'All', 'Selector'], {
        what: 'Which namespaces.',
        allowed: 'Same (the namespace of this object), All, or Selector (those that selector selects)',
        default: 'Same',
        example: 'Selector',
      }),
      selector: labelSelector,
    },
    {
      what,
      default: {},
      example: { from: 'All' },
      rules: [
        {
          rule: `(self.from == 'Selector') == has(self.selector)`,
          message: 'from: Selector and selector go together: set both or neither',
          fieldPath: '.selector',
        },
      ],
    },
  );

/** `{namespaces: {from, selector}}` */
export const admission = (what: string) =>
  group(
    { namespaces: namespaceSelection('The namespaces.') },
    { what, default: {}, example: { namespaces: { from: 'All' } } },
  );

const condition = entry({
  type: text({ what: 'What the condition is about.', max: 64, example: 'Ready' }),
  status: choice(['True', 'False', 'Unknown'], { what: 'Whether it holds.', example: 'True' }),
  reason: text({ what: 'One word for why, from a closed list.', max: 64, example: 'Ready' }),
  message: text({
    what: 'One line: the object, what was found, what to do.',
    min: 0,
    max: 1024,
    example: 'Served by 3 replicas as shop.web',
  }),
  observedGeneration: whole({
    what: 'The generation of this object that the condition speaks about.',
    min: -1,
    max: Number.MAX_SAFE_INTEGER,
    example: 3,
  }),
  lastTransitionTime: Type.String({
    format: 'date-time',
    doc: { what: 'When status last changed.', example: '2030-01-31T12:00:00Z' },
  }),
});
export type Condition = Static<typeof condition>;

/** What every status begins as, so that a new object reads as in progress even while no operator runs. */
export const pendingStatus = {
  observedGeneration: -1,
  conditions: [
    {
      type: 'Ready',
      status: 'Unknown',
      reason: 'Pending',
      message: 'Waiting for the operator',
      observedGeneration: -1,
      lastTransitionTime: '1970-01-01T00:00:00Z',
    },
  ],
} as const;

/** A status with the kind's own members beside those that all kinds have. */
export const status = <P extends TProperties>(own: P) =>
  group(
    {
      ...own,
      observedGeneration: whole({
        what: 'The generation of this object that the operator has looked at; -1: none yet.',
        min: -1,
        max: Number.MAX_SAFE_INTEGER,
        default: -1,
        example: 3,
      }),
      conditions: keyed('type', condition, {
        what: 'What is known about this object. Ready is always there; Reconciling and Stalled only while they are True.',
        max: 24,
        default: pendingStatus.conditions,
        example: [{ type: 'Ready', status: 'True', reason: 'Ready' }],
      }),
      lastHandled: Type.Optional(
        texts({
          what: 'The values of auth.nauthera.io annotations that have been acted upon.',
          max: 16,
          maxLength: 256,
          example: { 'auth.nauthera.io/reconcile': '2030-01-31T12:00:00Z' },
          leftOut: 'no annotation asked for anything',
        }),
      ),
    },
    {
      what: 'What the operator found and did. Written by the operator alone.',
      default: pendingStatus,
      example: { observedGeneration: 1 },
    },
  );

/** A value that the operator computed; absent until it has. */
export const computed = (what: string, max: number, example: string) =>
  Type.Optional(text({ what, max, example, leftOut: 'not known yet' }));

/** Metadata as Kubernetes has it, with what this product reads. In a folder a missing namespace is `default`. */
export interface ObjectMeta {
  name: string;
  namespace: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid?: string;
  resourceVersion?: string;
  /** Counts changes of `spec`. */
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
}
