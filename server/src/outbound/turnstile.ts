/** Lets so many in at once per key; the others wait in the order in which they came. */
export interface Turnstile {
  /**
   * Resolves when there is room; call what it gives on leaving.
   *
   * @throws the signal's reason, when that comes first
   */
  enter(key: string, signal: AbortSignal): Promise<() => void>;
}

interface Place {
  inside: number;
  readonly waiting: Set<() => void>;
}

export function createTurnstile(room: number): Turnstile {
  const places = new Map<string, Place>();

  const leave = (key: string, place: Place): void => {
    place.inside -= 1;
    const [next] = place.waiting;
    if (next !== undefined) next();
    else if (place.inside === 0) places.delete(key);
  };
  const once = (work: () => void): (() => void) => {
    let done = false;
    return () => {
      if (!done) work();
      done = true;
    };
  };

  return {
    enter(key, signal) {
      const place = places.get(key) ?? { inside: 0, waiting: new Set() };
      places.set(key, place);
      return new Promise((resolve, reject) => {
        const admit = (): void => {
          place.waiting.delete(admit);
          signal.removeEventListener('abort', give);
          place.inside += 1;
          resolve(once(() => leave(key, place)));
        };
        const give = (): void => {
          place.waiting.delete(admit);
          reject(signal.reason as Error);
        };
        if (signal.aborted) return give();
        if (place.inside < room) return admit();
        place.waiting.add(admit);
        signal.addEventListener('abort', give, { once: true });
      });
    },
  };
}
