/**
 * Metrics of the operator, under the names that dashboards for operators know where there are such names. No label holds a
 * resource, a namespace or free text.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { SecretCounts } from './controllers/client/secret-counts.ts';
import type { ResourceCounts } from './controllers/resource-counts.ts';
import { requestsIn, type WatchProblem, watchesIn } from './metrics/requests.ts';
import { resourceCountsIn } from './metrics/resources.ts';
import { secretCountsIn } from './metrics/secrets.ts';
import { meterIn } from './metrics/work.ts';
import { type WriteCounts, writeCountsIn } from './metrics/writes.ts';
import type { RequestFacts } from './runtime/kubernetes-client.ts';
import type { MetricsText } from './runtime/management.ts';
import type { Meter } from './runtime/meter.ts';
import type { Silences } from './runtime/silence.ts';

export interface MetricsOptions {
  readonly version: string;
  readonly revision: string;
  /** Of the API server, as a label. */
  readonly apiServer: string;
  /** Asked at each scrape. */
  readonly leading: () => boolean;
  /** Milliseconds since everything of a kind was heard of last, asked at each scrape. Default: nothing is watched. */
  readonly silences?: () => Silences;
  /** Where they are registered. Default: a registry of its own, so that several can run in one process. */
  readonly registry?: Registry;
}

/** What is told wherever resources come from. */
export interface ControllerMetrics {
  readonly meter: Meter;
  readonly secretCounts: SecretCounts;
  readonly resourceCounts: ResourceCounts;
  readonly writes: WriteCounts;
  /** @param object kind of what somebody else had changed or deleted */
  repaired(object: string): void;
}

export interface OperatorMetrics extends ControllerMetrics {
  readonly requested: (facts: RequestFacts) => void;
  readonly watchRestarted: (problem: WatchProblem) => void;
  text(): Promise<MetricsText>;
}

export function createMetrics(options: MetricsOptions): OperatorMetrics {
  const { version, revision, apiServer, leading, silences = () => ({}), registry = new Registry() } = options;
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'leader_election_master_status',
    help: 'Whether this process leads (1) or waits to (0)',
    labelNames: ['name'],
    registers: [registry],
    collect() {
      this.set({ name: 'nauthera-operator' }, leading() ? 1 : 0);
    },
  });
  return {
    ...createControllerMetrics(registry, { version, revision }),
    requested: requestsIn(registry, new URL(apiServer).host),
    watchRestarted: watchesIn(registry, silences),
    text: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}

/** @param registry may be that of a server in the same process: what both tell, they tell as one */
export function createControllerMetrics(
  registry: Registry,
  build: { readonly version: string; readonly revision: string },
): ControllerMetrics {
  tellBuild(registry, { component: 'operator', ...build });
  const repairs = new Counter({
    name: 'nauthera_drift_repairs_total',
    help: 'Objects that somebody else had changed or deleted, and that are as before again',
    labelNames: ['object'],
    registers: [registry],
  });
  return {
    meter: meterIn(registry),
    secretCounts: secretCountsIn(registry),
    resourceCounts: resourceCountsIn(registry),
    writes: writeCountsIn(registry),
    repaired: (object) => repairs.inc({ object }),
  };
}

function tellBuild(registry: Registry, labels: Readonly<Record<'component' | 'version' | 'revision', string>>): void {
  const name = 'nauthera_build_info';
  const known = registry.getSingleMetric(name);
  const gauge =
    known instanceof Gauge
      ? known
      : new Gauge({ name, help: 'What runs', labelNames: ['component', 'version', 'revision'], registers: [registry] });
  gauge.set(labels, 1);
}
