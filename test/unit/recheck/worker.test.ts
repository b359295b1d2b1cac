import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { epochSeconds } from '../../../server/src/protocol/time.ts';
import { createRecheck, type RecheckPorts } from '../../../server/src/recheck/worker.ts';
import type { RecheckStore } from '../../../server/src/store/rechecks.ts';
import { silentLog } from '../../../server/src/telemetry/log.ts';
import { createMetrics } from '../../../server/src/telemetry/metrics.ts';
import { DirectorySnapshots } from '../../support/directories.ts';
import { aDirectory } from '../../support/world.ts';

/** What replicas share, as the database keeps it, by a clock that stands unless it is moved: nobody is signed in. */
function rounds() {
  const began: number[] = [];
  let isLooking = false;
  const store: RecheckStore = {
    ensure: () => Promise.resolve(),
    claim(_directory, period) {
      const age = (Date.now() - (began.at(-1) ?? Number.NEGATIVE_INFINITY)) / 1000;
      const isDue = !isLooking && age >= period;
      if (isDue) {
        began.push(Date.now());
        isLooking = true;
      }
      const dueIn = isLooking ? 0 : Math.max(0, period - age);
      const state = isLooking ? 'looking' : 'done';
      return Promise.resolve({
        state,
        dueIn,
        allGiven: true,
        unlooked: 0,
        finishedAt: 0,
        halted: undefined,
        bucket: undefined,
      });
    },
    settle: () => Promise.resolve(true),
    handBack: () => Promise.resolve(),
    decide() {
      isLooking = false;
      return Promise.resolve({ users: 0, leavers: 0, halted: false, anew: false });
    },
    renew: () => Promise.resolve(),
  };
  return { began, store };
}

function replica(rechecks: RecheckStore, every: number | undefined) {
  const snapshot = new DirectorySnapshots();
  snapshot.set({ people: aDirectory(every === undefined ? {} : { recheck: { every } }) });
  const nothing = () => Promise.reject(new Error('nobody is to be looked at'));
  const ports: RecheckPorts = {
    rechecks,
    snapshot,
    leavers: { endSome: () => Promise.resolve(null) },
    grants: { end: nothing },
    directory: { lookupMany: nothing, showsGroups: nothing },
    clock: { now: () => epochSeconds(0) },
    audit: () => undefined,
    log: silentLog,
    metrics: createMetrics(new Registry()),
    gone: { look: () => Promise.resolve([]), end: nothing },
  };
  return createRecheck(ports);
}

describe('T_off: how often everybody is looked at', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Of the interval, one sixth is left for looking and ending. */
  it.each([
    [10, 8.333, 1],
    [10, 8.333, 3],
    [60, 50, 1],
    [60, 50, 3],
    [600, 500, 1],
    [undefined, 50, 2],
  ])('every %s s: a round begins each %d s, with %i replicas', async (every, period, replicas) => {
    const { began, store } = rounds();
    const stops = Array.from({ length: replicas }, () => replica(store, every).start());
    await vi.advanceTimersByTimeAsync(10 * period * 1000 + 1000);
    for (const stop of stops) await stop();
    expect(began.length).toBeGreaterThanOrEqual(10);
    const apart = began.slice(1).map((at, index) => at - (began[index] ?? 0));
    for (const one of apart) {
      expect(one).toBeGreaterThanOrEqual(period * 1000 - 1);
      // Nobody looks a moment too early, so everybody looks a little late.
      expect(one).toBeLessThanOrEqual(period * 1000 + 100);
    }
  });
});
