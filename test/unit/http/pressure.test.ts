import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Pressure, watchPressure } from '../../../server/src/http/pressure.ts';

let pressure: Pressure | undefined;
afterEach(() => pressure?.stop());

/** Holds the event loop, as work that never yields would. */
function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) continue;
}

describe('F28, F48: an event loop that is late', () => {
  it('is noticed when it stays so, and forgiven when it does not', async () => {
    // Far above what a machine is late that does other work, too.
    pressure = watchPressure({ maxDelay: 150, samples: 3 });
    expect(pressure.isHigh()).toBe(false);
    for (let round = 0; round < 40 && !pressure.isHigh(); round += 1) {
      block(400);
      await nextTurn();
    }
    expect(pressure.isHigh()).toBe(true);
    await expect.poll(() => pressure?.isHigh(), { interval: 20 }).toBe(false);
  });

  it('one long turn sheds nobody', async () => {
    pressure = watchPressure({ maxDelay: 40, samples: 1000 });
    block(400);
    await nextTurn();
    expect(pressure.isHigh()).toBe(false);
  });
});
