/**
 * Runs the test layers, fast first, and sums them up: `node test/run.ts [layer…]`. The last line is
 * `N passed, N failed`. Exit code 0: every test of every layer passed; 1: one failed, or a layer ran no test.
 * `E2E_REPEAT=10` runs the layer e2e ten times in a row. `RETRY_FILES=2`: when at most two files of a layer failed, these
 * are run once more; a test that passes then is told as flaky, with how it failed, and does not fail the run. Tests of
 * races are never asked again, and neither are the layers without foreign programs, unit and registry, nor a run in which
 * something went wrong outside of every test.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FinishedRun, failuresOf, filesToRetry, head, type Report } from './support/layer-report.ts';

const here = dirname(fileURLToPath(import.meta.url));

/** In the order they run. `workers`: test files side by side; processes and servers want the cores for themselves. */
const layers = [
  { name: 'unit', about: 'pure rules, tables, the rules of the repository', workers: 2 },
  { name: 'registry', about: 'one suite on PGlite and on the newest and the oldest Postgres', workers: 2 },
  { name: 'flows', about: 'HTTP against real servers, Postgres and slapd', workers: 2, retried: true },
  { name: 'cluster', about: 'kubectl and the operator against a real Kubernetes API', workers: 2, retried: true },
  { name: 'browser', about: 'Chromium: pages, keyboard, accessibility', workers: 1, retried: true },
  { name: 'demo', about: 'the demo and the steps of the README', workers: 1, retried: true },
  // Run by name alone, since it needs a cluster that somebody gives away.
  {
    name: 'e2e',
    about: 'helm, pods and the images of this checkout in the cluster of KUBECONFIG',
    workers: 1,
    given: true,
  },
] as const;

interface Outcome {
  readonly layer: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly broken: boolean;
  readonly seconds: number;
  /** File, name and first lines of the message of each failed test: told again at the end, where one looks. */
  readonly failures: readonly string[];
  /** The same of the tests that passed when they were asked again. */
  readonly flaky: readonly string[];
}

async function runLayer(layer: (typeof layers)[number]): Promise<Outcome> {
  console.log(`\n── ${layer.name}: ${layer.about}`);
  const started = Date.now();
  let { code, report, unhandled } = await runFiles(layer, []);
  let flaky: readonly string[] = [];
  const files = 'retried' in layer ? filesToRetry({ report, unhandled }, here, retryFiles) : [];
  if (report !== undefined && files.length > 0) {
    console.log(`\n── ${layer.name}, once more: ${files.join(', ')}`);
    const again = await runFiles(layer, files);
    if (again.code === 0 && again.report !== undefined) {
      flaky = failuresOf(report, here);
      const others = report.testResults.filter(({ status }) => status !== 'failed');
      report = { testResults: [...others, ...again.report.testResults] };
      ({ code, unhandled } = again);
    }
  }
  const tests = report?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [];
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failed = tests.filter(({ status }) => status === 'failed').length;
  return {
    layer: layer.name,
    passed,
    failed,
    skipped: tests.length - passed - failed,
    // A file that does not load fails no test, nor does what goes wrong outside of tests; a layer without tests proves nothing.
    broken: (code !== 0 && failed === 0) || passed === 0,
    seconds: Math.round((Date.now() - started) / 1000),
    failures: [
      ...(report === undefined ? [] : failuresOf(report, here)),
      ...(unhandled ?? []).map((error) => `outside of every test\n     ${head(error)}`),
    ],
    flaky,
  };
}

/** All files of the layer, or those named (relative to this folder). */
async function runFiles(layer: (typeof layers)[number], files: readonly string[]): Promise<FinishedRun> {
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-report-'));
  const [report, unhandled] = [join(folder, 'report.json'), join(folder, 'unhandled.json')];
  const code = await new Promise<number>((resolve) => {
    const child = spawn(
      process.execPath,
      [
        join(here, '../node_modules/vitest/vitest.mjs'),
        'run',
        ...files,
        `--project=${layer.name}`,
        `--maxWorkers=${layer.workers}`,
        '--reporter=default',
        '--reporter=json',
        `--reporter=${join(here, 'support/unhandled-reporter.ts')}`,
        `--outputFile.json=${report}`,
      ],
      { cwd: here, env: { ...process.env, UNHANDLED_ERRORS: unhandled }, stdio: ['ignore', 'inherit', 'inherit'] },
    );
    child.once('error', () => resolve(127));
    child.once('exit', (exit) => resolve(exit ?? 1));
  });
  const read = { report: await readJson<Report>(report), unhandled: await readJson<readonly string[]>(unhandled) };
  await rm(folder, { recursive: true, force: true });
  return { code, ...read };
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !layers.some((layer) => layer.name === name));
if (unknown.length > 0) {
  console.error(`no layer ${unknown.join(', ')}: the layers are ${layers.map((layer) => layer.name).join(', ')}`);
  process.exit(2);
}

const repeat = Number(process.env.E2E_REPEAT ?? 1);
if (!Number.isInteger(repeat) || repeat < 1) {
  console.error(`E2E_REPEAT is a number of times, not ${process.env.E2E_REPEAT}`);
  process.exit(2);
}

const retryFiles = Number(process.env.RETRY_FILES ?? 0);
if (!Number.isInteger(retryFiles) || retryFiles < 0) {
  console.error(`RETRY_FILES is a number of files, not ${process.env.RETRY_FILES}`);
  process.exit(2);
}

const outcomes: Outcome[] = [];
for (const layer of layers) {
  const given = 'given' in layer;
  if (asked.length === 0 ? given : !asked.includes(layer.name)) continue;
  for (let time = 0; time < (given ? repeat : 1); time++) outcomes.push(await runLayer(layer));
}

for (const { layer, failures, flaky } of outcomes) {
  for (const one of flaky) console.log(`\n ~ ${layer}: FLAKY, failed and then passed: ${one}`);
  for (const failure of failures) console.log(`\n ✗ ${layer}: ${failure}`);
}
console.log('');
for (const outcome of outcomes) {
  const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : '';
  const flaky = outcome.flaky.length > 0 ? `, ${outcome.flaky.length} of them flaky` : '';
  const broken = outcome.broken ? '  ← did not run as a whole, see above' : '';
  console.log(
    `   ${outcome.layer.padEnd(9)} ${outcome.passed} passed, ${outcome.failed} failed${skipped}${flaky} (${outcome.seconds} s)${broken}`,
  );
}
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed + (outcome.broken ? 1 : 0), 0);
const skipped = outcomes.reduce((sum, outcome) => sum + outcome.skipped, 0);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;
