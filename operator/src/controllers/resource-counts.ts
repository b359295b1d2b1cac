/** What is counted about resources, where somebody counts. */
import type { Condition, Kind } from '@nauthera/crds';

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
