/**
 * How long something has been waited for: by a clock that nobody can set, from when this process first met it. Whoever puts the
 * time forward ends no patience; a process that starts begins again.
 */
export class Patience {
  readonly #began = new Map<string, { readonly uid: string; readonly at: number }>();
  readonly #now: () => number;

  /** @param now milliseconds; only differences count */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds since the first time for that `uid`; that time 0. */
  waited(key: string, uid: string): number {
    const now = this.#now();
    const found = this.#began.get(key);
    const at = found?.uid === uid ? found.at : now;
    if (found?.at !== at || found.uid !== uid) this.#began.set(key, { uid, at });
    return now - at;
  }

  /** It came, or nobody waits any more. */
  over(key: string): void {
    this.#began.delete(key);
  }
}
