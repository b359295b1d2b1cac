/** Memory of the process. */
import { createHook } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives back what is not needed any more: some milliseconds for each ten megabytes that stay. What loading leaves behind is
 * as much as what it loaded, and the runtime would keep it until it needs the room.
 */
export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: object) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/**
 * Keeps one object of the queue of `process.nextTick` for ever; to be called before much else runs. Its shape is otherwise
 * forgotten by the first collection of garbage that finds the queue empty, and whoever makes the next one has learned the
 * forgotten shape: from then on each takes the engine's slow path, seven times as long, five times a request.
 */
export function keepShapeOfTicks(): object | undefined {
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TickObject') tick = resource;
    },
  }).enable();
  process.nextTick(() => undefined);
  hook.disable();
  return tick;
}

let tick: object | undefined;
