/**
 * How resources stand and how long it took until they were served. Counted as statuses are concluded: a scrape walks over
 * reasons and never over resources.
 */
import type { Condition, Kind } from '@nauthera/crds';
import { type Registry } from 'prom-client';
/** What a pass has concluded about a resource. */
export interface Conclusion {
  readonly generation: number;
  readonly before: readonly Condition[];
  readonly after: readonly Condition[];
  /** `performance.now()` when what led to the pass was heard. */
  readonly heardAt: number;
}
export interface ResourceCounts {
  /** @param key `<namespace>/<name>` */
  concluded(kind: Kind, key: string, conclusion: Conclusion): void;
  /** It is no more. */
  gone(kind: Kind, key: string): void;
}
export declare function resourceCountsIn(registry: Registry): ResourceCounts;
