import { describe, expect, it } from 'vitest';
import { threeProcesses } from '../support/deployment.ts';
import { describeEveryFlow } from './every-flow.suite.ts';

describe('every flow, three processes behind a round-robin proxy', () =>
  describeEveryFlow(threeProcesses, (actors) => {
    it('each process answered its part of it: no browser and no client stayed with one', () => {
      const counts = actors().deployment.proxy?.answered ?? [];
      expect(counts).toHaveLength(3);
      for (const count of counts) expect(count).toBeGreaterThan(100);
    });
  }));
