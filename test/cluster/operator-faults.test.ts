/**
 * F29–F41 as `npm run bench:operator -- --faults` does them to an operator with thousands of Clients, here with two hundred:
 * the same list with the same verdicts, but for those that take minutes. How long something takes is not judged.
 */
import { describe, expect, it } from 'vitest';
import { faults } from '../bench/faults.ts';
import { runFaults, type Verdict } from '../bench/operator-faults.ts';

describe('F29–F41: harm is done to the operator while a team changes its Clients', () => {
  it('the end state is that of an undisturbed team, nothing of others is written, and five passes a change are enough', {
    timeout: 2_400_000,
  }, async () => {
    const verdicts: Verdict[] = [];
    const onVerdict = (verdict: Verdict) => void verdicts.push(verdict);
    await runFaults({ clients: 200, perNamespace: 10, program: {}, short: true, only: [], onVerdict });
    const told = verdicts.filter(({ broken }) => broken.length > 0);
    expect(told.map(({ id, what, broken }) => `${id} ${what}: ${broken.join('; ')}`)).toEqual([]);
    expect(verdicts).toHaveLength(1 + faults.filter(({ slow }) => slow === undefined).length);
  });
});
