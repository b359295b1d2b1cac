/** What the programs can be asked for, from the registries that they answer from. */
import { kindNames } from '@nauthera/crds';
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
    const { meter } = createOperatorMetrics({ ...facts, registry });
    for (const kind of kindNames) meter.queue(kind, { waiting: 0, active: [] }, 1);
    return registry;
  },
};

export interface ToldLabel {
  readonly metric: string;
  readonly label: string;
  /** In the order in which the program tells them. */
  readonly values: readonly string[];
}

/** Labels of which a process names values before anything happened, by metric; what every process tells is left out. */
export async function toldLabelsOf(program: Program): Promise<readonly ToldLabel[]> {
  const told = await registries[program]().getMetricsAsJSON();
  return metricsOf(program).flatMap(({ name, labels }) => {
    // What a build is called, and whom it asks, no page knows.
    if (isOfProcess(name) || name === 'nauthera_build_info') return [];
    const samples = told.find((one) => one.name === name)?.values ?? [];
    return labels.flatMap((label) => {
      const values = new Set(samples.map(({ labels: of }) => of[label]).filter((value) => value !== undefined));
      return values.size === 0 ? [] : [{ metric: name, label, values: [...values].map(String) }];
    });
  });
}

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
