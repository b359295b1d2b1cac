/** Queues and passes, under the names that dashboards for operators know. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Meter, QueueView } from '../runtime/meter.ts';
import { buckets } from './buckets.ts';

const labelNames = ['controller'] as const;
const named = ['name', 'controller'] as const;
/** `requeue` is among the results that dashboards know; a pass of ours never asks for it. */
const results = ['success', 'error', 'requeue', 'requeue_after'] as const;

export function meterIn(registry: Registry): Meter {
  const registers = [registry];
  const histogram = <L extends string>(name: string, help: string, names: readonly L[]): Histogram<L> =>
    new Histogram({ name, help, labelNames: names, registers, buckets });
  const counter = <L extends string>(name: string, help: string, names: readonly L[]): Counter<L> =>
    new Counter({ name, help, labelNames: names, registers });
  const reconciles = counter('controller_runtime_reconcile_total', 'Passes over a resource', ['controller', 'result']);
  const errors = counter('controller_runtime_reconcile_errors_total', 'Passes that failed', labelNames);
  const duration = histogram('controller_runtime_reconcile_time_seconds', 'Duration of passes', labelNames);
  const adds = counter('workqueue_adds_total', 'Resources that began to wait for a worker', named);
  const waited = histogram('workqueue_queue_duration_seconds', 'How long resources waited for a worker', named);
  const worked = histogram('workqueue_work_duration_seconds', 'How long a worker had a resource', named);
  const putOffs = counter('workqueue_retries_total', 'Resources that were put off until later', named);
  const queues = queuesIn(registry);
  return {
    queue(controller, queue, workers) {
      queues.set(controller, { queue, workers });
      // Told as 0 before the first: a rate needs where it began.
      adds.inc({ name: controller, controller }, 0);
      putOffs.inc({ name: controller, controller }, 0);
      errors.inc({ controller }, 0);
      for (const result of results) reconciles.inc({ controller, result }, 0);
    },
    added: (controller) => adds.inc({ name: controller, controller }),
    taken: (controller, milliseconds) => waited.observe({ name: controller, controller }, milliseconds / 1000),
    given: (controller, milliseconds) => worked.observe({ name: controller, controller }, milliseconds / 1000),
    putOff: (controller) => putOffs.inc({ name: controller, controller }),
    reconciled(controller, result, milliseconds) {
      reconciles.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      duration.observe({ controller }, milliseconds / 1000);
    },
  };
}

interface Worked {
  readonly queue: QueueView;
  readonly workers: number;
}

/** What queues are like at the moment of a scrape. */
function queuesIn(registry: Registry): Map<string, Worked> {
  const queues = new Map<string, Worked>();
  const gauge = (name: string, help: string, value: (worked: Worked) => number): Gauge<'name' | 'controller'> =>
    new Gauge({
      name,
      help,
      labelNames: name.startsWith('workqueue_') ? named : labelNames,
      registers: [registry],
      collect() {
        for (const [controller, worked] of queues) {
          const labels = name.startsWith('workqueue_') ? { name: controller, controller } : { controller };
          this.set(labels, value(worked));
        }
      },
    });
  const seconds = ({ queue }: Worked): readonly number[] => queue.active.map((milliseconds) => milliseconds / 1000);
  gauge('workqueue_depth', 'Resources that wait for a worker', ({ queue }) => queue.waiting);
  gauge('workqueue_unfinished_work_seconds', 'How long workers have had what they work on, in all', (worked) =>
    seconds(worked).reduce((sum, one) => sum + one, 0),
  );
  gauge('workqueue_longest_running_processor_seconds', 'How long the slowest worker has had its resource', (worked) =>
    Math.max(0, ...seconds(worked)),
  );
  gauge('controller_runtime_active_workers', 'Workers that have a resource', ({ queue }) => queue.active.length);
  gauge('controller_runtime_max_concurrent_reconciles', 'Workers', ({ workers }) => workers);
  return queues;
}
