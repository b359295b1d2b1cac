/**
 * `npm run check`: everything about the sources that needs no server, side by side, one line each. Exit code 1 when one fails.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const checks: readonly { name: string; command: readonly string[]; repair: string }[] = [
  { name: 'types', command: ['tsc', '-b'], repair: 'npm run types' },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'], repair: 'npm run lint' },
  { name: 'format', command: ['biome', 'check', '.'], repair: 'npx biome check --write .' },
  { name: 'generated: crds', command: ['node', 'crds/src/generate.ts', '--check'], repair: 'npm run gen' },
  { name: 'generated: chart', command: ['node', 'charts/generate/main.ts', '--check'], repair: 'npm run gen' },
  {
    name: 'generated: server settings',
    command: ['node', 'server/src/config/generate.ts', '--check'],
    repair: 'npm run gen',
  },
  {
    name: 'generated: logs',
    command: ['node', 'server/src/telemetry/logs-document.ts', '--check'],
    repair: 'npm run gen',
  },
  {
    name: 'generated: audit',
    command: ['node', 'server/src/telemetry/audit-document.ts', '--check'],
    repair: 'npm run gen',
  },
  {
    name: 'generated: operator settings',
    command: ['node', 'operator/src/generate.ts', '--check'],
    repair: 'npm run gen',
  },
  { name: 'generated: metrics', command: ['node', 'test/monitoring/generate.ts', '--check'], repair: 'npm run gen' },
  {
    name: 'generated: specifications',
    command: ['node', 'test/specifications/generate.ts', '--check'],
    repair: 'npm run gen, after test/specifications names the tests as they are called now',
  },
  {
    name: 'rules',
    command: ['vitest', 'run', '--root', 'test', '--project', 'unit', 'rules/', '--reporter=dot'],
    repair: 'npx vitest run --root test --project unit rules/',
  },
];

async function check(one: (typeof checks)[number]): Promise<boolean> {
  const started = Date.now();
  const [program = '', ...args] = one.command;
  let output = '';
  const code = await new Promise<number>((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', (error) => {
      output += `${error.message}\n`;
      resolve(127);
    });
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (code === 0) console.log(`ok    ${one.name} (${seconds} s)`);
  else
    console.log(
      `FAIL  ${one.name} (${seconds} s): ${one.command.join(' ')}\n${output.trimEnd()}\n      then: ${one.repair}`,
    );
  return code === 0;
}

const results = await Promise.all(checks.map(check));
const failed = results.filter((ok) => !ok).length;
console.log(failed === 0 ? 'all checks are fine' : `${failed} of ${checks.length} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
