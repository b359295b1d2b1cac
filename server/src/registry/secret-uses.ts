/**
 * When secrets that are no longer the current ones were used, until the heartbeat has written it down. Nothing is kept of a
 * client that has one secret.
 */
export interface SecretUses {
  /** A client authenticated with the secret of this digest, which is not its current one. */
  note(digest: string): void;
  /** What is not written yet, those first that wait the longest. */
  take(): TakenUses;
}

export interface TakenUses {
  readonly rows: readonly {
    readonly digest: string;
    /** Seconds since the last use. */
    readonly ago: number;
  }[];
  /** Seconds since the oldest use that is not among the rows; `null`: all are. */
  readonly untoldFor: number | null;
  /** They are written. */
  done(this: void): void;
}

/** Most rows that one report carries. */
const most = 1_000;

interface Use {
  /** Of the first one that is not written. */
  readonly since: number;
  readonly last: number;
}

/** @param now milliseconds, never going backwards */
export function createSecretUses(now: () => number = () => performance.now()): SecretUses {
  const uses = new Map<string, Use>();
  return {
    note(digest) {
      const at = now();
      uses.set(digest, { since: uses.get(digest)?.since ?? at, last: at });
    },
    take() {
      const at = now();
      // In the order of their first use: a key that is set again keeps its place.
      const waiting = [...uses];
      const taken = waiting.slice(0, most);
      const [, oldest] = waiting[most] ?? [];
      return {
        // Two replicas that write the same rows in two orders would wait for each other.
        rows: taken
          .map(([digest, { last }]) => ({ digest, ago: (at - last) / 1000 }))
          .sort((one, other) => (one.digest < other.digest ? -1 : 1)),
        untoldFor: oldest === undefined ? null : (at - oldest.since) / 1000,
        done() {
          for (const [digest, { last }] of taken) {
            const use = uses.get(digest);
            if (use === undefined) continue;
            uses.delete(digest);
            if (use.last > last) uses.set(digest, { since: last, last: use.last });
          }
        },
      };
    },
  };
}
