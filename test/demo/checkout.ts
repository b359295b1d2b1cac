/** A copy of the sources, a shell in it, and what listens: to do what a reader of the README does without leaving traces here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const root = join(import.meta.dirname, '../..');
const copied = ['package.json', 'package-lock.json', 'setup.mjs', 'crds', 'server', 'operator', 'examples'];

export interface Checkout {
  readonly folder: string;
  /** A command in a shell of its own, in the folder. */
  terminal(command: string): Terminal;
  remove(): Promise<void>;
}

export async function copyCheckout(): Promise<Checkout> {
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-readme-'));
  const isSource = (path: string) => !/\/(node_modules|\.demo|generated)$/.test(path);
  for (const name of copied) await cp(join(root, name), join(folder, name), { recursive: true, filter: isSource });
  await mkdir(join(folder, 'test'));
  await cp(join(root, 'test/package.json'), join(folder, 'test/package.json'));
  await installLinks(folder);
  return {
    folder,
    terminal: (command) => new Terminal(command, folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * The packages that are installed here, each as a link, and the stamp that says so: were the set-up to install after all,
 * it would replace links. A link to the whole folder would have it empty this checkout's.
 */
async function installLinks(folder: string): Promise<void> {
  const installed = join(root, 'node_modules');
  const packages = join(folder, 'node_modules');
  await mkdir(join(packages, '@nauthera'), { recursive: true });
  for (const name of await readdir(installed)) {
    if (name !== '@nauthera' && !name.startsWith('.')) await symlink(join(installed, name), join(packages, name));
  }
  await symlink(join(installed, '.bin'), join(packages, '.bin'));
  for (const name of ['crds', 'server', 'operator', 'examples'])
    await symlink(join('../..', name), join(packages, '@nauthera', name));
  const lock = await readFile(join(folder, 'package-lock.json'));
  await writeFile(join(packages, '.nauthera-setup'), createHash('sha256').update(lock).digest('hex'));
}

export class Terminal {
  readonly #child: ChildProcess;
  readonly exited: Promise<number>;
  output = '';

  constructor(command: string, folder: string) {
    this.#child = spawn('bash', ['-c', command], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir() },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group, as a terminal makes one of each command.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    this.exited = new Promise((resolve) => this.#child.once('close', (code) => resolve(code ?? 1)));
  }

  /** Waits until a line begins so. */
  async says(line: string, seconds = 240): Promise<void> {
    const ended = this.exited.then((code) => code);
    for (const end = Date.now() + seconds * 1000; !this.output.split('\n').some((one) => one.startsWith(line)); ) {
      const code = await Promise.race([ended, sleep(100)]);
      if (code !== undefined) throw new Error(`ended with ${code} before it said "${line}":\n${this.output}`);
      if (Date.now() > end) throw new Error(`did not say "${line}" within ${seconds} s:\n${this.output}`);
    }
  }

  /** What Ctrl-C sends to every process of the command. */
  interrupt(): void {
    this.signal('SIGINT');
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
  }
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });
}

/** Nothing listens any more, within what a graceful end may take. */
export async function allIsGone(ports: readonly number[]): Promise<void> {
  for (const end = Date.now() + 120_000; ; await sleep(200)) {
    const open = (await Promise.all(ports.map(isListening))).flatMap((listens, at) => (listens ? [ports[at]] : []));
    if (open.length === 0) return;
    if (Date.now() > end) throw new Error(`still listening: ${open.join(', ')}`);
  }
}
