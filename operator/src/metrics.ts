/**
 * Metrics of the operator, under the names that dashboards for operators know where there are such names. No label holds a
 * resource, a namespace or free text.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Meter } from './app.ts';
import type { SecretCounts } from './controllers/client/secret-counts.ts';
import type { RequestFacts } from './runtime/kubernetes-client.ts';
import type { MetricsText } from './runtime/management.ts';

export interface MetricsOptions {
  readonly version: string;
  readonly revision: string;
  /** Of the API server, as a label. */
  readonly apiServer: string;
  /** Asked at each scrape. */
  readonly leading: () => boolean;
  /** Where they are registered. Default: a registry of its own, so that several can run in one process. */
  readonly registry?: Registry;
}

export interface OperatorMetrics {
  readonly meter: Meter;
  readonly secretCounts: SecretCounts;
  readonly requested: (facts: RequestFacts) => void;
  /** @param object kind of what somebody else had changed or deleted */
  repaired(object: string): void;
  text(): Promise<MetricsText>;
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createMetrics(options: MetricsOptions): OperatorMetrics {
  const { version, revision, apiServer, leading, registry = new Registry() } = options;
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'nauthera_build_info',
    help: 'What runs',
    labelNames: ['component', 'version', 'revision'],
    registers,
  }).set({ component: 'operator', version, revision }, 1);
  new Gauge({
    name: 'leader_election_master_status',
    help: 'Whether this process leads (1) or waits to (0)',
    labelNames: ['name'],
    registers,
    collect() {
      this.set({ name: 'nauthera-operator' }, leading() ? 1 : 0);
    },
  });
  const repairs = new Counter({
    name: 'nauthera_drift_repairs_total',
    help: 'Objects that somebody else had changed or deleted, and that are as before again',
    labelNames: ['object'],
    registers,
  });
  return {
    meter: meterIn(registry),
    secretCounts: secretCountsIn(registry),
    requested: requestsIn(registry, new URL(apiServer).host),
    repaired: (object) => repairs.inc({ object }),
    text: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}

function meterIn(registry: Registry): Meter {
  const registers = [registry];
  const labelNames = ['controller'] as const;
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Passes over a resource',
    labelNames: ['controller', 'result'],
    registers,
  });
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Passes that failed',
    labelNames,
    registers,
  });
  const duration = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Duration of passes',
    labelNames,
    registers,
    buckets,
  });
  const named = ['name', 'controller'] as const;
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Resources that began to wait for a worker',
    labelNames: named,
    registers,
  });
  const queues = new Map<string, () => number>();
  new Gauge({
    name: 'workqueue_depth',
    help: 'Resources that wait for a worker',
    labelNames: named,
    registers,
    collect() {
      for (const [controller, waiting] of queues) this.set({ name: controller, controller }, waiting());
    },
  });
  return {
    queue(controller, waiting) {
      queues.set(controller, waiting);
      // Told as 0 before the first: a rate needs where it began.
      adds.inc({ name: controller, controller }, 0);
      errors.inc({ controller }, 0);
    },
    added: (controller) => adds.inc({ name: controller, controller }),
    reconciled(controller, result, milliseconds) {
      reconciles.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      duration.observe({ controller }, milliseconds / 1000);
    },
  };
}

function secretCountsIn(registry: Registry): SecretCounts {
  const registers = [registry];
  const rotations = new Counter({
    name: 'nauthera_secret_rotations_total',
    help: 'Secrets of Clients that were replaced, made anew or retired',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['rotated', 'recreated', 'retired'] as const) rotations.inc({ outcome }, 0);
  const blocked = new Set<string>();
  new Gauge({
    name: 'nauthera_secret_rotations_blocked',
    help: 'Clients whose rotation is kept from its end',
    registers,
    collect() {
      this.set(blocked.size);
    },
  });
  return {
    rotation: (outcome) => rotations.inc({ outcome }),
    blocked(uid, isBlocked) {
      if (isBlocked) blocked.add(uid);
      else blocked.delete(uid);
    },
  };
}

function requestsIn(registry: Registry, host: string): OperatorMetrics['requested'] {
  const registers = [registry];
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server',
    labelNames: ['code', 'method', 'host'],
    registers,
  });
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Duration of requests to the API server; of a watch until its answer begins',
    labelNames: ['verb', 'host'],
    registers,
    buckets,
  });
  return ({ method, status, milliseconds }) => {
    // As clients of Go say it that got no answer.
    requests.inc({ code: status === 0 ? '<error>' : String(status), method, host });
    duration.observe({ verb: method, host }, milliseconds / 1000);
  };
}
