/** What the programs can be asked for, from the registries that they answer from. */
import { Registry } from 'prom-client';
import { createMetrics as createOperatorMetrics } from '../../operator/src/metrics.ts';
import { collectProcessMetrics, createMetrics as createServerMetrics } from '../../server/src/telemetry/metrics.ts';

export interface KnownMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly labels: readonly string[];
}

export type Program = 'server' | 'operator';

/** What every process of Node tells. */
export const isOfProcess = (name: string): boolean => /^(process|nodejs)_/.test(name);

/** Sorted by name; what every process of Node tells comes last. */
export function metricsOf(program: Program): readonly KnownMetric[] {
  const all = registries[program]()
    .getMetricsAsArray()
    .map(knownOf)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [...all.filter(({ name }) => !isOfProcess(name)), ...all.filter(({ name }) => isOfProcess(name))];
}

/** Names without those of every process, sorted. */
export const ownMetricsOf = (program: Program): readonly string[] =>
  metricsOf(program).flatMap(({ name }) => (isOfProcess(name) ? [] : [name]));

const registries: Readonly<Record<Program, () => Registry>> = {
  server() {
    const registry = new Registry();
    createServerMetrics(registry);
    collectProcessMetrics(registry);
    return registry;
  },
  operator() {
    const registry = new Registry();
    const facts = { version: '1.2.3', revision: 'abc', apiServer: 'https://10.96.0.1:443', leading: () => true };
    createOperatorMetrics({ ...facts, registry });
    return registry;
  },
};

const types = ['counter', 'gauge', 'histogram', 'summary'] as const;

/** The library's types leave labels out; its metrics have them, and without them there is nothing to compare with. */
function knownOf(metric: { readonly name: string; readonly help: string; readonly type: unknown }): KnownMetric {
  const type = types.find((one) => one === metric.type);
  if (type === undefined || !('labelNames' in metric) || !Array.isArray(metric.labelNames))
    throw new TypeError(`${metric.name}: the library of metrics has changed`);
  return { name: metric.name, type, help: metric.help, labels: metric.labelNames.map(String) };
}

/** The metrics of an answer to a scrape, sorted. */
export function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/^# TYPE (\S+) \S+$/gm)].map(([, name = '']) => name).toSorted();
}
