/** `setup.mjs` with an npm of its own: what becomes of an install that is interrupted or fails. */
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { root } from './checkout.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-setup-'));
  await copyFile(join(root, 'setup.mjs'), join(folder, 'setup.mjs'));
  await writeFile(join(folder, 'package-lock.json'), '{}');
});
afterEach(() => rm(folder, { recursive: true }));

async function setUp(npm: string) {
  await writeFile(join(folder, 'npm'), `#!/bin/sh\n${npm}\n`);
  await chmod(join(folder, 'npm'), 0o755);
  const env = { PATH: [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(':') };
  const child = spawn(process.execPath, ['setup.mjs'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const seen = { output: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      seen.output += chunk.toString();
    });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const says = async (text: string) => {
    for (const end = Date.now() + 120_000; !seen.output.includes(text); await sleep(20))
      if (Date.now() > end) throw new Error(`not said: ${text}\n${seen.output}`);
  };
  return { child, seen, ended, says };
}

it('a signal reaches npm, and nothing ends before npm has tidied up', async () => {
  const tidies = `trap 'sleep 1; echo tidied; exit 1' TERM\necho begun\nwhile :; do sleep 0.1; done`;
  const { child, seen, ended, says } = await setUp(tidies);
  await says('begun');
  child.kill('SIGTERM');
  expect(await ended).toBe(130);
  expect(seen.output).toMatch(/begun\n\nStopping: .*\ntidied\n$/);
});

it('a second signal does not wait', async () => {
  const stays = `trap '' TERM\necho begun $$\nwhile :; do sleep 0.1; done`;
  const { child, seen, ended, says } = await setUp(stays);
  await says('begun');
  child.kill('SIGTERM');
  await says('Stopping');
  child.kill('SIGTERM');
  expect(await ended).toBe(130);
  const npm = Number(/begun (\d+)/.exec(seen.output)?.[1]);
  for (const end = Date.now() + 120_000; await isAlive(npm); await sleep(20))
    if (Date.now() > end) throw new Error('npm is still there');
});

it('an install that fails ends with 1 and is tried again', async () => {
  const { seen, ended } = await setUp('exit 7');
  expect(await ended).toBe(1);
  expect(seen.output).toContain('npm ci ended with 7');
  const again = await setUp('mkdir -p node_modules');
  expect([await again.ended, again.seen.output]).toEqual([0, expect.stringMatching(/Installed in \d+ s\./)]);
  const third = await setUp('exit 7');
  expect([await third.ended, third.seen.output]).toEqual([0, '']);
});

/** A process that has ended and that nobody has asked for is none. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/^\d+ \(.*\) Z /.test(stat);
}
