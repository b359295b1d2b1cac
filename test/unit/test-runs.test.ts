/** Which failures of tests may be asked again. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failuresOf, filesToRetry, type Report } from '../support/layer-report.ts';

const root = '/checkout/test';
const reportOf = (...failed: readonly string[]): Report => ({
  testResults: ['flows/good.test.ts', ...failed].map((name) => ({
    name: `${root}/${name}`,
    status: failed.includes(name) ? 'failed' : 'passed',
    message: '',
    assertionResults: [
      { fullName: 'a rule', status: failed.includes(name) ? 'failed' : 'passed', failureMessages: ['it broke'] },
    ],
  })),
});

describe('files that are asked again', () => {
  it('are those that failed, where they are few', () => {
    const report = reportOf('flows/a.test.ts', 'flows/b.test.ts');
    expect(filesToRetry({ report, unhandled: [] }, root, 2)).toEqual(['flows/a.test.ts', 'flows/b.test.ts']);
    expect(failuresOf(report, root)).toEqual([
      'flows/a.test.ts > a rule\n     it broke',
      'flows/b.test.ts > a rule\n     it broke',
    ]);
  });

  it.each<readonly [string, Parameters<typeof filesToRetry>[0]]>([
    ['more failed', { report: reportOf('flows/a.test.ts', 'flows/b.test.ts', 'flows/c.test.ts'), unhandled: [] }],
    ['one of them is a test of races', { report: reportOf('flows/a.test.ts', 'flows/races.test.ts'), unhandled: [] }],
    [
      'something went wrong outside of every test, too',
      { report: reportOf('flows/a.test.ts'), unhandled: ['Error: x'] },
    ],
    ['nobody knows what went wrong outside of tests', { report: reportOf('flows/a.test.ts'), unhandled: undefined }],
    ['there is no report', { report: undefined, unhandled: [] }],
    ['none failed', { report: reportOf(), unhandled: [] }],
  ])('are none where %s', (_, run) => expect(filesToRetry(run, root, 2)).toEqual([]));
});

describe('what goes wrong outside of every test', () => {
  let folder: string;
  beforeAll(async () => {
    const modules = join(import.meta.dirname, '../../node_modules');
    await mkdir(join(modules, '.cache'), { recursive: true });
    folder = await mkdtemp(join(modules, '.cache/runs-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['is written down', "setTimeout(() => { throw new Error('nobody waits'); });", [/^Error: nobody waits/]],
    ['is nothing, where nothing is', '', []],
  ])('%s', async (_, outside, expected) => {
    const test = `import { it } from 'vitest';\nimport { setTimeout as sleep } from 'node:timers/promises';\n${outside}\nit('passes', () => sleep(200));\n`;
    await writeFile(join(folder, 'one.test.mjs'), test);
    const written = join(folder, 'unhandled.json');
    const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');
    const reporter = join(import.meta.dirname, '../support/unhandled-reporter.ts');
    const options = { cwd: folder, env: { ...process.env, UNHANDLED_ERRORS: written } };
    const run = promisify(execFile)(
      process.execPath,
      [vitest, 'run', '--root', folder, `--reporter=${reporter}`],
      options,
    );
    const failed = await run.then(
      () => false,
      () => true,
    );
    expect(failed).toBe(expected.length > 0);
    const found = JSON.parse(await readFile(written, 'utf8')) as readonly string[];
    expect(found).toEqual(expected.map((one) => expect.stringMatching(one)));
  });
});
