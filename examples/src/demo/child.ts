/** Child processes that cannot outlive this one. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

export interface Child {
  /** Exit code; a signal counts as 1. */
  readonly exited: Promise<number>;
  readonly running: boolean;
  /** SIGTERM, and SIGKILL after `patience` milliseconds. Resolves when it is gone. */
  stop(patience: number): Promise<void>;
}

const leash = pathToFileURL(`${import.meta.dirname}/leash.ts`).href;

/**
 * @param options.output where its output goes; left out: to this process's own
 * @param options.env beside the little that is handed on
 */
export interface ChildOptions {
  readonly output?: Writable;
  readonly env?: Readonly<Record<string, string>>;
}

export function startChild(script: string, args: readonly string[], options: ChildOptions = {}): Child {
  const { output } = options;
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TERM', 'NO_COLOR', 'TZ'];
  const env = Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const child: ChildProcess = spawn(process.execPath, ['--import', leash, script, ...args], {
    env: { ...env, ...options.env },
    stdio: ['pipe', output === undefined ? 'inherit' : 'pipe', output === undefined ? 'inherit' : 'pipe'],
    // Ctrl-C reaches every process of the terminal at once; this one is told in its turn.
    detached: true,
  });
  if (output !== undefined) {
    child.stdout?.pipe(output, { end: false });
    child.stderr?.pipe(output, { end: false });
  }
  child.stdin?.on('error', () => undefined);
  let running = true;
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 1));
  }).finally(() => {
    running = false;
  });
  return {
    exited,
    get running() {
      return running;
    },
    async stop(patience) {
      if (!running) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), patience);
      await exited;
      clearTimeout(timer);
    },
  };
}
