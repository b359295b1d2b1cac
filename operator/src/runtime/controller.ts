/** Workers on a queue. A reconcile reads the world and makes it so; what it returns decides when its key comes again. */
import { newPass, type Pass } from './pass.ts';
import type { WorkQueue } from './queue.ts';

/**
 * `done`: as it should be; looked at again after `resyncAfter` if given. `waiting`: something else must happen first and
 * will bring the key back by itself; `lookAgainAfter` for what nobody announces. A failure is thrown: back-off.
 * A user's mistake is `waiting`, not a failure. Delays in milliseconds.
 */
export type Outcome =
  | { readonly outcome: 'done'; readonly resyncAfter?: number }
  | { readonly outcome: 'waiting'; readonly on: string; readonly lookAgainAfter?: number };

/** How a pass ended, in the words of other operators' metrics. */
export type PassResult = 'success' | 'error' | 'requeue_after';

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Keys worked on at once. Default 10. */
  readonly workers?: number;
  reconcile(key: string, pass: Pass): Promise<Outcome>;
  onFailure(failure: {
    readonly controller: string;
    readonly key: string;
    readonly error: unknown;
    readonly retryIn: number;
    readonly pass: Pass;
  }): void;
  /** Told of each pass. Must not throw. */
  onPass?(result: PassResult, milliseconds: number): void;
}

export interface Controller {
  /** Takes no further key; resolves when running reconciles have ended. */
  stop(): Promise<void>;
}

export function startController(options: ControllerOptions): Controller {
  const { queue } = options;
  const work = async (): Promise<void> => {
    for (;;) {
      const key = await queue.take();
      if (key === null) return;
      await reconcileOnce(options, key);
    }
  };
  const workers = Array.from({ length: options.workers ?? 10 }, work);
  return {
    async stop() {
      await queue.stop();
      await Promise.all(workers);
    },
  };
}

async function reconcileOnce(options: ControllerOptions, key: string): Promise<void> {
  const { queue } = options;
  const began = performance.now();
  const pass = newPass();
  let result: Outcome;
  try {
    result = await options.reconcile(key, pass);
  } catch (error) {
    const retryIn = queue.failed(key);
    options.onPass?.('error', performance.now() - began);
    options.onFailure({ controller: options.name, key, error, retryIn, pass });
    return;
  }
  queue.done(key);
  const delay = result.outcome === 'done' ? result.resyncAfter : result.lookAgainAfter;
  options.onPass?.(delay === undefined ? 'success' : 'requeue_after', performance.now() - began);
  if (delay !== undefined) queue.addAfter(key, delay, 'resync');
}
