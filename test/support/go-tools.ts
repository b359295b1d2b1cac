/**
 * Programs that tests need and that come as Go modules (`test/tools/*`): built once, kept in the cache folder under the
 * version and the hash of the module's files. Two processes that ask at once build once.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';

const tools = join(dirname(fileURLToPath(import.meta.url)), '../tools');

export interface GoTool {
  /** The name of the program, also in the cache folder. */
  readonly name: string;
  /** A folder of `test/tools`. */
  readonly module: string;
  /** The package to build. */
  readonly from: string;
  /** The dependency whose version is the program's. */
  readonly versionOf: string;
  /** Variables of the linker that hold the version, with what is put before it, e.g. `gitVersion`. */
  readonly versionVariables?: readonly string[];
}

/** The path of the program; builds it if the cache has none. A build says every ten seconds that it still runs. */
export async function goTool(tool: GoTool): Promise<string> {
  const { folder, version } = await placeOf(tool);
  const program = join(folder, tool.name);
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  const unlock = await lock(join(folder, `${tool.name}.lock`));
  try {
    if (!existsSync(program)) await build(tool, version, folder);
  } finally {
    await unlock();
  }
  return program;
}

async function placeOf(tool: GoTool): Promise<{ folder: string; version: string }> {
  const names = (await readdir(join(tools, tool.module)))
    .filter((name) => /^go[.](?:mod|sum)$|[.]go$/.test(name))
    .toSorted();
  const files = await Promise.all(names.map((name) => readFile(join(tools, tool.module, name), 'utf8')));
  const version = new RegExp(`^\\s*(?:require )?${tool.versionOf} (v[\\w.-]+)`, 'm').exec(
    files[names.indexOf('go.mod')] ?? '',
  )?.[1];
  if (version === undefined) throw new Error(`test/tools/${tool.module}/go.mod requires no ${tool.versionOf}`);
  const hash = createHash('sha256').update(files.join('\0')).digest('hex').slice(0, 12);
  return { folder: cacheFolder(tool.module, `${version}-${process.platform}-${process.arch}-${hash}`), version };
}

async function build(tool: GoTool, version: string, folder: string): Promise<void> {
  const go = await findGo(tool);
  const draft = await mkdtemp(join(folder, '.build-'));
  const variables = (tool.versionVariables ?? []).map((name) => `-X ${name}=${version}`);
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...variables].join(' ')];
  try {
    const child = spawn(go, ['build', ...flags, '-o', join(draft, tool.name), tool.from], {
      cwd: join(tools, tool.module),
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await finished(child, `${tool.name} ${version}`);
    await rename(join(draft, tool.name), join(folder, tool.name));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function finished(child: ChildProcess, what: string): Promise<void> {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const say = (text: string) => process.stderr.write(`${text}\n`);
  // Minutes of compiling should not slow down whatever else runs.
  if (child.pid !== undefined) setPriority(child.pid, 10);
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4000);
  });
  say(`building ${what} (once; minutes)`);
  const progress = setInterval(() => say(`building ${what}: ${seconds()} s`), 10_000);
  const endsWithUs = () => child.kill('SIGKILL');
  process.once('exit', endsWithUs);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exit) => resolve(exit ?? 1));
    });
    if (code !== 0) throw new Error(`${what} could not be built:\n${words}`);
    say(`built ${what} in ${seconds()} s`);
  } finally {
    clearInterval(progress);
    process.removeListener('exit', endsWithUs);
  }
}

async function findGo(tool: GoTool): Promise<string> {
  for (const candidate of ['go', '/usr/local/go/bin/go']) {
    try {
      await promisify(execFile)(candidate, ['version']);
      return candidate;
    } catch {
      // The next one.
    }
  }
  throw new Error(
    `no ${tool.name} here and no Go to build it: install Go 1.26 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder that holds the programs`,
  );
}

/** A lock file with its owner's process id; one whose owner is gone is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (let waited = 0; ; waited += 1) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    // An empty file: its owner is about to write, unless that has taken long.
    if (owner > 0 ? !isAlive(owner) : waited > 50) await rm(path, { force: true });
    else if (waited % 100 === 50) process.stderr.write(`waiting for process ${owner}, which builds ${path}\n`);
    await sleep(200);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
