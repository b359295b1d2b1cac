/**
 * Counters and histograms for what happens at every request. The library builds a text of all labels each time; here each
 * combination of labels has a cell, and the library learns of its content when somebody asks for the metric.
 */
import { Counter, type CounterConfiguration, Histogram, type HistogramConfiguration } from 'prom-client';

export type Labels<L extends string> = Readonly<Partial<Record<L, string | number>>>;

export interface CounterTally<L extends string> {
  /** @param by default 1; 0 tells the series before anything was counted */
  inc(labels?: Labels<L>, by?: number): void;
}

export interface HistogramTally<L extends string> {
  observe(labels: Labels<L>, value: number): void;
}

export function counterTally<L extends string>(configuration: CounterConfiguration<L>): CounterTally<L> {
  const cells = new Cells<L, { count: number }>(configuration.labelNames ?? [], () => ({ count: 0 }));
  const counter = new Counter({
    ...configuration,
    collect: () =>
      cells.each((labels, cell) => {
        if (labels === undefined) counter.inc(cell.count);
        else counter.inc(labels, cell.count);
        cell.count = 0;
      }),
  });
  return {
    inc: (labels, by = 1) => {
      cells.of(labels).count += by;
    },
  };
}

/** Values of one cell that are kept before the library sorts them into its buckets. */
const kept = 1024;

export function histogramTally<L extends string>(configuration: HistogramConfiguration<L>): HistogramTally<L> {
  const cells = new Cells<L, { readonly values: number[] }>(configuration.labelNames ?? [], () => ({ values: [] }));
  const tell = (labels: Labels<L> | undefined, values: number[]): void => {
    if (labels !== undefined) for (const value of values) histogram.observe(labels, value);
    values.length = 0;
  };
  const histogram = new Histogram({
    ...configuration,
    collect: () => cells.each((labels, { values }) => tell(labels, values)),
  });
  return {
    observe(labels, value) {
      const { values } = cells.of(labels);
      values.push(value);
      if (values.length === kept) tell(labels, values);
    },
  };
}

type Branch<C> = Map<string | number | undefined, Branch<C> | C>;

/** One cell for each combination of labels, in maps of maps. */
class Cells<L extends string, C extends object> {
  readonly #names: readonly (L | '')[];
  readonly #make: () => C;
  readonly #root: Branch<C> = new Map();
  readonly #all: { readonly labels: Labels<L> | undefined; readonly cell: C }[] = [];

  constructor(names: readonly L[], make: () => C) {
    this.#names = names.length === 0 ? [''] : names;
    this.#make = make;
  }

  of(labels: Labels<L> | undefined): C {
    let at: Branch<C> | C | undefined = this.#root;
    for (const name of this.#names) at = at instanceof Map ? at.get(valueOf(labels, name)) : undefined;
    return at === undefined || at instanceof Map ? this.#add(labels) : at;
  }

  each(visit: (labels: Labels<L> | undefined, cell: C) => void): void {
    for (const { labels, cell } of this.#all) visit(labels, cell);
  }

  #add(labels: Labels<L> | undefined): C {
    const cell = this.#make();
    const values = this.#names.map((name) => valueOf(labels, name));
    let branch = this.#root;
    for (const value of values.slice(0, -1)) {
      const next = branch.get(value);
      const deeper: Branch<C> = next instanceof Map ? next : new Map();
      branch.set(value, deeper);
      branch = deeper;
    }
    branch.set(values.at(-1), cell);
    this.#all.push({ labels, cell });
    return cell;
  }
}

function valueOf<L extends string>(labels: Labels<L> | undefined, name: L | ''): string | number | undefined {
  return name === '' || labels === undefined ? undefined : labels[name];
}
