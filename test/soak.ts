/** `npm run soak`: cluster/soak.test.ts for SOAK_MINUTES (default 30), at full load; a run is repeated with SOAK_SEED. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', '--project=cluster', 'cluster/soak'], {
  cwd: import.meta.dirname,
  env: { ...process.env, SOAK_MINUTES: process.env.SOAK_MINUTES ?? '30' },
  stdio: 'inherit',
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
