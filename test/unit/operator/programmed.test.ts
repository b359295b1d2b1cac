import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import { type ProgrammedInput, programmed, type Written } from '../../../operator/src/controllers/programmed.ts';
import type { LiveReport } from '../../../server/src/registry/index.ts';

const revision = { epoch: 'e', n: 5 };
const written: Written = { outcome: 'written', revision };
const unchanged: Written = { outcome: 'unchanged', revision };
const aReport = (replica: string, more: Partial<LiveReport> = {}): LiveReport => ({
  replica,
  format: 1,
  revision,
  rejected: [],
  directories: [],
  keys: 'ready',
  untrustedProxy: false,
  live: true,
  reportedAt: 1,
  ...more,
});
const behind = { revision: { epoch: 'e', n: 4 } };
const otherEpoch = { revision: { epoch: 'before', n: 99 } };
const servedBefore = {
  type: 'Programmed',
  status: 'True',
  reason: 'Programmed',
  message: 'Served by 3 replicas',
  observedGeneration: 2,
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;
const rejects = (problem: string, uid = 'u1') =>
  ({ rejected: [{ kind: 'client', id: 'shop.web', uid, problem }] }) as const;

const judge = (reports: readonly LiveReport[], more: Partial<ProgrammedInput> = {}) =>
  programmed({
    written,
    reports,
    registration: { kind: 'client', id: 'shop.web', uid: 'u1' },
    generation: 2,
    previous: [],
    sameAsBefore: true,
    ...more,
  });

describe('Programmed', () => {
  it.each<readonly [string, readonly LiveReport[], Partial<ProgrammedInput>, string, string, string, boolean]>([
    [
      'every live replica has it',
      [aReport('a'), aReport('b')],
      {},
      'True',
      'Programmed',
      'Served by 2 replicas',
      false,
    ],
    ['one replica', [aReport('a')], {}, 'True', 'Programmed', 'Served by 1 replica', false],
    [
      'withdrawn everywhere',
      [aReport('a')],
      { withdrawn: true },
      'True',
      'Programmed',
      'Withdrawn on 1 replica',
      false,
    ],
    [
      'a dead replica does not count',
      [aReport('a'), aReport('b', { ...behind, live: false })],
      {},
      'True',
      'Programmed',
      'Served by 1 replica',
      false,
    ],
    [
      'one is behind',
      [aReport('a'), aReport('b', behind), aReport('c')],
      {},
      'False',
      'NotServedYet',
      'Waiting for replica b to serve this (2 of 3 do)',
      true,
    ],
    [
      'one knows another epoch',
      [aReport('a', otherEpoch)],
      {},
      'False',
      'NotServedYet',
      'Waiting for replica a to serve this (0 of 1 do)',
      true,
    ],
    [
      'many are behind',
      ['a', 'b', 'c', 'd', 'e'].map((one) => aReport(one, behind)),
      {},
      'False',
      'NotServedYet',
      'Waiting for replicas a, b, c and 2 more to serve this (0 of 5 do)',
      true,
    ],
    [
      'no live replica',
      [aReport('a', { live: false })],
      {},
      'Unknown',
      'NoReplica',
      'no server process reports. Waiting for one',
      true,
    ],
    [
      'a replica refused the row',
      [aReport('a', rejects('x must not be y'))],
      {},
      'False',
      'RejectedByServer',
      'x must not be y',
      false,
    ],
    [
      'it refused an older owner’s row',
      [aReport('a', rejects('x', 'u0'))],
      {},
      'True',
      'Programmed',
      'Served by 1 replica',
      false,
    ],
    [
      'the registry refused it',
      [],
      { written: { outcome: 'invalid', problem: 'x must not be y' } },
      'False',
      'RejectedByServer',
      'x must not be y',
      false,
    ],
    [
      'the database is away',
      [],
      { written: { outcome: 'unreachable' } },
      'Unknown',
      'DatabaseUnavailable',
      'the database of the AuthorizationServer does not answer. Waiting for it',
      false,
    ],
    [
      'something else failed first',
      [],
      { written: { outcome: 'blocked', by: 'Accepted' } },
      'Unknown',
      'Blocked',
      'waits for Accepted',
      false,
    ],
  ])('%s', (_, reports, more, status, reason, message, pending) => {
    const result = judge(reports, more);
    expect(result).toMatchObject({ condition: { type: 'Programmed', status, reason, message }, pending });
    expect(() => standing('Client', 'Programmed', reason)).not.toThrow();
  });

  describe('is sticky: True holds for its generation and secret until the row is refused, lost or changed', () => {
    it.each<readonly [string, readonly LiveReport[], Partial<ProgrammedInput>, string]>([
      ['all replicas restart', [], { written: unchanged }, 'Programmed'],
      ['a new replica is behind', [aReport('a', behind)], { written: unchanged }, 'Programmed'],
      ['the database is away', [], { written: { outcome: 'unreachable' } }, 'Programmed'],
      ['the row was changed', [aReport('a', behind)], { written }, 'NotServedYet'],
      ['another generation', [aReport('a', behind)], { written: unchanged, generation: 3 }, 'NotServedYet'],
      ['another secret', [aReport('a', behind)], { written: unchanged, sameAsBefore: false }, 'NotServedYet'],
      ['a replica refuses the row', [aReport('a', rejects('x'))], { written: unchanged }, 'RejectedByServer'],
    ])('%s', (_, reports, more, reason) => {
      expect(judge(reports, { previous: [servedBefore], ...more }).condition.reason).toBe(reason);
    });

    it('with its message: how many replicas there are rewrites no status', () => {
      expect(judge([aReport('a')], { previous: [servedBefore], written: unchanged }).condition.message).toBe(
        'Served by 3 replicas',
      );
    });
  });
});
