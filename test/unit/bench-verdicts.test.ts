import { describe, expect, it } from 'vitest';
import { judge, resultOf, type Target } from '../bench/measure.ts';

/** Rows of two rounds each, from operations a second and the share of its core that the server was busy. */
function row(name: string, rates: readonly number[], busy = 1, failures = 0) {
  const samples = rates.map((operations) => {
    const sample = { operations, seconds: 1, failures, p50: 1, p99: 1, serverCpu: busy };
    return { ...sample, foreignLoad: 0 };
  });
  return resultOf(name, 'ours', samples);
}

const target: Target = { row: 'ours', of: 'peer', ceiling: 'ceiling', atLeast: 3 };
const peer = row('peer', [10, 10]);

describe('a target that its ceiling does not reach', () => {
  const verdict = (ours: ReturnType<typeof row>, ceiling: ReturnType<typeof row>) =>
    judge(target, [ours, peer, ceiling]).verdict;

  it('is above the ceiling, where ours comes near to that', () => {
    expect(judge(target, [row('ours', [23, 24]), peer, row('ceiling', [27, 28])])).toMatchObject({
      verdict: 'above the ceiling',
      ceilingRatio: 2.75,
    });
  });

  it.each([
    ['ours does not come near to it', row('ours', [15, 16]), row('ceiling', [27, 28])],
    ['it reaches the target in a round', row('ours', [23, 24]), row('ceiling', [27, 31])],
    ['it waited for others', row('ours', [23, 24]), row('ceiling', [27, 28], 0.7)],
    ['it failed', row('ours', [23, 24]), row('ceiling', [27, 28], 1, 1)],
    ['it says another thing each time', row('ours', [23, 24]), row('ceiling', [20, 29])],
  ])('is missed where %s', (_why, ours, ceiling) => {
    expect(verdict(ours, ceiling)).toBe('missed');
  });

  it('is reached where ours reaches it', () => {
    expect(verdict(row('ours', [31, 32]), row('ceiling', [27, 28]))).toBe('reached');
  });

  it('says nothing of a row whose rates say nothing', () => {
    expect(verdict(row('ours', [15, 25]), row('ceiling', [27, 28]))).toBe('noisy');
  });
});
