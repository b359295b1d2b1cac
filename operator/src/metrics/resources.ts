/**
 * How resources stand and how long it took until they were served. Counted as statuses are concluded: a scrape walks over
 * reasons and never over resources.
 */
import type { Condition, Kind } from '@nauthera/crds';
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Conclusion, ResourceCounts } from '../controllers/resource-counts.ts';
import { buckets } from './buckets.ts';

export function resourceCountsIn(registry: Registry): ResourceCounts {
  const standings = new Standings();
  const durations = new Durations(registry);
  new Gauge({
    name: 'nauthera_resources',
    help: 'Resources by how they stand',
    labelNames: ['kind', 'ready', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { kind, ready, reason, count } of standings.all()) this.set({ kind, ready, reason }, count);
    },
  });
  return {
    concluded(kind, key, conclusion) {
      const ready = conclusion.after.find(({ type }) => type === 'Ready');
      if (ready !== undefined) standings.put(kind, key, ready);
      durations.concluded(kind, key, conclusion);
    },
    gone(kind, key) {
      standings.drop(kind, key);
      durations.drop(kind, key);
    },
  };
}

interface Standing {
  readonly kind: Kind;
  readonly ready: string;
  readonly reason: string;
  count: number;
}

/** A resource costs a reference to the one object of all that stand alike. */
class Standings {
  readonly #kinds = new Map<string, Standing>();
  readonly #of = new Map<Kind, Map<string, Standing>>();

  put(kind: Kind, key: string, { status, reason }: Pick<Condition, 'status' | 'reason'>): void {
    const ready = status.toLowerCase();
    const id = `${kind}/${ready}/${reason}`;
    const before = this.#of.get(kind)?.get(key);
    const standing = this.#kinds.get(id) ?? { kind, ready, reason, count: 0 };
    if (before === standing) return;
    this.#leave(before);
    this.#kinds.set(id, standing);
    standing.count += 1;
    const resources = this.#of.get(kind) ?? new Map<string, Standing>();
    resources.set(key, standing);
    this.#of.set(kind, resources);
  }

  drop(kind: Kind, key: string): void {
    const resources = this.#of.get(kind);
    this.#leave(resources?.get(key));
    resources?.delete(key);
  }

  /** One that nobody stands in any more is told as 0. */
  all(): Iterable<Readonly<Standing>> {
    return this.#kinds.values();
  }

  #leave(standing: Standing | undefined): void {
    if (standing !== undefined) standing.count -= 1;
  }
}

/** From when a generation was heard of until every replica served it. What this process did not see begin is not told. */
class Durations {
  readonly #histogram: Histogram<'kind'>;
  /** Those that wait, and since when. */
  readonly #waiting = new Map<string, { readonly generation: number; readonly since: number }>();

  constructor(registry: Registry) {
    this.#histogram = new Histogram({
      name: 'nauthera_programmed_duration_seconds',
      help: 'From hearing of a generation until every replica serves it',
      labelNames: ['kind'],
      registers: [registry],
      buckets,
    });
  }

  concluded(kind: Kind, key: string, { generation, before, after, heardAt }: Conclusion): void {
    // An AuthorizationServer is no row that replicas wait for.
    if (kind === 'AuthorizationServer' || isProgrammed(before, generation)) return;
    const id = `${kind}/${key}`;
    const known = this.#waiting.get(id);
    const since = known?.generation === generation ? known.since : heardAt;
    if (!isProgrammed(after, generation)) {
      this.#waiting.set(id, { generation, since });
      return;
    }
    this.#waiting.delete(id);
    this.#histogram.observe({ kind }, (performance.now() - since) / 1000);
  }

  drop(kind: Kind, key: string): void {
    this.#waiting.delete(`${kind}/${key}`);
  }
}

function isProgrammed(conditions: readonly Condition[], generation: number): boolean {
  return conditions.some(
    ({ type, status, observedGeneration }) =>
      type === 'Programmed' && status === 'True' && observedGeneration === generation,
  );
}
