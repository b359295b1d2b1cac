/** Whether the event loop is late: second line behind the counters of `admission.ts`. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Pressure {
  isHigh(): boolean;
  stop(): void;
}

export interface PressureOptions {
  /**
   * Mean delay in milliseconds above which a sample counts as late; default 250: a process that shares its cores is late by
   * 100 although it has little to do.
   */
  readonly maxDelay?: number;
  /** Samples in a row (100 ms each) that must be late, so that one long garbage collection sheds nobody; default 10. */
  readonly samples?: number;
}

const resolution = 10;

export function watchPressure({ maxDelay = 250, samples = 10 }: PressureOptions = {}): Pressure {
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  let late = 0;
  const timer = setInterval(() => {
    // No value at all: the loop did not come round once.
    const delay = histogram.count === 0 ? Number.POSITIVE_INFINITY : histogram.mean / 1e6 - resolution;
    late = delay > maxDelay ? late + 1 : 0;
    histogram.reset();
  }, 100).unref();
  return {
    isHigh: () => late >= samples,
    stop() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
