/**
 * For server processes of tests that are not about load: their event loop never counts as late. A machine that does much else
 * stands still now and then, and a request that is shed because of that says nothing about what the test asks.
 */
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);

/** Options of Node.js that load this before the program. */
export const calm: readonly string[] = ['--import', self];

/** In the process that was started so, and in no other one. */
if (process.execArgv.includes(self)) {
  const builtin = process.getBuiltinModule('node:perf_hooks');
  const measure = builtin.monitorEventLoopDelay;
  builtin.monitorEventLoopDelay = (options) =>
    new Proxy(measure(options), {
      get(histogram, name) {
        if (name === 'mean') return 0;
        if (name === 'count') return 1;
        const value: unknown = Reflect.get(histogram, name, histogram);
        return typeof value === 'function' ? (value.bind(histogram) as unknown) : value;
      },
    });
  syncBuiltinESMExports();
}
