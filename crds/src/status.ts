/** PURE. What every status has: conditions as kstatus and `kubectl wait` read them. */
import { type Static, type TProperties, Type } from 'typebox';
import { choice, entry, group, keyed, text, texts, whole } from './field.ts';

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
