/** A clock of servers that a test moves for the time of one act: a page was opened long ago, and the form comes now. */
import { expect } from 'vitest';
import { systemClock } from '../../server/src/keys/key-set.ts';
import { type Clock, epochSeconds } from '../../server/src/protocol/time.ts';
import type { World } from './world.ts';

const mostTries = 20;

export class MovedClock {
  #ahead = 0;
  readonly clock: Clock = { now: () => epochSeconds(systemClock.now() + this.#ahead) };

  /**
   * @param world its servers have this clock.
   * @param act moves the clock ahead of the database's by so many seconds, until the act is over. It is done again from its
   *   beginning if a server looked at its keys meanwhile: such a one sees that its clock is wrong and stops serving, as it
   *   should, and what came of the act says nothing.
   */
  async during<T>(world: World, act: (move: (ahead: number) => void) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const [outcome] = await Promise.allSettled([act((ahead) => (this.#ahead = ahead))]);
      const undisturbed = await isServing(world);
      this.#ahead = 0;
      if (undisturbed || tries === mostTries) {
        if (outcome.status === 'rejected') throw outcome.reason;
        return outcome.value;
      }
      await expect.poll(() => isServing(world), { timeout: 60_000 }).toBe(true);
    }
  }
}

async function isServing({ servers }: World): Promise<boolean> {
  const answers = await Promise.all(servers.map(({ managementUrl }) => fetch(`${managementUrl}/readyz`)));
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  return answers.every(({ ok }) => ok);
}
