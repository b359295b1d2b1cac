import { describe, expect, it } from 'vitest';
import {
  type Condition,
  type ConditionDraft,
  type ConditionRules,
  type ConditionsInput,
  deriveConditions,
  oneLine,
} from '../../../operator/src/runtime/conditions.ts';

const rules: ConditionRules = {
  order: ['ResolvedRefs', 'Accepted', 'Programmed'],
  standing: (_, reason) =>
    reason === 'PolicyViolation' ? 'Stalled' : reason === 'Suspended' || reason === 'Deleting' ? 'None' : 'Reconciling',
};

const t0 = '2026-01-01T00:00:00Z';
const t1 = '2026-01-02T00:00:00Z';
const yes = (type: string): ConditionDraft => ({ type, status: 'True', reason: type, message: 'fine' });
const no = (type: string, reason: string): ConditionDraft => ({ type, status: 'False', reason, message: `${reason}!` });
const derive = (drafts: readonly ConditionDraft[], more: Partial<ConditionsInput> = {}) =>
  deriveConditions(rules, { previous: [], drafts, generation: 3, readyMessage: 'Served', now: t0, ...more });
const find = (conditions: readonly Condition[], type: string) => conditions.find((one) => one.type === type);

describe('conditions', () => {
  it('Ready is True when all are, and neither Reconciling nor Stalled stands', () => {
    const all = derive([yes('ResolvedRefs'), yes('Accepted'), yes('Programmed')]);
    expect(all.map((one) => one.type)).toEqual(['Ready', 'ResolvedRefs', 'Accepted', 'Programmed']);
    expect(find(all, 'Ready')).toEqual({
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: 'Served',
      observedGeneration: 3,
      lastTransitionTime: t0,
    });
  });

  it.each([
    [
      'the first that is not True, in the stated order',
      [no('Programmed', 'NotServedYet'), no('ResolvedRefs', 'ServerNotFound'), yes('Accepted')],
      'ServerNotFound',
      'Reconciling',
    ],
    [
      'only an edit helps',
      [yes('ResolvedRefs'), no('Accepted', 'PolicyViolation'), yes('Programmed')],
      'PolicyViolation',
      'Stalled',
    ],
    ['a condition that is not there yet', [yes('ResolvedRefs'), yes('Accepted')], 'Pending', 'Reconciling'],
  ] as const)('Ready copies %s', (_, drafts, reason, standing) => {
    const all = derive(drafts);
    expect(find(all, 'Ready')).toMatchObject({ reason });
    expect(all.filter((one) => one.type === 'Reconciling' || one.type === 'Stalled').map((one) => one.type)).toEqual([
      standing,
    ]);
    expect(find(all, standing)).toMatchObject({ status: 'True', reason });
  });

  it('Ready of an Unknown condition is Unknown', () => {
    const all = derive([{ type: 'ResolvedRefs', status: 'Unknown', reason: 'NoReplica', message: 'x' }]);
    expect(find(all, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NoReplica' });
  });

  it('a suspended object is neither Reconciling nor Stalled', () => {
    const all = derive([yes('ResolvedRefs'), yes('Accepted'), yes('Programmed')], {
      ready: { type: 'Ready', status: 'False', reason: 'Suspended', message: 'suspended' },
    });
    expect(all.map((one) => one.type)).toEqual(['Ready', 'ResolvedRefs', 'Accepted', 'Programmed']);
    expect(find(all, 'Ready')).toMatchObject({ status: 'False', reason: 'Suspended' });
  });

  it('extras leave Ready alone', () => {
    const all = derive([
      yes('ResolvedRefs'),
      yes('Accepted'),
      yes('Programmed'),
      { type: 'Degraded', status: 'True', reason: 'ServerUnreachable', message: 'x' },
    ]);
    expect(find(all, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('the transition time moves with the status only', () => {
    const previous = derive([no('ResolvedRefs', 'ScopeNotFound'), yes('Accepted'), yes('Programmed')]);
    const next = derive([no('ResolvedRefs', 'ScopeNotAllowed'), no('Accepted', 'PolicyViolation'), yes('Programmed')], {
      previous,
      now: t1,
    });
    const times = Object.fromEntries(next.map((one) => [one.type, one.lastTransitionTime]));
    expect(times).toMatchObject({ Ready: t0, ResolvedRefs: t0, Accepted: t1, Programmed: t0 });
  });

  it('a condition may keep the generation it spoke about', () => {
    const all = derive([{ ...yes('Programmed'), observedGeneration: 2 }]);
    expect(find(all, 'Programmed')?.observedGeneration).toBe(2);
    expect(find(all, 'Ready')?.observedGeneration).toBe(3);
  });

  it('messages are one line of at most 250 characters', () => {
    expect(oneLine('a\n b\u2028c\u0000d')).toBe('a b c d');
    expect(Array.from(oneLine('é'.repeat(400)))).toHaveLength(250);
  });
});
