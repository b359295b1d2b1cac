/** A server process of its own, as `nauthera-server serve` runs it: for kills, restarts and races between processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';

const program = join(dirname(fileURLToPath(import.meta.url)), '../../server/src/main.ts');

export interface ReplicaOptions {
  readonly databaseUrl: string;
  /** The key-encryption key: see {@link keyFileText}. */
  readonly keyFile: string;
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of Node.js. */
  readonly nodeOptions?: readonly string[];
  /** Another build. Default: this checkout's server. */
  readonly program?: string;
}

/** The exit code that says so. */
const unreached = 3;

export const keyFileText = (key: Uint8Array): string => `${Buffer.from(key).toString('base64')}\n`;

export class Replica {
  readonly url: string;
  readonly #options: ReplicaOptions;
  readonly #management: number;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(options: ReplicaOptions, port: number, management: number) {
    this.#options = options;
    this.url = `http://127.0.0.1:${port}`;
    this.#management = management;
  }

  /** Resolves when it is ready. */
  static async start(options: ReplicaOptions): Promise<Replica> {
    const replica = new Replica(options, await freePort(), await freePort());
    await replica.restart();
    return replica;
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The end of what it wrote, for a failure's message. */
  get log(): string {
    return this.#log;
  }

  /**
   * Starts it on the same ports after {@link kill}; resolves when it is ready. One that ended because it did not reach its
   * database in time is started again, as whoever runs pods does.
   */
  async restart(): Promise<void> {
    for (const deadline = Date.now() + 120_000; ; await sleep(200)) {
      try {
        return await this.#startOnce();
      } catch (error) {
        if (this.#process?.exitCode !== unreached || Date.now() > deadline) throw error;
      }
    }
  }

  async #startOnce(): Promise<void> {
    const child = spawn(
      process.execPath,
      [
        ...(this.#options.nodeOptions ?? []),
        this.#options.program ?? program,
        'serve',
        '--key-file',
        this.#options.keyFile,
        '--log-level',
        'info',
        '--listen',
        new URL(this.url).host,
        '--management',
        `127.0.0.1:${this.#management}`,
      ],
      {
        env: { ...process.env, ...this.#options.environment, NAUTHERA_DATABASE: this.#options.databaseUrl },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#process = child;
    const keep = (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-8000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const endsWithUs = () => child.kill('SIGKILL');
    process.once('exit', endsWithUs);
    child.once('exit', () => process.removeListener('exit', endsWithUs));
    for (const deadline = Date.now() + 120_000; !(await this.isReady()); await sleep(25)) {
      if (child.exitCode !== null) throw new Error(`the replica ended with ${child.exitCode}:\n${this.#log}`);
      if (Date.now() > deadline) throw new Error(`the replica is not ready after 60 s:\n${this.#log}`);
    }
  }

  /** As Prometheus reads them. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#management}/metrics`)).text();
  }

  /** As whoever sends it requests asks. */
  async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.#management}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** It goes on, with whatever has arrived meanwhile. */
  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** `kill -9`. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** A clean stop. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}
