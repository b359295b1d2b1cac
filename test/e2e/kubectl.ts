/** kubectl and helm against the cluster that was given. */
import { execFile, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type HelmMajor, helmProgram, kubePrograms } from '../support/kube-binaries.ts';

const run = promisify(execFile);
/** Standard output. @throws with what the program said */
export async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run((await kubePrograms()).kubectl, [...args], { maxBuffer: 1 << 26 });
  return stdout;
}

/** The same with Helm 4. */
export function helm(...args: readonly string[]): Promise<string> {
  return helmOf(4, ...args);
}

export async function helmOf(major: HelmMajor, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(await helmProgram(major), [...args], { maxBuffer: 1 << 26 });
  return stdout;
}

/** `kubectl <args> -f -` with these documents. */
export async function apply(yaml: string, ...args: readonly string[]): Promise<string> {
  const child = spawn((await kubePrograms()).kubectl, [...(args.length === 0 ? ['apply'] : args), '-f', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stdin.end(yaml);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(out);
  return out;
}

/** The object as JSON. */
export async function get<T = Record<string, unknown>>(namespace: string, ...what: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl('-n', namespace, 'get', ...what, '-o', 'json')) as T;
}

/** Waits for `Ready` at the object's present generation. */
export function isReady(resource: string, namespace: string): Promise<string> {
  return kubectl('-n', namespace, 'wait', resource, '--for=condition=Ready', '--timeout=480s');
}

/** Runs a command in a pod and gives its standard output. */
export function inPod(namespace: string, pod: string, ...command: readonly string[]): Promise<string> {
  return kubectl('-n', namespace, 'exec', pod, '--', ...command);
}

/** What is asked again until it holds. @throws the last reason, after the deadline (default four minutes) */
export async function eventually<T>(look: () => Promise<T>, { within = 240_000, every = 500 } = {}): Promise<T> {
  for (const deadline = Date.now() + within; ; await sleep(every)) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
