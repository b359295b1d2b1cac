/** Queues and passes, under the names that dashboards for operators know. */
import { type Registry } from 'prom-client';
import type { PassResult } from '../runtime/controller.ts';
import type { WorkQueue } from '../runtime/queue.ts';
/** How the work of controllers goes. */
export interface Meter {
  /** Once for each controller, before it works. */
  queue(controller: string, queue: QueueView, workers: number): void;
  added(controller: string): void;
  /** @param waited milliseconds that it waited for a worker */
  taken(controller: string, waited: number): void;
  /** @param worked milliseconds that a worker had it */
  given(controller: string, worked: number): void;
  /** It comes again later, after a failure or because it was asked to. */
  putOff(controller: string): void;
  reconciled(controller: string, result: PassResult, milliseconds: number): void;
}
/** Asked at each scrape. */
export type QueueView = Pick<WorkQueue, 'waiting' | 'active'>;
export declare function meterIn(registry: Registry): Meter;
