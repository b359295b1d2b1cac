import type { AuthorizationServerStatus, Condition, LdapBindingStatus } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { degradation } from '../../../operator/src/controllers/degradation.ts';

const condition = (type: string, status: Condition['status'] = 'True', message = ''): Condition => ({
  type,
  status,
  reason: type,
  message,
  observedGeneration: 1,
  lastTransitionTime: '1970-01-01T00:00:00Z',
});

describe('an AuthorizationServer', () => {
  const with_ = (readyReplicas: number | undefined, database: Condition['status'] = 'True') =>
    ({
      conditions: [condition('DatabaseReady', database)],
      ...(readyReplicas === undefined ? {} : { readyReplicas }),
    }) as AuthorizationServerStatus;
  const told = (before: number | undefined, after: number, wasToldOf: boolean, database?: Condition['status']) =>
    degradation('AuthorizationServer', with_(before), with_(after, database), wasToldOf)?.reason;

  it.each([
    ['its replicas go', 2, 0, false, 'ServerDegraded'],
    ['one of them goes', 2, 1, false, undefined],
    ['none is back yet', 0, 0, true, undefined],
    ['one is back', 0, 1, true, 'ServerRecovered'],
    ['it serves for the first time', undefined, 1, false, undefined],
    ['more of them come', 1, 2, false, undefined],
  ] as const)('%s', (_, before, after, wasToldOf, reason) => {
    expect(told(before, after, wasToldOf)).toBe(reason);
  });

  it('says nothing of them while its database is away: nobody knows', () => {
    expect(told(2, 0, false, 'False')).toBeUndefined();
  });
});

describe('an LdapBinding', () => {
  type State = NonNullable<LdapBindingStatus['servers']>[number]['state'];
  const with_ = (degraded: boolean, ...states: readonly State[]): LdapBindingStatus => ({
    observedGeneration: 1,
    conditions: degraded ? [condition('Degraded', 'True', 'ldaps://one cannot be used, others serve: why')] : [],
    servers: states.map((state, at) => ({ url: `ldaps://${at}`, state })),
  });

  it.each([
    ['one of two servers fails', with_(false, 'Up', 'Up'), with_(true, 'Down', 'Up'), 'ServerDegraded'],
    ['it is down still', with_(true, 'Down', 'Up'), with_(true, 'Down', 'Up'), undefined],
    ['and it is back', with_(true, 'Down', 'Up'), with_(false, 'Up', 'Up'), 'ServerRecovered'],
    ['the other one fails too: Ready says so', with_(true, 'Down', 'Up'), with_(false, 'Down', 'Down'), undefined],
    ['nobody has looked yet', with_(true, 'Down', 'Up'), with_(false), undefined],
  ])('%s', (_, before, after, reason) => {
    expect(degradation('LdapBinding', before, after, false)?.reason).toBe(reason);
  });

  it('says which one, in the words of its condition', () => {
    expect(degradation('LdapBinding', with_(false, 'Up'), with_(true, 'Down', 'Up'), false)).toEqual({
      type: 'Warning',
      reason: 'ServerDegraded',
      note: 'ldaps://one cannot be used, others serve: why',
    });
  });
});

it('of other kinds nothing is told', () => {
  const status = { observedGeneration: 1, conditions: [] };
  expect(degradation('Client', status, status, true)).toBeUndefined();
});
