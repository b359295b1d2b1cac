/** `nauthera-operator run` as a process of its own: for kills, freezes, and two of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';
import { until } from './product.ts';

const program = join(dirname(fileURLToPath(import.meta.url)), '../../operator/src/main.ts');

export interface OperatorProcessOptions {
  readonly kubeconfig: string;
  /** Left out: the whole cluster. */
  readonly watchNamespaces?: readonly string[];
  /** Starts it again whenever it ends, as a Deployment does. Default false. */
  readonly restart?: boolean;
  readonly args?: readonly string[];
  /** The program, and what Node is told before it. Default: the sources. */
  readonly program?: string;
  readonly nodeArgs?: readonly string[];
}

export class OperatorProcess {
  readonly #options: OperatorProcessOptions;
  readonly #management: number;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #wanted = true;
  #log = '';
  /** How often it ended by itself. */
  ends = 0;

  private constructor(options: OperatorProcessOptions, management: number) {
    this.#options = options;
    this.#management = management;
    this.#spawn();
  }

  static async start(options: OperatorProcessOptions): Promise<OperatorProcess> {
    return new OperatorProcess(options, await freePort());
  }

  /** The end of what it wrote, for a failure's message. */
  get log(): string {
    return this.#log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #spawn(): void {
    const { kubeconfig, watchNamespaces, args = [], nodeArgs = [] } = this.#options;
    const child = spawn(
      process.execPath,
      [
        ...nodeArgs,
        this.#options.program ?? program,
        'run',
        '--kubeconfig',
        kubeconfig,
        '--management',
        `127.0.0.1:${this.#management}`,
        ...(watchNamespaces === undefined ? [] : ['--watch-namespaces', watchNamespaces.join(',')]),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, NAUTHERA_LOG_LEVEL: 'info' } },
    );
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const endsWithUs = () => child.kill('SIGKILL');
    process.once('exit', endsWithUs);
    this.#ended = new Promise((resolve) => child.once('close', resolve)).then(() => {
      process.removeListener('exit', endsWithUs);
      if (!this.#wanted) return;
      this.ends += 1;
      if (this.#options.restart === true) this.#spawn();
    });
  }

  /** It answers, and is alive; whether it leads is another matter. */
  async live(): Promise<this> {
    await until(
      () => `the operator is alive:\n${this.#log}`,
      async () => (await this.#status('/livez')) === 200,
      120_000,
    );
    return this;
  }

  /** It leads, and knows everything. */
  async ready(): Promise<this> {
    await until(
      () => `the operator is ready:\n${this.#log}`,
      async () => (await this.#status('/readyz')) === 200,
      120_000,
    );
    return this;
  }

  /** As Prometheus reads them. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#management}/metrics`)).text();
  }

  async #status(path: string): Promise<number | undefined> {
    return fetch(`http://127.0.0.1:${this.#management}${path}`).then(
      ({ status }) => status,
      () => undefined,
    );
  }

  /** SIGSTOP: nothing answers, connections stay open. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Resolves when it has ended, by itself or not. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** SIGKILL; whether it is started again is as with any other end. */
  crash(): void {
    this.#child?.kill('SIGKILL');
  }

  /** SIGKILL, for good. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** A clean stop, for good. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) child.kill(signal);
    await this.#ended;
  }
}
