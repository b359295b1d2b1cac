import { Counter, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { counterTally, histogramTally } from '../../../server/src/telemetry/tally.ts';

const labelNames = ['method', 'status'] as const;
const buckets = [0.01, 0.1, 1];

/** In which order series are told means nothing. */
const linesOf = async (registry: Registry) => (await registry.metrics()).split('\n').toSorted();

/** What is told twice: by the tally, and by the library alone. */
function pair() {
  const [tallied, plain] = [new Registry(), new Registry()];
  const counter = { name: 'events_total', help: 'Events', labelNames };
  const histogram = { name: 'seconds', help: 'Seconds', labelNames, buckets };
  return {
    counters: [
      counterTally({ ...counter, registers: [tallied] }),
      new Counter({ ...counter, registers: [plain] }),
    ] as const,
    histograms: [
      histogramTally({ ...histogram, registers: [tallied] }),
      new Histogram({ ...histogram, registers: [plain] }),
    ] as const,
    expectSame: async () => expect(await linesOf(tallied)).toEqual(await linesOf(plain)),
  };
}

describe('tallies tell what the library would', () => {
  it('counters: by their labels, with a number or a zero, and again after they were read', async () => {
    const { counters, expectSame } = pair();
    for (const counter of counters) {
      counter.inc({ method: 'GET', status: 200 }, 0);
      counter.inc({ method: 'GET', status: 404 });
      counter.inc({ method: 'POST', status: 200 }, 3);
      counter.inc({ status: 200, method: 'POST' });
      counter.inc({ method: 'POST' });
    }
    await expectSame();
    for (const counter of counters) counter.inc({ method: 'GET', status: 404 });
    await expectSame();
    await expectSame();
  });

  it('histograms: each value in its bucket, however many came since they were read', async () => {
    const { histograms, expectSame } = pair();
    for (const histogram of histograms) {
      for (let index = 0; index < 2500; index += 1) {
        histogram.observe({ method: index % 3 === 0 ? 'GET' : 'POST', status: 200 }, (index % 16) / 8);
      }
    }
    await expectSame();
    for (const histogram of histograms) histogram.observe({ method: 'GET', status: 200 }, 0.5);
    await expectSame();
  });

  it('a counter without labels', async () => {
    const registry = new Registry();
    const counter = counterTally({ name: 'failures_total', help: 'Failures', labelNames: [], registers: [registry] });
    expect(await registry.metrics()).toContain('failures_total 0');
    counter.inc();
    counter.inc();
    expect(await registry.metrics()).toContain('failures_total 2');
  });
});

it('series of what is there no more are dropped, those beside them stay, and one that comes back begins anew', async () => {
  const registry = new Registry();
  const histogram = histogramTally({ name: 'seconds', help: 'Seconds', labelNames, buckets, registers: [registry] });
  const counts = async () =>
    (await linesOf(registry)).filter((line) => line.startsWith('seconds_count')).map((line) => line.slice(13));
  histogram.observe({ method: 'GET', status: 200 }, 0.5);
  histogram.observe({ method: 'GET', status: 404 }, 0.5);
  histogram.observe({ method: 'POST', status: 200 }, 0.5);
  await counts();
  histogram.observe({ method: 'GET', status: 404 }, 0.5);
  histogram.keepOnly(({ method, status }) => method === 'GET' && status === 200);
  expect(await counts()).toEqual(['{method="GET",status="200"} 1']);
  histogram.observe({ method: 'GET', status: 200 }, 0.5);
  histogram.observe({ method: 'GET', status: 404 }, 0.5);
  expect(await counts()).toEqual(['{method="GET",status="200"} 2', '{method="GET",status="404"} 1']);
});
