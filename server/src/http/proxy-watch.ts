/** Whether requests come through a proxy that is not trusted, so that its owner learns why addresses are unknown. */
export interface ProxyWatch {
  count(untrustedProxy: boolean): void;
  /**
   * Most requests of the last minutes were forwarded by peers that are not trusted. One that anybody sends with such a
   * header says nothing, and while nobody comes nothing is learnt.
   */
  isUntrusted(): boolean;
  /** Begins anew: what is trusted has changed. */
  forget(): void;
}

/** Milliseconds that a window lasts; the last full one counts beside the one that runs. */
const window = 120_000;

interface Tally {
  all: number;
  untrusted: number;
}

const nobody = (): Tally => ({ all: 0, untrusted: 0 });

/** @param now milliseconds, never going backwards */
export function createProxyWatch(now: () => number): ProxyWatch {
  let began = now();
  let before = nobody();
  let running = nobody();
  let verdict = false;

  const turn = (): void => {
    const passed = Math.floor((now() - began) / window);
    if (passed === 0) return;
    before = passed === 1 ? running : nobody();
    running = nobody();
    began += passed * window;
  };

  return {
    count(untrustedProxy) {
      turn();
      running.all += 1;
      if (untrustedProxy) running.untrusted += 1;
    },
    isUntrusted() {
      turn();
      const all = before.all + running.all;
      if (all > 0) verdict = (before.untrusted + running.untrusted) * 2 > all;
      return verdict;
    },
    forget() {
      began = now();
      before = nobody();
      running = nobody();
      verdict = false;
    },
  };
}
