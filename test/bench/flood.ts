/** More than can be served: each virtual user in a loop, who comes again soon when told that it is too much. */
import { setTimeout as sleep } from 'node:timers/promises';
import { quantiles, since } from './load.ts';
import type { Extent, Sample } from './measure.ts';
import { cpuOf, memoryOf, type Running } from './stage.ts';
import type { OnAnswer } from './walk.ts';

export interface Flood {
  readonly server: Running;
  readonly users: number;
  /** One whole operation, telling of each answer; throws when it did not end as it should. */
  readonly step: (user: number, onAnswer: OnAnswer) => Promise<void>;
  /** Milliseconds after each operation; default none. */
  readonly pause?: number;
}

/** `p50` and `p99` are those of single answers that were no refusal. */
export interface Flooded extends Sample {
  /** Answers with 503, and how many of them did not say when to come again. */
  readonly refused: number;
  readonly unhelpful: number;
  readonly answers: number;
  /** MiB of the server: the most in the first half, and in the second. */
  readonly memory: readonly [number, number];
}

/** Milliseconds until somebody refused comes again: ten times as soon as told, but this process has more to do than refusals. */
const impatience = 100;

export async function flood({ server, users, step, pause = 0 }: Flood, extent: Extent): Promise<Flooded> {
  const admitted: number[] = [];
  const problems: unknown[] = [];
  let [operations, refused, unhelpful] = [0, 0, 0];
  const before = cpuOf(server.pid);
  const began = performance.now();
  const until = 'seconds' in extent ? began + extent.seconds * 1000 : Number.POSITIVE_INFINITY;
  const wanted = 'operations' in extent ? extent.operations : Number.POSITIVE_INFINITY;
  const loop = async (user: number): Promise<void> => {
    while (performance.now() < until && operations < wanted && problems.length < 20) {
      let isRefused = false;
      const onAnswer: OnAnswer = (status, milliseconds, retryAfter) => {
        if (status !== 503) return void admitted.push(milliseconds);
        isRefused = true;
        refused += 1;
        if (!retryAfter) unhelpful += 1;
      };
      try {
        await step(user, onAnswer);
        operations += 1;
        if (pause > 0) await sleep(pause);
      } catch (error) {
        if (isRefused) await sleep(impatience);
        else problems.push(error);
      }
    }
  };
  const memory: number[] = [];
  const look = setInterval(() => memory.push(memoryOf(server.pid) ?? 0), 100);
  await Promise.all(Array.from({ length: users }, (_, user) => loop(user)));
  clearInterval(look);
  memory.push(memoryOf(server.pid) ?? 0);
  if (problems.length > 0) console.error(problems[0]);
  const half = Math.floor(memory.length / 2);
  const first = Math.max(...memory.slice(0, half + 1));
  return {
    ...quantiles(admitted),
    operations,
    seconds: (performance.now() - began) / 1000,
    failures: problems.length,
    serverCpu: since(server, before),
    refused,
    unhelpful,
    answers: admitted.length + refused,
    memory: [first, Math.max(...memory.slice(half))],
  };
}
