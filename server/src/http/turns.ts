/**
 * Checks of which only so many may fail: per key no more run at once than may still fail, the others wait for them. Who is
 * refused by counting alone would get in by asking at once as often as he likes.
 */
export interface Turns {
  /**
   * Begins a check once it may. One that is over when it returns takes no turn: nothing else can run meanwhile.
   *
   * @param left how many may still fail, at least 1; what it throws is thrown
   * @param check counts its failure before it is over
   */
  take<T>(key: string, left: () => number, check: () => T | Promise<T>): T | Promise<T>;
  /** No check is running. */
  isIdle(): boolean;
}

interface Running {
  count: number;
  /** The next one ends; there once somebody waits for it. */
  ends?: PromiseWithResolvers<void> | undefined;
}

export function createTurns(): Turns {
  const keys = new Map<string, Running>();

  const during = async <T>(key: string, check: Promise<T>): Promise<T> => {
    const running = keys.get(key) ?? { count: 0 };
    running.count += 1;
    keys.set(key, running);
    try {
      return await check;
    } finally {
      running.count -= 1;
      if (running.count === 0) keys.delete(key);
      running.ends?.resolve();
      running.ends = undefined;
    }
  };

  const begin = <T>(key: string, check: () => T | Promise<T>): T | Promise<T> => {
    const result = check();
    return result instanceof Promise ? during(key, result) : result;
  };

  const take: Turns['take'] = (key, left, check) => {
    const running = keys.get(key);
    if (left() > (running?.count ?? 0) || running === undefined) return begin(key, check);
    running.ends ??= Promise.withResolvers();
    return running.ends.promise.then(() => take(key, left, check));
  };
  return { take, isIdle: () => keys.size === 0 };
}
