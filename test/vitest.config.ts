import { defineConfig } from 'vitest/config';

// Limits of what waits for an event and hangs: long enough for a machine whose cores do other work too, and of a test the
// sum of all that it waits for.
const layer = (name: string, include: string[], testTimeout: number, more: Record<string, unknown> = {}) => ({
  test: { name, include, testTimeout, hookTimeout: 300_000, expect: { poll: { timeout: 60_000 } }, ...more },
});

export default defineConfig({
  test: {
    projects: [
      layer('unit', ['unit/**/*.test.ts', 'rules/**/*.test.ts'], 90_000),
      layer('registry', ['ports/**/*.test.ts'], 120_000),
      layer('flows', ['flows/**/*.test.ts'], 240_000),
      // A control plane of its own for each file: slow where the cores do other work too.
      layer('cluster', ['cluster/**/*.test.ts'], 600_000, {
        hookTimeout: 600_000,
        globalSetup: ['support/kube-setup.ts'],
      }),
      layer('browser', ['browser/**/*.test.ts'], 300_000),
      layer('demo', ['demo/**/*.test.ts'], 600_000, { hookTimeout: 600_000 }),
      layer('e2e', ['e2e/**/*.test.ts'], 1_200_000, { hookTimeout: 1_200_000, globalSetup: ['e2e/setup.ts'] }),
    ],
  },
});
