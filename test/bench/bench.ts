/** What a bench is. */
import type { Method, Outcome, Row, Target } from './measure.ts';
import type { Stage } from './stage.ts';

export interface Options {
  /** The peer is installed and measured beside us. */
  readonly peer: boolean;
  /** As few resources and requests as possible: only the form of the output is looked at. */
  readonly quick: boolean;
}

export interface Prepared {
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
}

export interface Bench {
  readonly name: string;
  /** What one operation is, in a sentence. */
  readonly about: string;
  prepare(stage: Stage, options: Options): Promise<Prepared>;
  /** Left out: {@link prepare}'s rows, interleaved. */
  readonly run?: (stage: Stage, options: Options, method: Method) => Promise<Outcome>;
}

/** Targets whose rows are there: without the peer its targets are not asked. */
export function among(rows: readonly Row[], targets: readonly Target[]): readonly Target[] {
  const names = new Set(rows.map(({ name }) => name));
  for (const { ceiling } of targets)
    if (ceiling !== undefined && !names.has(ceiling)) throw new Error(`no row ${ceiling}`);
  return targets.filter(({ row, of, perSecond }) => names.has(row) && (perSecond !== undefined || names.has(of)));
}
