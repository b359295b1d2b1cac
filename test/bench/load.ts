/** Two ways to load a server: one request over and over (autocannon), or a walk of several (each virtual user in a loop). */
import autocannon from 'autocannon';
import type { Extent, Row, Sample } from './measure.ts';
import { cpuOf, type Running } from './stage.ts';

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RequestRow {
  readonly name: string;
  readonly role: Row['role'];
  readonly server: Running;
  /** In flight at once; default 64. */
  readonly connections?: number;
  /** The next request; called for each. */
  readonly next: () => Request;
  /** Told of each answer with status 200; `false`: it is a failure. */
  readonly onAnswer?: (body: string) => boolean;
  /** Runs before each load and is not measured: what the load will use up. */
  readonly prepare?: (extent: Extent) => Promise<void>;
}

/**
 * Seconds that a load runs ahead, unmeasured: between two loads of a row the engine forgets what it had learned of an idle
 * program, and serves slowly until it has learned it again.
 */
const ahead = 1;

export function requestRow({ name, role, server, connections = 64, next, onAnswer, prepare }: RequestRow): Row {
  return {
    name,
    role,
    async load(extent) {
      const isTimed = 'seconds' in extent;
      await prepare?.(isTimed ? { seconds: ahead + extent.seconds } : extent);
      let failures = 0;
      const run = (during: { readonly amount: number } | { readonly duration: number }) =>
        autocannon({
          url: server.url,
          connections: 'amount' in during ? Math.min(connections, during.amount) : connections,
          ...during,
          timeout: 10,
          requests: [
            {
              setupRequest: (request) => {
                const { method, path, headers = {}, body } = next();
                return {
                  ...request,
                  method,
                  path,
                  headers: { ...headers },
                  ...(body === undefined ? {} : { body }),
                };
              },
              onResponse: (status, body) => {
                if (status !== 200 || onAnswer?.(body) === false) failures += 1;
              },
            },
          ],
        });
      if (isTimed) {
        const { errors, timeouts } = await run({ duration: ahead });
        failures += errors + timeouts;
      }
      const before = cpuOf(server.pid);
      const began = performance.now();
      const result = await run(isTimed ? { duration: extent.seconds } : { amount: extent.operations });
      const seconds = (performance.now() - began) / 1000;
      return {
        operations: result['2xx'],
        seconds,
        failures: failures + result.errors + result.timeouts + result.non2xx,
        p50: result.latency.p50,
        p99: result.latency.p99,
        serverCpu: since(server, before),
      };
    },
  };
}

export interface WalkRow {
  readonly name: string;
  readonly role: Row['role'];
  readonly server: Running;
  /** Virtual users; default 16. */
  readonly users?: number;
  /** One whole operation; throws when it did not end as it should. */
  readonly walk: (user: number) => Promise<void>;
  readonly prepare?: (extent: Extent) => Promise<void>;
}

export function walkRow({ name, role, server, users = 16, walk, prepare }: WalkRow): Row {
  return {
    name,
    role,
    async load(extent) {
      const isTimed = 'seconds' in extent;
      await prepare?.(isTimed ? { seconds: ahead + extent.seconds } : extent);
      const problems: unknown[] = [];
      const walked = async (during: Extent): Promise<readonly number[]> => {
        const until = 'seconds' in during ? performance.now() + during.seconds * 1000 : Number.POSITIVE_INFINITY;
        let left = 'operations' in during ? during.operations : Number.POSITIVE_INFINITY;
        const times: number[] = [];
        const loop = async (user: number): Promise<void> => {
          while (performance.now() < until && left-- > 0) {
            const start = performance.now();
            try {
              await walk(user);
              times.push(performance.now() - start);
            } catch (error) {
              problems.push(error);
              if (problems.length > 20) return;
            }
          }
        };
        await Promise.all(Array.from({ length: users }, (_, user) => loop(user)));
        return times;
      };
      if (isTimed) await walked({ seconds: ahead });
      const before = cpuOf(server.pid);
      const began = performance.now();
      const times = await walked(extent);
      if (problems.length > 0) console.error(`${name}:`, problems[0]);
      const seconds = (performance.now() - began) / 1000;
      return {
        ...quantiles(times),
        operations: times.length,
        seconds,
        failures: problems.length,
        serverCpu: since(server, before),
      };
    },
  };
}

export function quantiles(times: readonly number[]): Pick<Sample, 'p50' | 'p99'> & { readonly p90: number } {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

export function since({ pid }: Running, before: number | undefined): number | undefined {
  const now = cpuOf(pid);
  return now === undefined || before === undefined ? undefined : now - before;
}

export function random(below: number): number {
  return Math.floor(Math.random() * below);
}
