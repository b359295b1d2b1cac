import { setTimeout as sleep } from 'node:timers/promises';

/** A machine that is too busy says 503 and does nothing: then once more, as a client does, for a minute. */
export async function unlessBusy<T extends { readonly status: number }>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + 60_000; ; ) {
    const answer = await ask();
    if (answer.status !== 503 || performance.now() > deadline) return answer;
    await sleep(100);
  }
}
