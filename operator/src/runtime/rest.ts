import type { Timers } from './queue.ts';

/** Resolves after `delay` milliseconds, or as soon as the signal is aborted. */
export function rest(timers: Timers, delay: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || delay <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = timers.after(delay, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
