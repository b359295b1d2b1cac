/**
 * Counters and histograms for what happens at every request. The library builds a text of all labels each time; here each
 * combination of labels has a cell, and the library learns of its content when somebody asks for the metric.
 */
import {
  Counter,
  type CounterConfiguration,
  Histogram,
  type HistogramConfiguration,
  type MetricObjectWithValues,
  type MetricValueWithName,
} from 'prom-client';

export type Labels<L extends string> = Readonly<Partial<Record<L, string | number>>>;

export interface CounterTally<L extends string> {
  /** @param by default 1; 0 tells the series before anything was counted */
  inc(labels?: Labels<L>, by?: number): void;
}

export interface HistogramTally<L extends string> {
  observe(labels: Labels<L>, value: number): void;
  /** Drops the series of which `isKept` says no: what they tell of is there no more. */
  keepOnly(isKept: (labels: Labels<L>) => boolean): void;
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

/** Values by the smallest bound that they do not exceed; the last count is of those above all bounds. */
interface Spread {
  readonly counts: number[];
  sum: number;
}

export function histogramTally<L extends string>(configuration: TalliedConfiguration<L>): HistogramTally<L> {
  const { buckets } = configuration;
  const cells = new Cells<L, Spread>(configuration.labelNames ?? [], () => ({
    counts: Array.from({ length: buckets.length + 1 }, () => 0),
    sum: 0,
  }));
  void new TalliedHistogram(configuration, cells);
  return {
    observe(labels, value) {
      const cell = cells.of(labels);
      let place = 0;
      for (const bound of buckets) {
        if (value <= bound) break;
        place += 1;
      }
      cell.counts[place] = (cell.counts[place] ?? 0) + 1;
      cell.sum += value;
    },
    keepOnly: (isKept) => void cells.keepOnly(isKept),
  };
}

type TalliedConfiguration<L extends string> = HistogramConfiguration<L> & { readonly buckets: number[] };

/** The library's histogram, telling what is in the cells. */
class TalliedHistogram<L extends string> extends Histogram<L> {
  readonly #name: string;
  readonly #buckets: readonly number[];
  readonly #cells: Cells<L, Spread>;
  /** Says all but the values. */
  readonly #frame: Histogram<L>;

  constructor(configuration: TalliedConfiguration<L>, cells: Cells<L, Spread>) {
    super(configuration);
    this.#frame = new Histogram({ ...configuration, registers: [] });
    this.#name = configuration.name;
    this.#buckets = configuration.buckets;
    this.#cells = cells;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<L>>> {
    const values: MetricValueWithName<L>[] = [];
    this.#cells.each((labels, cell) => {
      if (labels !== undefined) values.push(...this.#told(labels, cell));
    });
    return { ...(await this.#frame.get()), values };
  }

  /** What the library asks in the place of {@link get} for its text. */
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<L>>> {
    return this.get();
  }

  #told(labels: Labels<L>, { counts, sum }: Spread): MetricValueWithName<L>[] {
    const name = this.#name;
    let count = 0;
    const below = [...this.#buckets, '+Inf'].map((le, place) => {
      count += counts[place] ?? 0;
      return { labels: { le, ...labels }, value: count, metricName: `${name}_bucket` };
    });
    return [
      ...below,
      { labels, value: sum, metricName: `${name}_sum` },
      { labels, value: count, metricName: `${name}_count` },
    ];
  }
}

type Branch<C> = Map<string | number | undefined, Branch<C> | C>;

/** One cell for each combination of labels, in maps of maps. */
class Cells<L extends string, C extends object> {
  readonly #names: readonly (L | '')[];
  readonly #make: () => C;
  readonly #root: Branch<C> = new Map();
  #all: { readonly labels: Labels<L> | undefined; readonly cell: C }[] = [];

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

  /** Those that are gone. */
  keepOnly(isKept: (labels: Labels<L>) => boolean): readonly Labels<L>[] {
    const gone = this.#all.flatMap(({ labels }) => (labels === undefined || isKept(labels) ? [] : [labels]));
    if (gone.length === 0) return gone;
    this.#all = this.#all.filter(({ labels }) => labels === undefined || !gone.includes(labels));
    for (const labels of gone) {
      const values = this.#names.map((name) => valueOf(labels, name));
      let branch: Branch<C> | C | undefined = this.#root;
      for (const value of values.slice(0, -1)) branch = branch instanceof Map ? branch.get(value) : undefined;
      if (branch instanceof Map) branch.delete(values.at(-1));
    }
    return gone;
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
