/**
 * Programs that end with the process that started them, even when that one is killed: a small shell holds the other end
 * of a pipe, knows their process ids, and when the pipe closes it kills them and removes their folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const script = [
  // shellcheck: the list of ids is split on purpose.
  'while read -r line; do pids=$line; done',
  '[ -z "$pids" ] || kill -9 $pids 2>/dev/null',
  'rm -rf "$1" || { sleep 1; rm -rf "$1"; }',
].join('\n');

export class Guardian {
  readonly #folder: string;
  readonly #shell: ChildProcess;
  readonly #pids = new Set<number>();

  constructor(folder: string) {
    this.#folder = folder;
    // In a process group of its own: whatever interrupts the tests' group must not reach it.
    this.#shell = spawn('/bin/sh', ['-c', script, 'guardian', folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH },
    });
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.unref();
  }

  watch(pid: number): void {
    this.#pids.add(pid);
    this.#tell();
  }

  forget(pid: number): void {
    this.#pids.delete(pid);
    this.#tell();
  }

  #tell(): void {
    this.#shell.stdin?.write(`${[...this.#pids].join(' ')}\n`);
  }

  /** Ends what still runs and removes the folder. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#shell.once('exit', resolve));
    this.#shell.ref();
    this.#shell.stdin?.end();
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export interface ProgramOptions {
  readonly name: string;
  readonly program: string;
  readonly args: () => readonly string[];
  /** Holds its log. */
  readonly folder: string;
  readonly guardian: Guardian;
  /** Whether it answers already. */
  readonly isReady: () => Promise<boolean>;
}

/** One program that is killed and started again with the same arguments. */
export class Program {
  readonly #options: ProgramOptions;
  #process: ChildProcess | undefined;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const { name, program, args, folder, guardian, isReady } = this.#options;
    const child = spawn(program, args(), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const log = createWriteStream(this.#log, { flags: 'a' });
    log.on('error', () => undefined);
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    const { pid } = child;
    if (pid !== undefined) guardian.watch(pid);
    child.once('close', () => {
      if (pid !== undefined) guardian.forget(pid);
      log.end();
    });
    for (const deadline = Date.now() + 240_000; !(await isReady()); await sleep(25)) {
      if (failure !== undefined) throw failure;
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${name} ended while starting:\n${await this.tail()}`);
      if (Date.now() > deadline) throw new Error(`${name} is not ready after four minutes:\n${await this.tail()}`);
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** The end of its log, for a failure's message. */
  async tail(): Promise<string> {
    return (await readFile(this.#log, 'utf8').catch(() => '')).split('\n').slice(-25).join('\n');
  }

  get #log(): string {
    return join(this.#options.folder, `${this.#options.name}.log`);
  }
}
