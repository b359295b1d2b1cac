import { defineConfig } from 'vitest/config';

const layer = (name: string, include: string[], testTimeout: number, more: Record<string, unknown> = {}) => ({
  // Whatever is waited for without a time of its own: long enough for a machine whose cores do other work too.
  test: { name, include, testTimeout, hookTimeout: 120_000, expect: { poll: { timeout: 15_000 } }, ...more },
});

export default defineConfig({
  test: {
    projects: [
      layer('unit', ['unit/**/*.test.ts', 'rules/**/*.test.ts'], 20_000),
      layer('registry', ['ports/**/*.test.ts'], 60_000),
      layer('flows', ['flows/**/*.test.ts'], 120_000),
      // A control plane of its own for each file: slow where the cores do other work too.
      layer('cluster', ['cluster/**/*.test.ts'], 300_000, {
        hookTimeout: 300_000,
        globalSetup: ['support/kube-setup.ts'],
      }),
      layer('browser', ['browser/**/*.test.ts'], 120_000),
      layer('demo', ['demo/**/*.test.ts'], 300_000),
      layer('e2e', ['e2e/**/*.test.ts'], 600_000, { hookTimeout: 900_000, globalSetup: ['e2e/setup.ts'] }),
    ],
  },
});
