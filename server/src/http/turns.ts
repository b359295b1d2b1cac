/**
 * Checks that take a while and of which only so many may fail: per key no more run at once than may still fail, the others
 * wait for them. Who is refused by counting alone would get in by asking at once as often as he likes.
 */
export interface Turns {
  /**
   * Resolves once a check may begin; call what it gives when the check has ended and, if it failed, was counted.
   *
   * @param left how many may still fail, at least 1; what it throws is thrown
   */
  take(key: string, left: () => number): Promise<() => void>;
}

interface Running {
  count: number;
  /** The next one ends; there once somebody waits for it. */
  ends?: PromiseWithResolvers<void> | undefined;
}

export function createTurns(): Turns {
  const keys = new Map<string, Running>();

  const begin = (key: string, running: Running): (() => void) => {
    running.count += 1;
    keys.set(key, running);
    return () => {
      running.count -= 1;
      if (running.count === 0) keys.delete(key);
      running.ends?.resolve();
      running.ends = undefined;
    };
  };

  return {
    async take(key, left) {
      for (;;) {
        const most = left();
        const running = keys.get(key);
        if (running === undefined) return begin(key, { count: 0 });
        if (running.count < most) return begin(key, running);
        running.ends ??= Promise.withResolvers();
        await running.ends.promise;
      }
    },
  };
}
