/** PURE. Which namespaces something is open to. */
import { Type } from 'typebox';
import { choice, entry, group, item, set, text, texts } from './field.ts';
import { labelName, labels, labelValue } from './text-rules.ts';

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
              key: text({
                what: 'Name of the label.',
                max: 317,
                rules: [labelName],
                allowed: 'name of a label',
                example: 'team',
              }),
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
      what: 'Which labels select a namespace. Whoever may label a namespace can have it selected; only kubernetes.io/metadata.name cannot be changed. An empty selector selects every namespace.',
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
    { namespaces: namespaceSelection('Which namespaces they are.') },
    { what, default: {}, example: { namespaces: { from: 'All' } } },
  );
