import { afterEach, describe, expect, it } from 'vitest';
import { ServedWatch } from '../../../operator/src/controllers/served-watch.ts';
import type { LiveReport } from '../../../server/src/registry/index.ts';
import { until } from '../../support/product.ts';

const aReport = (n: number): LiveReport => ({
  replica: 'a',
  format: 1,
  revision: { epoch: 'e', n },
  rejected: [],
  directories: [],
  keys: 'ready',
  untrustedProxy: false,
  live: true,
  reportedAt: 1,
});

const open: ServedWatch[] = [];
afterEach(async () => {
  for (const watch of open.splice(0)) await watch.stop();
});

async function aWatch() {
  const state: { reports: readonly LiveReport[]; away: boolean; reads: number } = {
    reports: [aReport(1)],
    away: false,
    reads: 0,
  };
  const told: string[] = [];
  const watch = new ServedWatch({
    read: () => {
      state.reads += 1;
      return state.away ? Promise.reject(new Error('away')) : Promise.resolve(state.reports);
    },
    onChange: (pending) => told.push(`change ${pending.join()}`),
    onError: () => told.push('error'),
    onRecovery: () => told.push('recovery'),
    whilePending: 10,
    otherwise: 60_000,
  });
  open.push(watch);
  await watch.start();
  told.length = 0;
  return { watch, state, told };
}

describe('the replicas’ reports', () => {
  it('are read seldom while nothing waits', async () => {
    const { state } = await aWatch();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(state.reads).toBe(1);
  });

  it('wake who waits when they change, and are read often until nobody does', async () => {
    const { watch, state, told } = await aWatch();
    watch.pend('x', true);
    await until('the first look', () => Promise.resolve(told.length === 1));
    state.reports = [aReport(2)];
    await until('a change', () => Promise.resolve(told.length === 2));
    expect([told, watch.reports[0]?.revision.n]).toEqual([['change x', 'change x'], 2]);
    watch.pend('x', false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { reads } = state;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(state.reads).toBe(reads);
  });

  it('wake who begins to wait once in any case: what it waits for may have come just before', async () => {
    const { watch, told } = await aWatch();
    watch.pend('x', true);
    await until('the first look', () => Promise.resolve(told.length > 0));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told).toEqual(['change x']);
  });

  it('that could not be read are told when they can be again', async () => {
    const { watch, state, told } = await aWatch();
    state.away = true;
    watch.pend('x', true);
    await until('errors', () => Promise.resolve(told.length >= 2));
    expect(new Set(told)).toEqual(new Set(['error']));
    told.length = 0;
    state.away = false;
    await until('recovery', () => Promise.resolve(told.includes('recovery')));
    expect(told.filter((one) => one === 'recovery')).toHaveLength(1);
  });
});
