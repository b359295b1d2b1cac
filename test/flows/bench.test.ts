/** The benches are in order: each of them runs, answers without a failure, and prints what it promises. No time is judged. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const program = join(import.meta.dirname, '../bench/run.ts');
const bench = (...args: string[]) =>
  run(process.execPath, [program, ...args], { timeout: 540_000, maxBuffer: 16 * 1024 * 1024 });

const names = [
  'client-credentials',
  'introspection',
  'userinfo',
  'documents',
  'code-exchange',
  'refresh',
  'sso',
  'login-consent',
  'directory',
  'start',
  'growth',
  'overload',
  'account-timing',
];

describe('npm run bench', () => {
  it('--list names every bench with what one operation of it is', async () => {
    const { stdout } = await bench('--list');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(names);
    for (const line of stdout.trim().split('\n')) expect(line.length).toBeGreaterThan(30);
  });

  it.each(names)('%s runs without a failure, and prints its rows', { timeout: 600_000 }, async (name) => {
    const { stdout } = await bench('--quick', name);
    const [title, heading, ...rows] = stdout.trim().split('\n');
    expect(title).toBe(`── ${name}`);
    expect(heading).toMatch(/^row +ops\/s +CPU µs +p50 ms +p99 ms +spread +n$/);
    expect(rows.length).toBeGreaterThan(0);
    expect(stdout).not.toMatch(/failed|NaN/);
  });

  it('an unknown name ends with the names that there are', async () => {
    await expect(bench('no-such-bench')).rejects.toMatchObject({ stderr: expect.stringContaining('login-consent') });
  });
});
