/** The workflow of a release, step by step as its runner does it: with the real helm, and no registry or GitHub behind it. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { helmProgram } from '../support/kube-binaries.ts';

const root = join(import.meta.dirname, '../..');
const digest = `sha256:${'ab'.repeat(32)}`;

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}
interface Workflow {
  readonly on: { readonly release: { readonly types: readonly string[] } };
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly 'timeout-minutes': number; readonly steps: readonly Step[] }>>;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-release-'));
  for (const name of ['charts', 'image']) await symlink(join(root, name), join(folder, name));
  await standIn('docker', `[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo ${digest}`);
  await standIn('gh', `echo "$*" >> ${join(folder, 'gh.txt')}`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function standIn(name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
}

/** As `shell: bash` of a runner. */
async function bash(script: string, env: Readonly<Record<string, string>>): Promise<string> {
  const path = [folder, dirname(await helmProgram()), dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
  const options = { cwd: folder, env: { ...process.env, PATH: path, ...env } };
  return (await promisify(execFile)('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], options))
    .stdout;
}

it('the workflow of a release lists every image by digest, and attaches the list', async () => {
  const workflow = parse(await readFile(join(root, '.github/workflows/release.yaml'), 'utf8')) as Workflow;
  expect(workflow.on.release.types).toEqual(['published']);
  expect(workflow.permissions).toEqual({ contents: 'write' });
  expect(Object.keys(workflow.jobs)).toEqual(['image-list']);
  const job = workflow.jobs['image-list'];
  expect(job?.['timeout-minutes']).toBeLessThanOrEqual(30);
  const steps = job?.steps ?? [];
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\/[a-z-]+@v\d+\.\d+\.\d+$/);
  const runs = steps.flatMap(({ run, env = {} }) => (run === undefined ? [] : [{ run, names: Object.keys(env) }]));
  expect(runs.map(({ names }) => names)).toEqual([['IMAGE_REGISTRY'], ['GH_TOKEN', 'TAG']]);
  // What somebody names a release or a registry is text, and no part of a script.
  for (const { run } of runs) expect(run).not.toContain('${{');
  const env = { IMAGE_REGISTRY: 'registry.example.com', GH_TOKEN: 'x', TAG: 'v1.2.3' };
  for (const { run } of runs) await bash(run, env);

  const list = (await readFile(join(folder, 'images.txt'), 'utf8')).trimEnd().split('\n');
  expect(list.length).toBeGreaterThan(1);
  // Another registry's image stays there.
  for (const line of list) expect(line).toMatch(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+\/[^@\s]+@sha256:[0-9a-f]{64}$/);
  expect(list.filter((line) => line.startsWith(`${env.IMAGE_REGISTRY}/`)).length).toBeGreaterThan(0);
  expect(await readFile(join(folder, 'gh.txt'), 'utf8')).toBe('release upload v1.2.3 images.txt --clobber\n');
});

it('a release whose image nobody has published ends at the list, which is not attached', async () => {
  await standIn('docker', 'echo "no such manifest" >&2; exit 1');
  const { jobs } = parse(await readFile(join(root, '.github/workflows/release.yaml'), 'utf8')) as Workflow;
  const [list = ''] = (jobs['image-list']?.steps ?? []).flatMap(({ run }) => (run === undefined ? [] : [run]));
  const env = { IMAGE_REGISTRY: 'registry.example.com', GH_TOKEN: 'x', TAG: 'v1.2.3' };
  await expect(bash(list, env)).rejects.toThrow('no such manifest');
});
